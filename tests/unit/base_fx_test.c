#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fact.h"
#include "base/fx.h"

static const struct fact_column columns[] = { { "addr", VT_ADDR, "the address" }, { NULL } };
static const struct fact_kind lease = { "lease", "leases", true, columns };

static unsigned count(const struct fx *fx)
{
	unsigned n = 0;

	for (const struct fx_effect *e = fx_first(fx); e; e = e->next)
		n++;
	return n;
}

static void what_people_are_told(void **state)
{
	struct fx *fx = fx_new();
	char name[] = "eth0", message[] = "message\n";
	char long_text[2 * LOG_TEXT_MAX];
	const struct fx_effect *e;

	(void)state;
	memset(long_text, 'x', sizeof(long_text));
	long_text[sizeof(long_text) - 1] = '\0';
	fx_log(fx, SEVERITY_ERROR, "LINK", "UPDOWN", "Interface %s, changed state to %s", name,
	       "up");
	fx_log(fx, SEVERITY_DEBUG, "SYS", "LONG", "%s", long_text);
	fx_console(fx, BIT(CONSOLE_MONITOR), message, 8);
	fx_clock(fx, &(struct device_clock){ .offset_ns = 7, .trust = CLOCK_SET });
	memset(name, 'X', 4), memset(message, 'X', 8);

	e = fx_first(fx);
	assert_int_equal(e->kind, FX_LOG);
	assert_int_equal(e->log.severity, 3);
	assert_string_equal(e->log.facility, "LINK");
	assert_string_equal(e->log.mnemonic, "UPDOWN");
	assert_string_equal(e->log.text, "Interface eth0, changed state to up");
	e = e->next;
	assert_int_equal(strlen(e->log.text), LOG_TEXT_MAX);
	e = e->next;
	assert_int_equal(e->kind, FX_CONSOLE);
	assert_int_equal(e->console.len, 8);
	assert_int_equal(e->console.to, BIT(CONSOLE_MONITOR));
	assert_string_equal(e->console.text, "message\n");
	e = e->next;
	assert_int_equal(e->kind, FX_CLOCK);
	assert_int_equal(e->clock.offset_ns, 7);
	assert_null(e->next);
	fx_free(fx);
}

static void everything_is_copied(void **state)
{
	struct fx *fx = fx_new();
	char name[] = "name", text[] = "text", key[] = "key", why[] = "why", path[] = "path";
	uint8_t data[] = { 1, 2, 3 };
	struct ask ask = { .kind = ASK_FILE,
			   .file = { .op = FILE_WRITE, .path = "p", .data = data, .len = 3 } };
	struct answer answer = { .why = "because" };
	const struct fx_effect *e;

	(void)state;
	decide(fx, "a.rule", V_TEXT(name, text), V_BYTES("bytes", data, 3));
	fact_begin(fx, &lease, key, V_TEXT("text", text));
	fx_fact_end(fx, &lease, key, why);
	fx_send(fx, &(struct fx_send){ .sock = 1, .data = data, .len = 3 });
	fx_write(fx, 2, data, 3);
	fx_send_file(fx, 2, path, 5, 6);
	fx_ask(fx, 9, &ask);
	fx_answer(fx, 10, &answer);
	fx_print_text(fx, 1, text, 4);
	memset(name, 'X', 4), memset(text, 'X', 4), memset(key, 'X', 3), memset(why, 'X', 3);
	memset(path, 'X', 4), memset(data, 0, 3), memset(&ask, 0, sizeof(ask));
	memset(&answer, 0, sizeof(answer));

	e = fx_first(fx);
	assert_string_equal(e->decide.rule, "a.rule");
	assert_string_equal(e->decide.values[0].name, "name");
	assert_string_equal(e->decide.values[0].text, "text");
	assert_memory_equal(e->decide.values[1].bytes, "\1\2\3", 4);
	assert_int_equal(e->decide.values[2].type, VT_END);
	e = e->next;
	assert_ptr_equal(e->fact.kind, &lease);
	assert_string_equal(e->fact.key, "key");
	assert_string_equal(val_find(e->fact.columns, "text")->text, "text");
	e = e->next;
	assert_string_equal(e->fact.why, "why");
	assert_null(e->fact.columns);
	e = e->next;
	assert_memory_equal(e->send.data, "\1\2\3", 3);
	e = e->next;
	assert_memory_equal(e->write.data, "\1\2\3", 3);
	e = e->next;
	assert_string_equal(e->send_file.path, "path");
	e = e->next;
	assert_int_equal(e->ask.ask_id, 9);
	assert_memory_equal(e->ask.ask->file.data, "\1\2\3", 3);
	e = e->next;
	assert_string_equal(e->answer.answer->why, "because");
	e = e->next;
	assert_string_equal(e->print.text, "text");
	assert_null(e->next);
	fx_free(fx);
}

