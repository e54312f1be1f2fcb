/*
 * Reading netlink attributes safely: a table of pointers, and getters that check the length and
 * copy, so that neither a short attribute nor an unaligned one can do harm. A getter of an absent
 * or short attribute leaves the value alone and returns false.
 */
#ifndef NETNS_ATTR_H
#define NETNS_ATTR_H

#include <libmnl/libmnl.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Fixed header of a message into |hdr|; false when the message is shorter. */
static inline bool attr_header(const struct nlmsghdr *msg, void *hdr, size_t len)
{
	if (mnl_nlmsg_get_payload_len(msg) < len)
		return false;
	memcpy(hdr, mnl_nlmsg_get_payload(msg), len);
	return true;
}

static inline void attr_put_in(const struct nlattr **tb, unsigned max, const struct nlattr *a)
{
	uint16_t type = mnl_attr_get_type(a);

	if (type <= max)
		tb[type] = a;
}

/* |tb| has |max| + 1 places; a type above |max| is skipped: newer kernels know more. */
static inline void attr_table(const struct nlmsghdr *msg, size_t hdr_len, const struct nlattr **tb,
			      unsigned max)
{
	const struct nlattr *a;

	memset(tb, 0, (max + 1) * sizeof(*tb));
	if (mnl_nlmsg_get_payload_len(msg) < MNL_ALIGN(hdr_len))
		return;
	mnl_attr_for_each(a, msg, hdr_len) attr_put_in(tb, max, a);
}

static inline void attr_nested(const struct nlattr *nest, const struct nlattr **tb, unsigned max)
{
	const struct nlattr *a;

	memset(tb, 0, (max + 1) * sizeof(*tb));
	if (!nest)
		return;
	mnl_attr_for_each_nested(a, nest) attr_put_in(tb, max, a);
}

static inline bool attr_copy(const struct nlattr *a, void *value, size_t len)
{
	if (!a || mnl_attr_get_payload_len(a) < len)
		return false;
	memcpy(value, mnl_attr_get_payload(a), len);
	return true;
}

static inline bool attr_u8(const struct nlattr *a, uint8_t *v)
{
	return attr_copy(a, v, sizeof(*v));
}

static inline bool attr_u16(const struct nlattr *a, uint16_t *v)
{
	return attr_copy(a, v, sizeof(*v));
}

static inline bool attr_u32(const struct nlattr *a, uint32_t *v)
{
	return attr_copy(a, v, sizeof(*v));
}

static inline bool attr_index(const struct nlattr *a, int *v)
{
	return attr_copy(a, v, sizeof(*v));
}

/* A string with or without its NUL; cut to |len| - 1 bytes. */
static inline bool attr_text(const struct nlattr *a, char *text, size_t len)
{
	size_t n;

	if (!a)
		return false;
	n = strnlen(mnl_attr_get_payload(a), mnl_attr_get_payload_len(a));
	if (n >= len)
		n = len - 1;
	memcpy(text, mnl_attr_get_payload(a), n);
	text[n] = 0;
	return true;
}

#endif
