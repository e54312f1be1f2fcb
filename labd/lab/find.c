/* Devices and links of a lab by what people call them. */
#include <errno.h>
#include <string.h>

#include "labd/lab/lab.h"

enum { ENDPOINT_MAX = LAB_DEVICE_NAME_MAX + IFNAME_DISPLAY_MAX + 1 };

bool lab_split_endpoint(const char *text, char device[static LAB_DEVICE_NAME_MAX + 1],
			const char **ret_iface)
{
	const char *colon = strchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : 0;

	if (len == 0 || len > LAB_DEVICE_NAME_MAX || colon[1] == '\0')
		return false;
	memcpy(device, text, len);
	device[len] = '\0';
	*ret_iface = colon + 1;
	return true;
}

bool lab_same_end(const struct lab_end *a, const struct lab_end *b)
{
	return a->node == b->node && ifname_equal(&a->name, &b->name);
}

int lab_find_node(const struct lab *lab, const char *name)
{
	for (size_t i = 0; i < lab->n_nodes; i++)
		if (strcmp(lab->nodes[i].name, name) == 0)
			return (int)i;
	return -ENOENT;
}

static int find_end(const struct lab *lab, const char *text, struct lab_end *ret)
{
	char device[LAB_DEVICE_NAME_MAX + 1];
	const char *iface, *why;
	int node;

	if (!lab_split_endpoint(text, device, &iface))
		return -ENOENT;
	node = lab_find_node(lab, device);
	if (node < 0 || ifname_parse(iface, &ret->name, &why) < 0)
		return -ENOENT;
	ret->node = (uint32_t)node;
	return 0;
}

static int link_at(const struct lab *lab, const struct lab_end *end)
{
	for (size_t i = 0; i < lab->n_links; i++)
		if (lab_same_end(&lab->links[i].end[0], end) ||
		    lab_same_end(&lab->links[i].end[1], end))
			return (int)i;
	return -ENOENT;
}

/* "pc1:eth0--sw1:1"; a device's name may contain "--" itself, so each place is tried. */
static int link_between(const struct lab *lab, const char *name)
{
	for (const char *p = strstr(name, "--"); p; p = strstr(p + 1, "--")) {
		char first[ENDPOINT_MAX + 1];
		struct lab_end a, b;
		size_t len = (size_t)(p - name);
		int i;

		if (len > ENDPOINT_MAX)
			return -ENOENT;
		memcpy(first, name, len);
		first[len] = '\0';
		if (find_end(lab, first, &a) < 0 || find_end(lab, p + 2, &b) < 0)
			continue;
		i = link_at(lab, &a);
		if (i >= 0 && i == link_at(lab, &b))
			return i;
	}
	return -ENOENT;
}

int lab_find_link(const struct lab *lab, const char *name)
{
	struct lab_end end;

	for (size_t i = 0; i < lab->n_links; i++)
		if (strcmp(lab->links[i].name, name) == 0)
			return (int)i;
	if (find_end(lab, name, &end) == 0)
		return link_at(lab, &end);
	return link_between(lab, name);
}
