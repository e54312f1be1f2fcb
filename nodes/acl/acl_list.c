/* The configuration object: lists, their lines by rising number, and where they are bound. */
#include "acl/acl_int.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

void *acl_conf_new(const struct device *dev)
{
	(void)dev;
	return calloc(1, sizeof(struct acl_conf));
}

void acl_conf_free(void *conf)
{
	struct acl_conf *c = conf;

	if (!c)
		return;
	for (unsigned i = 0; i < c->lists.n_lists; i++)
		free(c->lists.lists[i].lines);
	free(c->lists.lists);
	free(c->lists.uses);
	free(c);
}

static void touch(struct acl_conf *conf, struct acl_list *list)
{
	list->revision = ++conf->last_id;
}

/* ---- finding ---- */

static struct acl_list *find(const struct acl_lists *lists, const char *name)
{
	for (unsigned i = 0; i < lists->n_lists; i++)
		if (strcmp(lists->lists[i].name, name) == 0)
			return &lists->lists[i];
	return NULL;
}

const struct acl_list *acl_list_find(const struct acl_lists *lists, const char *name)
{
	return find(lists, name);
}

/* The place of the first line with this number or a higher one. */
static unsigned place_of(const struct acl_list *list, uint32_t seq)
{
	unsigned low = 0, high = list->n_lines;

	while (low < high) {
		unsigned middle = (low + high) / 2;

		if (list->lines[middle].seq < seq)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

const struct acl_line *acl_line_find(const struct acl_list *list, uint32_t seq)
{
	unsigned at = place_of(list, seq);

	return at < list->n_lines && list->lines[at].seq == seq ? &list->lines[at] : NULL;
}

bool acl_list_is_empty(const struct acl_list *list)
{
	for (unsigned i = 0; i < list->n_lines; i++)
		if (list->lines[i].action != ACL_REMARK)
			return false;
	return true;
}

const struct acl_line *acl_list_like(const struct acl_list *list, const struct acl_line *line)
{
	for (unsigned i = 0; i < list->n_lines; i++)
		if (list->lines[i].action != ACL_REMARK && acl_line_same(&list->lines[i], line))
			return &list->lines[i];
	return NULL;
}

/* ---- lists ---- */

struct acl_list *acl_list_get(struct acl_conf *conf, const char *name, bool extended, bool numbered)
{
	struct acl_lists *all = &conf->lists;
	struct acl_list *list = find(all, name);
	struct acl_list *more;

	if (list)
		return list;
	if (all->n_lists == ACL_LISTS_MAX)
		return NULL;
	more = reallocarray(all->lists, all->n_lists + 1, sizeof(*more));
	if (!more)
		return NULL;
	all->lists = more;
	list = &more[all->n_lists++];
	*list = (struct acl_list){ .extended = extended, .numbered = numbered };
	str_copy(list->name, sizeof(list->name), name);
	touch(conf, list);
	return list;
}

void acl_list_remove(struct acl_conf *conf, const char *name)
{
	struct acl_lists *all = &conf->lists;
	struct acl_list *list = find(all, name);

	if (!list)
		return;
	conf->n_lines -= list->n_lines;
	free(list->lines);
	all->n_lists--;
	memmove(list, list + 1, (size_t)(&all->lists[all->n_lists] - list) * sizeof(*list));
}

/* ---- lines ---- */

static int make_room(struct acl_list *list)
{
	unsigned size = list->size ? 2 * list->size : 8;
	struct acl_line *more;

	if (list->n_lines < list->size)
		return 0;
	more = reallocarray(list->lines, size, sizeof(*more));
	if (!more)
		return -ENOMEM;
	list->lines = more;
	list->size = size;
	return 0;
}

static int refuse(struct sbuf *reterr, const char *why)
{
	sbuf_puts(reterr, why);
	return -EINVAL;
}

/* The number for a line that has none. */
static uint32_t next_seq(const struct acl_list *list)
{
	uint32_t last = list->n_lines ? list->lines[list->n_lines - 1].seq : 0;

	return last > ACL_SEQ_MAX - ACL_SEQ_STEP ? 0 : last + ACL_SEQ_STEP;
}

static int insert(struct acl_conf *conf, struct acl_list *list, const struct acl_line *line,
		  uint32_t seq, struct sbuf *reterr)
{
	unsigned at = place_of(list, seq);

	if (conf->n_lines >= ACL_LINES_MAX || make_room(list) < 0)
		return refuse(reterr,
			      "the device's access lists have as many lines as are allowed");
	memmove(&list->lines[at + 1], &list->lines[at],
		(list->n_lines - at) * sizeof(list->lines[0]));
	list->lines[at] = *line;
	list->lines[at].seq = seq;
	list->lines[at].id = ++conf->last_id;
	list->n_lines++;
	conf->n_lines++;
	touch(conf, list);
	return 0;
}

/* As IOS does it: an equal line is taken in silence, a number that another line has is an error. */
int acl_list_add(struct acl_conf *conf, struct acl_list *list, const struct acl_line *line,
		 uint32_t *ret_seq, struct sbuf *reterr)
{
	uint32_t seq = line->seq ? line->seq : next_seq(list);
	const struct acl_line *there = acl_line_find(list, seq);
	const struct acl_line *like = line->action == ACL_REMARK ? NULL : acl_list_like(list, line);
	int r = 0;

	if (like) {
		*ret_seq = like->seq;
		return 0;
	}
	if (there && there->action == ACL_REMARK && line->action == ACL_REMARK)
		return refuse(reterr, "that number has a remark already: take it away first");
	if (there) {
		sbuf_printf(reterr,
			    "access list %s has an entry %u already: take it away first (no %u)",
			    list->name, seq, seq);
		return -EINVAL;
	}
	if (seq == 0)
		return refuse(reterr, "no number is left behind the last entry of the list");
	r = insert(conf, list, line, seq, reterr);
	if (r == 0)
		*ret_seq = seq;
	return r;
}

bool acl_list_drop(struct acl_conf *conf, struct acl_list *list, uint32_t seq)
{
	unsigned at = place_of(list, seq);

	if (at == list->n_lines || list->lines[at].seq != seq)
		return false;
	list->n_lines--;
	conf->n_lines--;
	memmove(&list->lines[at], &list->lines[at + 1],
		(list->n_lines - at) * sizeof(list->lines[0]));
	touch(conf, list);
	return true;
}

/* ---- bindings ---- */

const struct acl_use *acl_use_find(const struct acl_lists *lists, uint32_t ifid, bool out)
{
	for (unsigned i = 0; i < lists->n_uses; i++)
		if (lists->uses[i].ifid == ifid && lists->uses[i].out == out)
			return &lists->uses[i];
	return NULL;
}

static void remove_use(struct acl_lists *lists, uint32_t ifid, bool out)
{
	for (unsigned i = 0; i < lists->n_uses; i++)
		if (lists->uses[i].ifid == ifid && lists->uses[i].out == out) {
			lists->uses[i] = lists->uses[--lists->n_uses];
			return;
		}
}

int acl_use_set(struct acl_conf *conf, uint32_t ifid, bool out, const char *name)
{
	struct acl_lists *lists = &conf->lists;
	struct acl_use *more;

	remove_use(lists, ifid, out);
	if (!name)
		return 0;
	if (lists->n_uses == ACL_USES_MAX)
		return -ENOSPC;
	more = reallocarray(lists->uses, lists->n_uses + 1, sizeof(*more));
	if (!more)
		return -ENOSPC;
	lists->uses = more;
	more[lists->n_uses] = (struct acl_use){ .ifid = ifid, .out = out };
	str_copy(more[lists->n_uses++].list, sizeof(more->list), name);
	return 0;
}