static void small_effects_keep_their_values(void **state)
{
	struct fx *fx = fx_new();
	struct ep ep = { .addr = addr4(1, 2, 3, 4), .port = 5 };
	const struct fx_effect *e;

	(void)state;
	fx_bind(fx, &(struct fx_bind){ .sock = 3, .kind = SOCK_ARP });
	fx_listen(fx, 4, &ep);
	fx_connect(fx, 5, &ep);
	fx_listen_tos(fx, 4, &ep, 16);
	fx_connect_from(fx, 5, &(struct ep){ .port = 20 }, &ep, 8);
	fx_close(fx, 6, CLOSE_RESET);
	fx_addr(fx, &(struct fx_addr){ .add = true, .ifid = 7 });
	fx_route(fx, &(struct fx_route){ .metric = 8 });
	fx_resolver(fx, &(struct fx_resolver){ .domain = "lab" });
	fx_link(fx, 9, true);
	fx_acl(fx, NULL);
	fx_cmd_done(fx, 10, 1);
	e = fx_first(fx);
	assert_int_equal(e->bind.kind, SOCK_ARP);
	e = e->next;
	assert_int_equal(e->listen.local.port, 5);
	e = e->next;
	assert_true(addr_equal(&e->connect.peer.addr, &ep.addr));
	assert_int_equal(e->connect.local.port, 0);
	e = e->next;
	assert_int_equal(e->listen.tos, 16);
	e = e->next;
	assert_int_equal(e->connect.local.port, 20);
	assert_int_equal(e->connect.tos, 8);
	e = e->next;
	assert_int_equal(e->close.how, CLOSE_RESET);
	e = e->next;
	assert_int_equal(e->addr.ifid, 7);
	e = e->next;
	assert_int_equal(e->route.metric, 8);
	e = e->next;
	assert_string_equal(e->resolver.domain, "lab");
	e = e->next;
	assert_true(e->link.up);
	e = e->next;
	assert_int_equal(e->kind, FX_ACL);
	e = e->next;
	assert_int_equal(e->cmd_done.status, 1);
	fx_free(fx);
}

static void ids_run_on_decisions_start_anew(void **state)
{
	struct fx *fx = fx_new();
	const struct fx_effect *e;
	uint32_t first, later;

	(void)state;
	first = fx_close(fx, 1, CLOSE_FLUSH);
	assert_int_equal(decide(fx, "a.b"), 1);
	fx_close(fx, 2, CLOSE_FLUSH);
	assert_int_equal(decide_at(fx, "a.c", 77), 2);
	fx_close(fx, 3, CLOSE_FLUSH);
	e = fx_first(fx);
	assert_int_equal(e->id, first);
	assert_int_equal(e->decision, 0);
	assert_int_equal(e->next->decision, 1);
	assert_int_equal(e->next->next->decision, 1);
	assert_int_equal(e->next->next->next->decide.stream_offset, 77);
	assert_int_equal(e->next->next->next->next->decision, 2);
	fx_reset(fx);
	assert_null(fx_first(fx));
	later = fx_close(fx, 1, CLOSE_FLUSH);
	assert_true(later > first + 4);
	assert_int_equal(fx_first(fx)->decision, 0);
	assert_int_equal(decide(fx, "a.b"), 1);
	fx_free(fx);
}

static void rows_of_a_table_are_one_effect(void **state)
{
	struct fx *fx = fx_new();
	const struct fx_effect *e;
	size_t len = 0;

	(void)state;
	for (int i = 0; i < 20000; i++) {
		fx_print(fx, 1, "row %d of a table\n", i);
		len += (size_t)snprintf(NULL, 0, "row %d of a table\n", i);
	}
	fx_print(fx, 2, "another call\n");
	fx_cmd_done(fx, 1, 0);
	assert_false(fx_full(fx));
	assert_true(count(fx) < 30);
	for (e = fx_first(fx); e->kind == FX_PRINT && e->print.call == 1; e = e->next) {
		assert_int_equal(strlen(e->print.text), e->print.len);
		len -= e->print.len;
	}
	assert_int_equal(len, 0);
	assert_string_equal(e->print.text, "another call\n");
	fx_free(fx);
}

