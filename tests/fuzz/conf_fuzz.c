/* Configuration texts for every kind of device, with the tables and objects of every protocol. What
 * was accepted, printed and read again must be accepted and print the same: a node that crashed
 * gets its configuration back in this way. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sbuf.h"
#include "conf_set.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct iface ifaces[] = {
	{ .id = 1, .name = "GigabitEthernet0/0", .kname = "gi0-0", .mtu = 1500, .up = true },
	{ .id = 2, .name = "eth1", .kname = "eth1", .mtu = 1500, .up = true },
	{ .id = 3, .name = "1", .kname = "p1", .mtu = 1500, .up = true },
};

static void no_issue(void *arg, const struct conf_issue *issue)
{
	fprintf(stderr, "%u:%u: %s: %s\n", issue->line, issue->column,
		issue->warning ? "warning" : "refused", issue->text);
	*(bool *)arg |= !issue->warning;
}

static void read_into(struct conf_set *set, const char *text, conf_issue_fn issue, void *arg,
		      struct sbuf *printed)
{
	struct conf_target target = conf_set_target(set);

	conf_read(&target, text, issue, NULL, arg);
	conf_tree_print(set->tree, printed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct device dev = { .name = "d", .hostname = "d", .ifaces = ifaces, .n_ifaces = 3 };
	struct sbuf first = SBUF(1 << 20), again = SBUF(1 << 20), why = SBUF(1000);
	struct conf_set a, b;
	bool refused = false;
	char *text;

	if (size == 0)
		return 0;
	dev.kind = (enum device_kind)(data[0] % N_KINDS);
	text = malloc(size);
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	if (conf_set_open(&a, &dev) < 0 || conf_set_open(&b, &dev) < 0)
		abort();
	read_into(&a, text, NULL, NULL, &first);
	conf_set_check(&a, &why);
	read_into(&b, sbuf_text(&first), no_issue, &refused, &again);
	if (refused || strcmp(sbuf_text(&first), sbuf_text(&again)) != 0) {
		fprintf(stderr, "first:\n%s\nagain:\n%s\n", sbuf_text(&first), sbuf_text(&again));
		abort();
	}
	conf_set_close(&a);
	conf_set_close(&b);
	sbuf_done(&first);
	sbuf_done(&again);
	sbuf_done(&why);
	free(text);
	return 0;
}
