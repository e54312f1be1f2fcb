/* Reads classic pcap files for tests: Ethernet only, either byte order. */
#ifndef LABD_TESTS_LOG_PCAP_H
#define LABD_TESTS_LOG_PCAP_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct pcap {
	uint8_t *bytes;
	size_t len, at;
	bool swapped, nano;
};

static inline uint32_t pcap_u32(const struct pcap *p, size_t at)
{
	uint32_t n;

	memcpy(&n, p->bytes + at, sizeof(n));
	return p->swapped ? __builtin_bswap32(n) : n;
}

static inline bool pcap_open(struct pcap *p, const char *path)
{
	FILE *f = fopen(path, "rb");
	size_t n;

	memset(p, 0, sizeof(*p));
	if (!f)
		return false;
	p->bytes = malloc(1 << 20);
	n = p->bytes ? fread(p->bytes, 1, 1 << 20, f) : 0;
	fclose(f);
	p->len = n;
	if (n < 24)
		return false;
	p->swapped = pcap_u32(p, 0) == 0xd4c3b2a1 || pcap_u32(p, 0) == 0x4d3cb2a1;
	p->nano = pcap_u32(p, 0) == 0xa1b23c4d;
	if (pcap_u32(p, 0) != 0xa1b2c3d4 && !p->nano)
		return false;
	p->at = 24;
	return (pcap_u32(p, 20) & 0xffff) == 1;
}

static inline bool pcap_next(struct pcap *p, const uint8_t **data, uint32_t *cap, uint32_t *len,
			     int64_t *ns)
{
	if (p->at + 16 > p->len)
		return false;
	*ns = (int64_t)pcap_u32(p, p->at) * 1000000000 +
	      (int64_t)pcap_u32(p, p->at + 4) * (p->nano ? 1 : 1000);
	*cap = pcap_u32(p, p->at + 8);
	*len = pcap_u32(p, p->at + 12);
	if (*cap > p->len - p->at - 16)
		return false;
	*data = p->bytes + p->at + 16;
	p->at += 16 + *cap;
	return true;
}

static inline void pcap_close(struct pcap *p)
{
	free(p->bytes);
}

#endif