static void other_memory_stops_growing_in_place(void **state)
{
	struct fx *fx = fx_new();
	char *mine;

	(void)state;
	fx_print(fx, 1, "one ");
	mine = fx_alloc(fx, 8);
	assert_memory_equal(mine, "\0\0\0\0\0\0\0\0", 8);
	memcpy(mine, "mymymym", 8);
	fx_print(fx, 1, "%s", "a text that would have run over what was taken between");
	assert_string_equal(mine, "mymymym");
	assert_string_equal(fx_first(fx)->print.text, "one ");
	fx_print(fx, 1, "%s", "");
	assert_int_equal(count(fx), 2);
	fx_free(fx);
}

static void long_prints(void **state)
{
	struct fx *fx = fx_new();
	char *text = malloc(100001);

	(void)state;
	memset(text, 'x', 100000);
	text[100000] = '\0';
	fx_print(fx, 1, "%s", text);
	assert_int_equal(fx_first(fx)->print.len, 100000);
	free(text);
	fx_free(fx);
}

static void too_many_effects(void **state)
{
	struct fx *fx = fx_new();

	(void)state;
	for (int i = 0; i < FX_MAX + 10; i++)
		fx_close(fx, 1, CLOSE_FLUSH);
	assert_true(fx_full(fx));
	assert_true(count(fx) <= FX_MAX);
	assert_int_equal(decide(fx, "a.b"), 0);
	fx_cmd_done(fx, 1, 0);
	assert_true(count(fx) <= FX_MAX);
	fx_reset(fx);
	assert_false(fx_full(fx));
	assert_int_equal(decide(fx, "a.b"), 1);
	fx_free(fx);
}

/* Whatever a command prints, its end gets through. */
static void too_much_memory(void **state)
{
	static const char block[65536];
	struct fx *fx = fx_new();
	bool ended = false;

	(void)state;
	for (int i = 0; i < 100; i++)
		fx_write(fx, 1, block, sizeof(block));
	assert_true(fx_full(fx));
	fx_cmd_done(fx, 7, 0);
	for (const struct fx_effect *e = fx_first(fx); e; e = e->next)
		ended |= e->kind == FX_CMD_DONE;
	assert_true(ended);
	for (int i = 0; i < 100; i++)
		fx_print_text(fx, 7, block, sizeof(block));
	fx_write(fx, 1, block, FX_ARENA_MAX);
	fx_reset(fx);
	fx_write(fx, 1, block, 10);
	assert_false(fx_full(fx));
	fx_free(fx);
}

static void nothing_is_allowed(void **state)
{
	struct fx *fx = fx_new();

	(void)state;
	fx_send(fx, &(struct fx_send){ .sock = 1, .len = 5 });
	fx_write(fx, 1, NULL, 5);
	assert_int_equal(fx_first(fx)->send.len, 0);
	assert_non_null(fx_first(fx)->send.data);
	assert_int_equal(fx_first(fx)->next->write.len, 0);
	fx_fact_begin(fx, &lease, "k", NULL);
	assert_int_equal(val_count(fx_first(fx)->next->next->fact.columns), 0);
	fx_free(fx);
	fx_free(NULL);
}

static void a_mute_list_keeps_what_is_durable(void **state)
{
	static const struct fact_kind passing = { "page", "pages", false, columns };
	struct fx *fx = fx_new();

	(void)state;
	fx_mute(fx, true);
	assert_int_equal(decide(fx, "a.rule", V_INT("n", 1)), 1);
	assert_int_equal(decide(fx, "a.rule", V_INT("n", 2)), 2);
	fact_begin(fx, &passing, "key", V_INT("n", 1));
	fx_fact_end(fx, &passing, "key", "over");
	assert_null(fx_first(fx));
	fact_begin(fx, &lease, "key", V_INT("n", 1));
	fx_send(fx, &(struct fx_send){ .sock = 1 });
	assert_int_equal(count(fx), 2);
	assert_int_equal(fx_first(fx)->kind, FX_FACT_BEGIN);
	assert_int_equal(fx_first(fx)->decision, 2);
	fx_free(fx);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_people_are_told),
		cmocka_unit_test(everything_is_copied),
		cmocka_unit_test(small_effects_keep_their_values),
		cmocka_unit_test(ids_run_on_decisions_start_anew),
		cmocka_unit_test(rows_of_a_table_are_one_effect),
		cmocka_unit_test(other_memory_stops_growing_in_place),
		cmocka_unit_test(long_prints),
		cmocka_unit_test(too_many_effects),
		cmocka_unit_test(too_much_memory),
		cmocka_unit_test(nothing_is_allowed),
		cmocka_unit_test(a_mute_list_keeps_what_is_durable),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
