/* dns_resolver_driver.h: a PC, 10.0.0.77, that resolves names for its own programs. */
#ifndef LABD_TESTS_DNS_RESOLVER_DRIVER_H
#define LABD_TESTS_DNS_RESOLVER_DRIVER_H

#include "dns_driver.h"

#define CONF "ip name-server 10.0.0.1 10.0.0.2\nip domain-name lab.test\n"

/* The device does with FX_RESOLVER what the shell does. */
static inline void take_resolver(struct drv *d)
{
	const struct fx_effect *e = drv_next(d, FX_RESOLVER);

	if (!e)
		return;
	d->dev.resolvers[0] = e->resolver;
	d->dev.n_resolvers = e->resolver.n_servers ? 1 : 0;
}

static inline void start(struct drv *d, const char *conf)
{
	drv_init(d, &dns_proto, KIND_PC, 1);
	drv_addr(d, 1, "10.0.0.77/24");
	drv_conf(d, conf);
	drv_start(d, "dns.resolver");
	take_resolver(d);
}

static inline void ask(struct drv *d, const char *name, uint16_t type)
{
	struct ask a = { .kind = ASK_RESOLVE, .resolve = { .type = type } };

	str_copy(a.resolve.name, sizeof(a.resolve.name), name);
	drv_ask(d, 9, &a);
}

static inline const struct answer *answer(struct drv *d)
{
	const struct fx_effect *e = drv_want(d, FX_ANSWER, "answer");

	assert_int_equal(e->answer.ask_id, 9);
	return e->answer.answer;
}

static inline void expect_addr(struct drv *d, const char *addr)
{
	const struct answer *a = answer(d);
	char text[ADDR_TEXT_LEN];

	assert_int_equal(a->err, 0);
	assert_true(a->resolve.n_addrs > 0);
	assert_string_equal(addr_format(&a->resolve.addrs[0], text), addr);
}

static inline void expect_error(struct drv *d, int err, const char *why)
{
	const struct answer *a = answer(d);

	assert_int_equal(a->err, err);
	assert_string_equal(a->why, why);
}

#endif
