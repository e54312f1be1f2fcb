/* From a report to a rule: the first row that fits, the last always does.
 *
 * DHCP has rules of its own, because its clients speak before they have an address: what is to be
 * permitted are packets from 0.0.0.0 and to 255.255.255.255 (RFC 2131 §4.1), which lists against
 * forged addresses like to drop. */
#include "acl/acl_int.h"

#include "base/inet.h"

#define PORT_BOOTPS	  67
#define PORT_BOOTPC	  68
#define LIMITED_BROADCAST UINT32_MAX
#define MULTICAST_FIRST	  0xe0000000u

struct verdict {
	const struct acl_report *r;
	const struct acl_packet *p;
	const struct acl_list *list;  /* NULL: taken away since */
	const struct acl_line *line;  /* NULL: the implicit deny, or taken away since */
	const struct acl_line *later; /* a deny that would have matched the permitted packet */
};

static bool is_udp(const struct acl_packet *p, uint16_t src_port, uint16_t dst_port)
{
	return p->protocol == IPPROTO_NUM_UDP && p->has_ports && p->src_port == src_port &&
	       p->dst_port == dst_port;
}

static bool is_from_client(const struct acl_packet *p)
{
	return is_udp(p, PORT_BOOTPC, PORT_BOOTPS);
}

static bool is_from_server(const struct acl_packet *p)
{
	return is_udp(p, PORT_BOOTPS, PORT_BOOTPC);
}

/* A relay speaks to the server from the server's port (RFC 2131 §4.1). */
static bool is_dhcp(const struct acl_packet *p)
{
	return is_from_client(p) || is_from_server(p) || is_udp(p, PORT_BOOTPS, PORT_BOOTPS);
}

static bool client_to_all(const struct verdict *v)
{
	return v->r->permit && !v->r->out && is_from_client(v->p) && v->p->dst == LIMITED_BROADCAST;
}

static bool client_to_server(const struct verdict *v)
{
	return v->r->permit && !v->r->out && is_from_client(v->p) && v->p->dst < MULTICAST_FIRST;
}

static bool server_to_client(const struct verdict *v)
{
	return v->r->permit && v->r->out && is_from_server(v->p);
}

static bool permitted(const struct verdict *v)
{
	return v->r->permit;
}

static bool denied_by_entry(const struct verdict *v)
{
	return v->r->seq != 0;
}

static bool dhcp_denied(const struct verdict *v)
{
	return is_dhcp(v->p);
}

static bool always(const struct verdict *v)
{
	(void)v;
	return true;
}

static const struct {
	const char *rule;
	bool (*fits)(const struct verdict *v);
} table[] = {
	{ "acl.dhcp4.in-any-broadcast", client_to_all },
	{ "acl.dhcp4.in-pool-to-server", client_to_server },
	{ "acl.dhcp4.out-server", server_to_client },
	{ "acl.permit", permitted },
	{ "acl.drop-denied", denied_by_entry },
	{ "acl.dhcp4.drop-not-permitted", dhcp_denied },
	{ "acl.drop-implicit", always },
};

static const char *rule_of(const struct verdict *v)
{
	size_t i = 0;

	while (!table[i].fits(v))
		i++;
	return table[i].rule;
}

static const struct acl_line *later_deny(const struct acl_list *list, const struct acl_line *from,
					 const struct acl_packet *p)
{
	for (unsigned i = (unsigned)(from - list->lines) + 1; i < list->n_lines; i++)
		if (acl_line_matches(&list->lines[i], p))
			return list->lines[i].action == ACL_DENY ? &list->lines[i] : NULL;
	return NULL;
}

/* Does the entry make an exception for addresses that a later one denies? */
static bool is_exception(struct verdict *v)
{
	if (!v->r->permit || !v->line || !is_dhcp(v->p) ||
	    (v->p->src != 0 && v->p->dst != LIMITED_BROADCAST))
		return false;
	v->later = later_deny(v->list, v->line, v->p);
	return v->later != NULL;
}

static void find_line(struct verdict *v, const struct acl_lists *lists)
{
	v->list = acl_list_find(lists, v->r->list);
	if (v->list && v->r->seq != 0)
		v->line = acl_line_find(v->list, v->r->seq);
	if (v->line && (v->line->action == ACL_PERMIT) != v->r->permit)
		v->line = NULL; /* another one has its number by now */
}

static const char *line_text(const struct verdict *v, const struct acl_line *line, struct sbuf *out)
{
	if (line)
		acl_line_print(line, v->list->extended, out);
	return line ? sbuf_text(out) : "an entry that has been taken away since";
}

static void put_protocol(uint8_t protocol, struct sbuf *out)
{
	const char *name = protocol ? acl_protocol_name(protocol) : NULL;

	if (name)
		sbuf_puts(out, name);
	else
		sbuf_printf(out, "%u", protocol);
}

static struct val port_value(const char *name, bool has, uint16_t port)
{
	return has ? V_INT(name, port) : V_NULL(name);
}

static void decide_exception(const struct verdict *v, struct fx *fx)
{
	struct sbuf line = SBUF(512), later = SBUF(512);

	decide(fx, "acl.dhcp4.special-addresses", V_TEXT("list", v->r->list),
	       V_INT("entry", v->r->seq), V_ADDR("src", addr4_from_u32(v->p->src)),
	       V_ADDR("dst", addr4_from_u32(v->p->dst)), V_INT("later", v->later->seq),
	       V_TEXT("later_line", line_text(v, v->later, &later)),
	       V_TEXT("line", line_text(v, v->line, &line)));
	sbuf_done(&line);
	sbuf_done(&later);
}

void acl_decide_report(const struct acl_lists *lists, const struct device *dev,
		       const struct acl_report *r, const struct acl_packet *p, struct fx *fx)
{
	struct verdict v = { .r = r, .p = p };
	const struct iface *f = device_iface(dev, r->ifid);
	struct sbuf line = SBUF(512), packet = SBUF(256), protocol = SBUF(16);

	find_line(&v, lists);
	acl_packet_print(p, &packet);
	put_protocol(p->protocol, &protocol);
	if (is_exception(&v))
		decide_exception(&v, fx);
	const struct val values[] = {
		V_TEXT("list", r->list),
		r->seq ? V_INT("entry", r->seq) : V_NULL("entry"),
		r->seq ? V_TEXT("line", line_text(&v, v.line, &line)) : V_NULL("line"),
		V_TEXT("interface", f ? f->name : "an interface"),
		V_TEXT("direction", r->out ? "out" : "in"),
		V_TEXT("packet", sbuf_text(&packet)),
		V_TEXT("protocol", sbuf_text(&protocol)),
		V_ADDR("src", addr4_from_u32(p->src)),
		V_ADDR("dst", addr4_from_u32(p->dst)),
		port_value("src_port", p->has_ports, p->src_port),
		port_value("dst_port", p->has_ports, p->dst_port),
		V_END,
	};
	fx_decide(fx, rule_of(&v), values);
	sbuf_done(&line);
	sbuf_done(&packet);
	sbuf_done(&protocol);
}
