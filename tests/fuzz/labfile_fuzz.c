/* Any bytes as a lab file, as a plan, and as what a checker reports. What is accepted must survive
 * its way through the plan and JSON unchanged, and each place in it must be one of the file. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "labd/lab/lab.h"
#include "labd/lab/plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool ok)
{
	if (!ok)
		abort();
}

/* No place may lie behind the end of its file; printing one must not read there either. */
static void check_places(const struct lab_text *text, struct diag *diag)
{
	size_t start, end;

	if (!text->text)
		return;
	for (uint32_t line = 0; line < 4; line++)
		for (uint32_t col = 0; col < 40; col += 13) {
			struct lab_pos pos = lab_text_at(text, line, col);

			diag_error(diag, pos, "here");
			if (text->len > 0 && line == 1 && col == 0)
				require(source_line(pos.source, pos.line, &start, &end));
		}
}

static void check_texts(const struct lab *lab)
{
	struct diag diag = { 0 };

	for (size_t i = 0; i < lab->n_nodes; i++)
		check_places(&lab->nodes[i].config, &diag);
	for (size_t i = 0; i < lab->n_steps; i++)
		check_places(&lab->steps[i].text, &diag);
	for (size_t i = 0; i < lab->n_expects; i++)
		check_places(&lab->expects[i].sql, &diag);
	diag_done(&diag);
}

static void check_names(const struct lab *lab)
{
	for (size_t i = 0; i < lab->n_links; i++)
		require(lab_find_link(lab, lab->links[i].name) == (int)i);
	for (size_t i = 0; i < lab->n_nodes; i++)
		require(lab_find_node(lab, lab->nodes[i].name) == (int)i);
}

static void check_request(const struct lab *lab)
{
	char *request;
	size_t len;

	require(lab_check_request(lab, &request, &len) == 0);
	free(request);
}

/* The input as a checker's answer about two devices. */
static void try_report(const uint8_t *data, size_t size)
{
	static const char text[] = "name: a\ntopology:\n  nodes:\n    r1:\n      kind: router\n"
				   "      config: |\n        a\n\n         b c\n"
				   "    r2: { kind: pc, config: \"d\\n\\x41\" }\n";
	static struct lab *lab;
	struct diag diag = { 0 };

	if (!lab)
		require(lab_parse("r.yaml", text, sizeof(text) - 1, &lab, &diag) == 0);
	(void)lab_check_report(lab, (const char *)data, size, &diag);
	diag_done(&diag);
}

static void check_plan(const struct lab *lab)
{
	struct plan *plan = plan_from_lab(lab), *again = NULL;
	char *json = NULL, *json_again = NULL, why[200];
	size_t len, len_again;

	require(plan_to_json(plan, &json, &len) == 0);
	require(plan_from_json(json, len, &again, why, sizeof(why)) == 0);
	require(plan_to_json(again, &json_again, &len_again) == 0);
	require(strcmp(json, json_again) == 0);
	free(json);
	free(json_again);
	plan_free(plan);
	plan_free(again);
}

static void try_plan(const uint8_t *data, size_t size)
{
	struct plan *plan = NULL;
	char *json = NULL, why[200];
	size_t len;

	if (plan_from_json((const char *)data, size, &plan, why, sizeof(why)) < 0)
		return;
	require(plan_to_json(plan, &json, &len) == 0);
	free(json);
	plan_free(plan);
}

static void print_nowhere(struct diag *diag)
{
	static FILE *nowhere;

	if (!nowhere)
		nowhere = fopen("/dev/null", "w");
	require(nowhere);
	diag_print(nowhere, diag);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct diag diag = { 0 };
	struct lab *lab = NULL;
	int r = lab_parse("/nowhere/fuzz.yaml", (const char *)data, size, &lab, &diag);

	require((r == 0) == (diag.n_errors == 0));
	require((r == 0) == (lab != NULL));
	print_nowhere(&diag);
	diag_done(&diag);
	if (lab) {
		check_names(lab);
		check_texts(lab);
		check_request(lab);
		check_plan(lab);
	}
	lab_free(lab);
	try_plan(data, size);
	try_report(data, size);
	return 0;
}
