#include <errno.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "labd/lab/lab.h"

enum { REPORT_LINES_MAX = 10000, PLACE_MAX = 10000000 };

/* --- what is to be checked ------------------------------------------------------------------ */

static json_t *iface_names(const struct lab *lab, uint32_t node)
{
	json_t *list = json_array();

	for (size_t i = 0; i < 2 * lab->n_links; i++) {
		const struct lab_end *end = &lab->links[i / 2].end[i % 2];

		if (end->node == node)
			(void)json_array_append_new(list, json_string(end->name.display));
	}
	return list;
}

static json_t *check_entry(const struct lab *lab, uint32_t i)
{
	const struct lab_node *node = &lab->nodes[i];

	return json_pack("{s:s, s:s, s:o, s:s}", "name", node->name, "kind",
			 device_kind_name(node->kind), "ifaces", iface_names(lab, i), "config",
			 node->config.text);
}

int lab_check_request(const struct lab *lab, char **ret, size_t *ret_len)
{
	json_t *devices = json_array(), *top = json_pack("{s:o}", "devices", devices);
	char *text;

	for (uint32_t i = 0; i < lab->n_nodes; i++)
		if (lab->nodes[i].config.text &&
		    json_array_append_new(devices, check_entry(lab, i)) < 0) {
			json_decref(top);
			return -ENOMEM;
		}
	text = json_dumps(top, JSON_COMPACT);
	json_decref(top);
	if (!text)
		return -ENOMEM;
	*ret = text;
	*ret_len = strlen(text);
	return 0;
}

/* --- what was found ------------------------------------------------------------------------- */

/* Up to the next colon, which it steps over. Empty: there is none. */
static struct lab_source take_field(const char **at, const char *end)
{
	const char *colon = memchr(*at, ':', (size_t)(end - *at));
	struct lab_source field = { "", *at, colon ? (size_t)(colon - *at) : 0 };

	*at = colon ? colon + 1 : end;
	return field;
}

static int take_node(const struct lab *lab, const char **at, const char *end)
{
	struct lab_source field = take_field(at, end);
	char name[LAB_DEVICE_NAME_MAX + 1];

	if (field.len == 0 || field.len > LAB_DEVICE_NAME_MAX)
		return -ENOENT;
	memcpy(name, field.text, field.len);
	name[field.len] = '\0';
	return lab_find_node(lab, name);
}

static bool take_place(const char **at, const char *end, uint32_t *ret)
{
	struct lab_source field = take_field(at, end);
	uint32_t value = 0;

	for (size_t i = 0; i < field.len; i++) {
		if (field.text[i] < '0' || field.text[i] > '9' || value >= PLACE_MAX)
			return false;
		value = value * 10 + (uint32_t)(field.text[i] - '0');
	}
	*ret = value;
	return field.len > 0;
}

/* " error:" or " warning:" */
static bool take_severity(const char **at, const char *end, enum diag_severity *ret)
{
	struct lab_source field = take_field(at, end);

	if (field.len == 6 && memcmp(field.text, " error", 6) == 0)
		*ret = DIAG_ERROR;
	else if (field.len == 8 && memcmp(field.text, " warning", 8) == 0)
		*ret = DIAG_WARNING;
	else
		return false;
	return true;
}

static int report_line(const struct lab *lab, const char *at, const char *end, struct diag *diag)
{
	int node = take_node(lab, &at, end);
	enum diag_severity severity;
	struct lab_pos pos;
	uint32_t line, col;
	size_t len;

	if (node < 0 || !take_place(&at, end, &line) || !take_place(&at, end, &col) ||
	    !take_severity(&at, end, &severity))
		return -EBADMSG;
	while (at < end && *at == ' ')
		at++;
	if (at == end)
		return -EBADMSG;
	len = (size_t)(end - at);
	if (len > DIAG_MESSAGE_MAX)
		len = DIAG_MESSAGE_MAX;
	pos = lab_text_at(&lab->nodes[node].config, line, col);
	if (!pos.source)
		pos = lab->nodes[node].pos;
	if (severity == DIAG_ERROR)
		diag_error(diag, pos, "%.*s", (int)len, at);
	else
		diag_warn(diag, pos, "%.*s", (int)len, at);
	return severity == DIAG_ERROR;
}

int lab_check_report(const struct lab *lab, const char *report, size_t len, struct diag *diag)
{
	const char *end = report + len;
	int n_errors = 0;

	for (int n = 0; report < end && n < REPORT_LINES_MAX; n++) {
		const char *nl = memchr(report, '\n', (size_t)(end - report));
		const char *line_end = nl ? nl : end;
		int r = 0;

		if (line_end > report)
			r = report_line(lab, report, line_end, diag);
		if (r < 0)
			return r;
		n_errors += r;
		report = nl ? nl + 1 : end;
	}
	return n_errors;
}
