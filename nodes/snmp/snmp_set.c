/* What a Set may do. The agent changes nothing itself: it writes the lines that a person would
 * type, and the device's configuration takes them all at once, after every binding was found right.
 */
#include "snmp/snmp.h"

#include <string.h>

/* DisplayString (RFC 2579): printable ASCII, as a line of the configuration can hold it. */
static enum snmp_error check_text(const struct snmp_value *v, size_t max)
{
	if (v->type != SNMP_STRING)
		return SNMP_WRONG_TYPE;
	if (v->len > max)
		return SNMP_WRONG_LENGTH;
	for (size_t i = 0; i < v->len; i++)
		if (v->data[i] < 0x20 || v->data[i] > 0x7e)
			return SNMP_WRONG_VALUE;
	if (v->len > 0 && (v->data[0] == ' ' || v->data[v->len - 1] == ' '))
		return SNMP_WRONG_VALUE; /* a line does not keep it */
	return SNMP_NO_ERROR;
}

static enum snmp_error set_text(const struct snmp_value *v, const char *line, struct sbuf *lines)
{
	enum snmp_error e = check_text(v, SNMP_TEXT_MAX);

	if (e != SNMP_NO_ERROR)
		return e;
	if (v->len > 0)
		sbuf_printf(lines, "%s %.*s\n", line, (int)v->len, (const char *)v->data);
	else
		sbuf_printf(lines, "no %s\n", line);
	return SNMP_NO_ERROR;
}

enum snmp_error snmp_set_contact(const struct snmp_mib *m, unsigned item,
				 const struct snmp_value *v, struct sbuf *lines)
{
	(void)m, (void)item;
	return set_text(v, "snmp-server contact", lines);
}

enum snmp_error snmp_set_location(const struct snmp_mib *m, unsigned item,
				  const struct snmp_value *v, struct sbuf *lines)
{
	(void)m, (void)item;
	return set_text(v, "snmp-server location", lines);
}

/* A host name: letters, digits and hyphens, a letter first. */
enum snmp_error snmp_set_name(const struct snmp_mib *m, unsigned item, const struct snmp_value *v,
			      struct sbuf *lines)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	enum snmp_error e = check_text(v, sizeof(m->dev->hostname) - 1);
	char name[sizeof(m->dev->hostname)];

	(void)item;
	if (e != SNMP_NO_ERROR)
		return e;
	str_copy_n(name, sizeof(name), (const char *)v->data, v->len);
	if (!*name || !strchr(letters, *name) || name[v->len - 1] == '-')
		return SNMP_WRONG_VALUE;
	for (const char *p = name; *p; p++)
		if (!strchr(letters, *p) && !strchr("0123456789-", *p))
			return SNMP_WRONG_VALUE;
	sbuf_printf(lines, "hostname %s\n", name);
	return SNMP_NO_ERROR;
}

/* up(1) and down(2); testing(3) is nothing that we could do. */
enum snmp_error snmp_set_admin(const struct snmp_mib *m, unsigned item, const struct snmp_value *v,
			       struct sbuf *lines)
{
	const struct iface *f = &m->dev->ifaces[m->rows[SNMP_INTERFACES][item].iface];

	if (v->type != SNMP_INTEGER)
		return SNMP_WRONG_TYPE;
	if (v->i != 1 && v->i != 2)
		return SNMP_WRONG_VALUE;
	sbuf_printf(lines, "interface %s\n %sshutdown\nexit\n", f->name, v->i == 1 ? "no " : "");
	return SNMP_NO_ERROR;
}

enum snmp_error snmp_set_traps(const struct snmp_mib *m, unsigned item, const struct snmp_value *v,
			       struct sbuf *lines)
{
	(void)m, (void)item;
	if (v->type != SNMP_INTEGER)
		return SNMP_WRONG_TYPE;
	if (v->i != 1 && v->i != 2)
		return SNMP_WRONG_VALUE;
	sbuf_printf(lines, "%ssnmp-server enable traps snmp authentication\n",
		    v->i == 1 ? "" : "no ");
	return SNMP_NO_ERROR;
}

/* The order of the checks is RFC 3416 §4.2.5's. */
static enum snmp_error check_bind(const struct snmp_job *job, const struct snmp_bind *b,
				  const struct snmp_community *c, struct sbuf *lines)
{
	struct snmp_instance at;
	enum snmp_found found = snmp_mib_find(&job->mib, &b->name, &at);

	if (!c->writes || !snmp_in_view(job->mib.conf, c->view, &b->name))
		return SNMP_NO_ACCESS;
	if (found == SNMP_FOUND_NO_OBJECT)
		return SNMP_NOT_WRITABLE;
	if (!at.object->set)
		return SNMP_NOT_WRITABLE;
	if (found == SNMP_FOUND_NO_INSTANCE)
		return SNMP_NO_CREATION;
	return at.object->set(&job->mib, at.row, &b->value, lines);
}

struct snmp_verdict snmp_set_check(const struct snmp_job *job, const struct snmp_msg *m,
				   const struct snmp_community *c, struct sbuf *lines)
{
	struct rd binds = m->binds;
	struct snmp_bind b;
	struct snmp_verdict v = { SNMP_NO_ERROR, 0 };

	for (int32_t i = 1; v.error == SNMP_NO_ERROR && snmp_bind_next(&binds, &b); i++) {
		v.error = check_bind(job, &b, c, lines);
		if (v.error == SNMP_NO_ERROR && lines->full)
			v.error = SNMP_RESOURCE_UNAVAILABLE;
		v.index = v.error == SNMP_NO_ERROR ? 0 : i;
	}
	return v;
}
