/* What the tests of TFTP share: packets in and out, files. Include after cmocka.h. */
#ifndef LABD_TESTS_TFTP_DRIVER_H
#define LABD_TESTS_TFTP_DRIVER_H

#include <errno.h>

#include "machine_driver.h"
#include "tftp/tftp.h"

#define US	 "10.0.0.1"
#define PEER	 "10.0.0.9"
#define PEER_TID 40000

static inline struct ep tftp_ep(uint16_t port)
{
	return drv_ep(PEER, port);
}

static inline void tftp_from(struct drv *d, uint32_t sock, struct ep src, const void *data,
			     size_t len)
{
	drv_datagram(d, sock, src, drv_ep(US, sock < 16 ? TFTP_PORT : 50000), 1, data, len);
}

/* op and block, then data. */
static inline void tftp_block(struct drv *d, uint32_t sock, enum tftp_op op, unsigned block,
			      const void *data, size_t len)
{
	uint8_t buf[TFTP_HEADER + TFTP_BLKSIZE_MAX];
	struct wr w;

	wr_init(&w, buf, sizeof(buf));
	tftp_put_block(&w, op, (uint16_t)block);
	wr_bytes(&w, data, len);
	tftp_from(d, sock, tftp_ep(PEER_TID), buf, wr_len(&w));
}

static inline void tftp_ack(struct drv *d, uint32_t sock, unsigned block)
{
	tftp_block(d, sock, TFTP_ACK, block, "", 0);
}

/* A data block of len octets, each of value c. */
static inline void tftp_data(struct drv *d, uint32_t sock, unsigned block, char c, size_t len)
{
	uint8_t data[TFTP_BLKSIZE_MAX];

	memset(data, c, len);
	tftp_block(d, sock, TFTP_DATA, block, data, len);
}

static inline void tftp_error(struct drv *d, uint32_t sock, uint16_t code, const char *text)
{
	uint8_t buf[200];
	struct wr w;

	wr_init(&w, buf, sizeof(buf));
	tftp_put_error(&w, code, text);
	tftp_from(d, sock, tftp_ep(PEER_TID), buf, wr_len(&w));
}

static inline void tftp_oack(struct drv *d, uint32_t sock, const char *octets, size_t len)
{
	uint8_t buf[200] = { 0, TFTP_OACK };

	memcpy(buf + 2, octets, len);
	tftp_from(d, sock, tftp_ep(PEER_TID), buf, 2 + len);
}
#define TFTP_OACK_OF(d, sock, text) tftp_oack((d), (sock), (text), sizeof(text))

/* --- what came out ------------------------------------------------------------------------ */

struct tftp_sent {
	struct tftp_msg m;
	const struct fx_effect *e;
};

static inline struct tftp_sent tftp_next(struct drv *d)
{
	struct tftp_sent s = { .e = drv_next_send(d) };
	const char *why = "";

	if (tftp_decode(s.e->send.data, s.e->send.len, &s.m, &why) < 0)
		fail_msg("the machine sent what cannot be decoded: %s", why);
	return s;
}

static inline struct tftp_sent tftp_expect(struct drv *d, enum tftp_op op, unsigned number)
{
	struct tftp_sent s = tftp_next(d);

	assert_int_equal(s.m.op, op);
	assert_int_equal(op == TFTP_ERROR ? s.m.code : s.m.block, number);
	return s;
}

/* The socket of the session that began last. */
static inline uint32_t tftp_sock(struct drv *d)
{
	return drv_next_bind(d)->bind.sock;
}

/* --- files -------------------------------------------------------------------------------- */

static inline const struct ask_file *tftp_ask(struct drv *d, enum file_op op,
					      const struct fx_effect **ret)
{
	*ret = drv_next_ask(d);
	assert_int_equal((*ret)->ask.ask->kind, ASK_FILE);
	assert_int_equal((*ret)->ask.ask->file.op, op);
	return &(*ret)->ask.ask->file;
}

static inline void tftp_answer(struct drv *d, const struct fx_effect *e, int err, const void *data,
			       size_t len, uint64_t size)
{
	struct answer a = { .err = err };

	if (err)
		str_copy(a.why, sizeof(a.why), strerror(-err));
	a.file.data = data;
	a.file.len = len;
	a.file.size = size;
	drv_answer(d, e->ask.ask_id, &a);
}

#endif
