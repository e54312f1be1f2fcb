/* Lines of access lists and reports of the kernel, from arbitrary bytes. A line that can be read is
 * printed and must read the same; each report is an event of the machine, and the rule that it
 * takes must be listed. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "acl/acl_int.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_line(bool extended, const char *text)
{
	struct acl_line l = { .action = ACL_PERMIT }, again = { .action = ACL_PERMIT };
	struct sbuf why = SBUF(4096), warn = SBUF(4096), out = SBUF(4096);

	if (acl_line_parse(text, extended, &l, &why, &warn) == 0) {
		acl_line_print(&l, extended, &out);
		assert(acl_line_parse(sbuf_text(&out) + strlen("permit "), extended, &again, &why,
				      NULL) == 0);
		assert(acl_line_same(&l, &again));
	} else {
		assert(why.len > 0);
	}
	sbuf_done(&why);
	sbuf_done(&warn);
	sbuf_done(&out);
}

static struct acl_conf *make_conf(void)
{
	static const char *const lines[] = { "udp any eq bootpc any eq bootps log", "icmp any any",
					     "tcp any any established", "ip host 0.0.0.0 any" };
	struct acl_conf *conf = acl_conf_new(NULL);
	struct acl_list *list = acl_list_get(conf, "1", true, false);
	struct sbuf why = SBUF(512);
	uint32_t seq;

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		struct acl_line l = { .action = i < 3 ? ACL_PERMIT : ACL_DENY };

		acl_line_parse(lines[i], true, &l, &why, NULL);
		acl_list_add(conf, list, &l, &seq, &why);
	}
	sbuf_done(&why);
	return conf;
}

static bool is_listed(const char *rule)
{
	for (size_t i = 0; i < acl_proto.n_rules; i++)
		if (strcmp(acl_proto.rules[i].id, rule) == 0)
			return true;
	return false;
}

static void fuzz_report(const uint8_t *data, size_t size)
{
	static struct device dev;
	static struct acl_conf *conf;
	static void *machine;
	static struct fx *fx;
	struct ev ev = { .kind = EV_DATAGRAM, .dev = &dev };

	if (!machine) {
		struct machine_env env = { .dev = &dev, .conf = conf = make_conf() };

		machine = acl_filter_class.create(&env);
		fx = fx_new();
	}
	ev.dgram.sock = ACL_SOCK_REPORTS;
	ev.dgram.data = data;
	ev.dgram.len = size;
	acl_filter_class.event(machine, &ev, fx);
	assert(fx_first(fx));
	for (const struct fx_effect *e = fx_first(fx); e; e = e->next)
		assert(e->kind == FX_DECIDE && is_listed(e->decide.rule));
	fx_reset(fx);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char text[1024];

	if (size == 0)
		return 0;
	if (data[0] & 1) {
		fuzz_report(data + 1, size - 1);
	} else if (size < sizeof(text)) {
		memcpy(text, data + 1, size - 1);
		text[size - 1] = '\0';
		fuzz_line(data[0] & 2, text);
	}
	return 0;
}
