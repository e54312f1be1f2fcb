/* A TFTP server with a file that can be read. Include after cmocka.h. */
#ifndef LABD_TESTS_TFTP_SERVER_DRIVER_H
#define LABD_TESTS_TFTP_SERVER_DRIVER_H

#include "tftp_driver.h"

#define MAIN_SOCK 1

static char content[200000];

static inline void begin(struct drv *d, const char *conf)
{
	drv_init(d, &tftp_proto, KIND_SERVER, 1);
	drv_addr(d, 1, US "/24");
	drv_conf(d, conf);
	drv_start(d, "tftp.server");
	for (size_t i = 0; i < sizeof(content); i++)
		content[i] = (char)('a' + i % 26);
}

static inline void request(struct drv *d, const char *octets, size_t len)
{
	tftp_from(d, MAIN_SOCK, tftp_ep(PEER_TID), octets, len);
}
#define REQUEST(d, text) request((d), (text), sizeof(text) - 1)

/* A RRQ of a file of this size that is there; its session's socket. */
static inline uint32_t reading(struct drv *d, const char *octets, size_t octets_len, size_t size)
{
	const struct fx_effect *e;
	uint32_t sock;

	request(d, octets, octets_len);
	sock = tftp_sock(d);
	tftp_ask(d, FILE_READ, &e);
	tftp_answer(d, e, 0, content, size < TFTP_CHUNK ? size : TFTP_CHUNK, size);
	return sock;
}
#define READING(d, text, size) reading((d), (text), sizeof(text) - 1, (size))
#define RRQ		       "\0\1f\0octet\0"

/* A WRQ of a file that is not there. */
static inline uint32_t writing(struct drv *d, const char *octets, size_t len)
{
	const struct fx_effect *e;
	uint32_t sock;

	request(d, octets, len);
	sock = tftp_sock(d);
	tftp_ask(d, FILE_STAT, &e);
	tftp_answer(d, e, -ENOENT, NULL, 0, 0);
	return sock;
}
#define WRITING(d, text) writing((d), (text), sizeof(text) - 1)
#define WRQ		 "\0\2f\0octet\0"

#endif
