/* labnode --describe and --check: what labd learns of the protocols without knowing any. */
#include "shell/shell.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ifname.h"

static const char *val_type_name(enum val_type type)
{
	static const char *const names[] = {
		[VT_END] = "end",	    [VT_INT] = "int",	  [VT_TEXT] = "text",
		[VT_ADDR] = "addr",	    [VT_MAC] = "mac",	  [VT_TIME] = "time",
		[VT_DURATION] = "duration", [VT_BYTES] = "bytes", [VT_NULL] = "null",
	};

	return names[type];
}

static json_t *describe_rules(void)
{
	json_t *list = json_array();

	for (size_t p = 0; protos[p]; p++)
		for (size_t i = 0; i < protos[p]->n_rules; i++) {
			const struct rule *r = &protos[p]->rules[i];

			json_array_append_new(
				list, json_pack("{s:s, s:s, s:s, s:s, s:s}", "id", r->id, "kind",
						rule_kind_name(r->kind), "sentence", r->sentence,
						"source", r->source, "protocol", protos[p]->name));
		}
	return list;
}

static json_t *describe_fact(const struct proto *proto, const struct fact_kind *kind)
{
	json_t *columns = json_array();

	for (const struct fact_column *c = kind->columns; c && c->name; c++)
		json_array_append_new(columns, json_pack("{s:s, s:s, s:s}", "name", c->name, "type",
							 val_type_name(c->type), "help", c->help));
	return json_pack("{s:s, s:s, s:b, s:s, s:o}", "table", kind->table, "help", kind->help,
			 "durable", kind->durable, "protocol", proto->name, "columns", columns);
}

static json_t *describe_facts(void)
{
	json_t *list = json_array();

	for (size_t p = 0; protos[p]; p++)
		for (const struct fact_kind *const *f = protos[p]->facts; f && *f; f++)
			json_array_append_new(list, describe_fact(protos[p], *f));
	return list;
}

static json_t *describe_command(const struct proto *proto, const struct cmd *cmd)
{
	json_t *kinds = json_array();

	for (int k = 0; k < N_KINDS; k++)
		if (cmd->kinds == 0 || (cmd->kinds & KIND_BIT(k)))
			json_array_append_new(kinds, json_string(device_kind_name(k)));
	return json_pack("{s:s, s:s, s:s, s:s, s:b, s:b, s:o}", "protocol", proto->name, "mode",
			 cmd->mode, "pattern", cmd->pattern, "help", cmd->help, "configuration",
			 strcmp(cmd->mode, MODE_EXEC) != 0, "no", (cmd->flags & CMD_NO) != 0,
			 "kinds", kinds);
}

static json_t *describe_commands(void)
{
	json_t *list = json_array();

	for (size_t p = 0; protos[p]; p++)
		for (const struct cmd *c = protos[p]->cmds; c && c->mode; c++)
			json_array_append_new(list, describe_command(protos[p], c));
	return list;
}

static json_t *describe_protocols(void)
{
	json_t *list = json_array();

	for (size_t p = 0; protos[p]; p++)
		json_array_append_new(list, json_pack("{s:s, s:s}", "name", protos[p]->name,
						      "title", protos[p]->title));
	return list;
}

int describe_main(void)
{
	json_t *all = json_pack("{s:s, s:o, s:o, s:o, s:o}", "version", LABD_VERSION, "protocols",
				describe_protocols(), "rules", describe_rules(), "facts",
				describe_facts(), "commands", describe_commands());
	int r = all ? json_dumpf(all, stdout, JSON_INDENT(1)) : -1;

	json_decref(all);
	putchar('\n');
	return r == 0 && fflush(stdout) == 0 ? 0 : 1;
}

/* --- --check ------------------------------------------------------------------------------ */

static int read_device(const json_t *o, struct device *dev, struct iface *ifaces,
		       const char **config)
{
	const char *name, *kind;
	json_t *list;
	size_t i;
	json_t *item;

	if (json_unpack((json_t *)(uintptr_t)o, "{s:s, s:s, s:o, s:s}", "name", &name, "kind",
			&kind, "ifaces", &list, "config", config) < 0)
		return -EINVAL;
	*dev = (struct device){ .ifaces = ifaces };
	str_copy(dev->name, sizeof(dev->name), name);
	str_copy(dev->hostname, sizeof(dev->hostname), name);
	if (device_kind_parse(kind, &dev->kind) < 0 || json_array_size(list) > DEVICE_IFACES_MAX)
		return -EINVAL;
	json_array_foreach(list, i, item)
	{
		const char *text = json_string_value(item);
		struct ifname ifname;
		const char *why;

		if (!text || ifname_parse(text, &ifname, &why) < 0)
			return -EINVAL;
		memset(&ifaces[i], 0, sizeof(ifaces[i]));
		ifaces[i].id = (uint32_t)i + 1;
		str_copy(ifaces[i].name, sizeof(ifaces[i].name), ifname.display);
		str_copy(ifaces[i].kname, sizeof(ifaces[i].kname), ifname.kernel);
	}
	dev->n_ifaces = (unsigned)json_array_size(list);
	return 0;
}

static void print_issue(void *arg, const struct conf_issue *issue)
{
	const struct device *dev = arg;

	printf("%s:%u:%u: %s: %s\n", dev->name, issue->line, issue->column,
	       issue->warning ? "warning" : "error", issue->text);
}

static int check_device(const json_t *o)
{
	static struct iface ifaces[DEVICE_IFACES_MAX];
	struct device dev;
	const char *config;
	struct conf_set set;
	int r = read_device(o, &dev, ifaces, &config);

	if (r < 0)
		return r;
	r = conf_set_open(&set, &dev);
	if (r == 0)
		r = conf_set_read(&set, config, print_issue, NULL, &dev);
	conf_set_close(&set);
	return r == -EINVAL ? 0 : r; /* what is wrong was printed */
}

int check_main(void)
{
	json_error_t err;
	json_t *all = json_loadf(stdin, JSON_REJECT_DUPLICATES, &err);
	json_t *devices = json_object_get(all, "devices");
	size_t i;
	json_t *o;
	int r = json_is_array(devices) ? 0 : -EINVAL;

	json_array_foreach(devices, i, o)
	{
		if (r == 0)
			r = check_device(o);
	}
	if (r < 0)
		fprintf(stderr, "labnode: --check: the input is not valid: %s\n",
			all ? strerror(-r) : err.text);
	json_decref(all);
	return r < 0 || fflush(stdout) != 0;
}
