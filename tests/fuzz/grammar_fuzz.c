/* Configuration texts, commands, help and completion from arbitrary bytes, over a table that has
 * every kind of word. What was accepted must print to something that reads as itself. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/conf_reader.h"
#include "base/sbuf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int set(void *conf, const struct call *call)
{
	(void)conf;
	for (unsigned i = 0; i < call->n_args; i++)
		assert(call->args[i].text && strlen(call->args[i].text) <= LINE_MAX_LEN);
	return call->n_args && strcmp(call->args[0].text, "bad") == 0 ? -1 : 0;
}

#define C MODE_CONFIG
// clang-format off
static const struct cmd rows[] = {
	{ C, "hostname WORD", "x", .flags = CMD_NO, .set = set },
	{ C, "interface IFNAME", "x", .flags = CMD_NO, .enters = MODE_IF, .set = set },
	{ C, "ip route A.B.C.D A.B.C.D IP [<1-255>] [name WORD]", "x", .flags = CMD_NO | CMD_MULTI, .set = set },
	{ C, "ip host HOST IP [IP [IP]]", "x", .flags = CMD_NO | CMD_MULTI | CMD_KEYED, .set = set },
	{ C, "ip domain lookup", "x", .flags = CMD_NO, .set = set },
	{ C, "ipv6 net X:X::X:X/M X:X::X:X", "x", .flags = CMD_NO, .set = set },
	{ C, "net A.B.C.D/M [MAC]", "x", .flags = CMD_NO, .set = set },
	{ C, "user WORD (read|write|all) LINE", "x", .flags = CMD_NO | CMD_SECRET, .set = set },
	{ C, "pool WORD", "x", .flags = CMD_NO, .enters = "pool", .set = set },
	{ MODE_IF, "ip address A.B.C.D A.B.C.D", "x", .flags = CMD_NO, .replaces = "ip address", .set = set },
	{ MODE_IF, "ip address dhcp", "x", .flags = CMD_NO, .replaces = "ip address", .set = set },
	{ MODE_IF, "description LINE", "x", .flags = CMD_NO, .set = set },
	{ MODE_IF, "shutdown", "x", .flags = CMD_NO, .set = set },
	{ "pool", "lease <0-365> [<0-23> [<0-59>]]", "x", .flags = CMD_NO, .set = set },
	{ "pool", "class WORD", "x", .flags = CMD_NO, .enters = "class", .set = set },
	{ "class", "hostname WORD", "x", .flags = CMD_NO, .set = set },
	{ "class", "lease <0-365>", "x", .flags = CMD_NO, .set = set },
	{ "pool", "hostname WORD", "x", .flags = CMD_NO, .set = set },
	{ MODE_EXEC, "show ip route [A.B.C.D]", "x" },
	{ MODE_EXEC, "show interfaces [IFNAME] [detail]", "x" },
	{ MODE_EXEC, "ping HOST [count <1-99>] [size <1-99>]", "x" },
	{ 0 },
};
// clang-format on

static const char *const modes[] = { C, MODE_IF, "pool", MODE_EXEC };

static void item(void *arg, const char *word, const char *help)
{
	*(size_t *)arg += strlen(word) + strlen(help);
}

static void one_line(const struct grammar *g, const char *mode, const char *line)
{
	struct grammar_match *m = malloc(sizeof(*m)), *again = malloc(sizeof(*m));
	struct sbuf out = SBUF(10000);
	struct grammar_error e;
	size_t n = 0;

	if (grammar_parse(g, mode, line, NULL, m, &e) == 0) {
		if (strlen(m->canonical) <= LINE_MAX_LEN) {
			assert(grammar_parse(g, mode, m->canonical, NULL, again, &e) == 0);
			assert(strcmp(m->canonical, again->canonical) == 0);
			assert(m->cmd == again->cmd && m->no == again->no);
		}
	} else {
		grammar_error_ios(&e, line, 4, &out);
		grammar_error_sentence(&e, &out);
	}
	grammar_help(g, mode, line, NULL, item, &n);
	grammar_complete(g, mode, line, NULL, item, &n);
	sbuf_done(&out);
	free(m);
	free(again);
}

static void whole_text(const struct grammar *g, const char *text)
{
	struct conf_target a = { .grammar = g, .tree = conf_tree_new() };
	struct conf_target b = { .grammar = g, .tree = conf_tree_new() };
	struct sbuf first = SBUF(1 << 20), again = SBUF(1 << 20);

	conf_read(&a, text, NULL, NULL, NULL);
	conf_tree_print(a.tree, &first);
	assert(conf_read(&b, sbuf_text(&first), NULL, NULL, NULL) == 0 ||
	       strlen(text) > LINE_MAX_LEN / 2);
	conf_tree_print(b.tree, &again);
	assert(strcmp(sbuf_text(&first), sbuf_text(&again)) == 0 ||
	       strlen(text) > LINE_MAX_LEN / 2);
	sbuf_done(&first);
	sbuf_done(&again);
	conf_tree_free(a.tree);
	conf_tree_free(b.tree);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct grammar *g;
	const struct grammar_table table = { rows, 0 };
	char *text, *rest, *copy;
	unsigned n = 0;

	if (!g)
		g = grammar_new(&table, 1, KIND_ROUTER, NULL);
	text = malloc(size + 1);
	memcpy(text, data, size);
	text[size] = '\0';
	copy = strdup(text);
	whole_text(g, text);
	for (char *line = strtok_r(copy, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
		one_line(g, modes[n++ % ARRAY_SIZE(modes)], line);
	pattern_check(text, &(const char *){ NULL });
	free(copy);
	free(text);
	return 0;
}
