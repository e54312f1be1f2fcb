/* conf_set.h: the configuration of one device: grammar, running configuration, and each protocol's
 * configuration object. The same set is read by `labnode --check` and by a running node. */
#ifndef LABD_NODES_CONF_SET_H
#define LABD_NODES_CONF_SET_H

#include "base/conf_reader.h"
#include "proto.h"

#define CONF_PROTOS_MAX 32

struct conf_set {
	const struct grammar *grammar; /* shared by all of a kind */
	struct conf_tree *tree;
	void *confs[CONF_PROTOS_MAX]; /* by place in protos[] */
	const struct device *dev;
};

/* The grammar of a kind of device; lives as long as the process. */
const struct grammar *conf_grammar(enum device_kind kind);
/* 0 or -ENOMEM; conf_set_close() in either case. */
int conf_set_open(struct conf_set *set, const struct device *dev);
void conf_set_close(struct conf_set *set);
struct conf_target conf_set_target(const struct conf_set *set);
/* A whole text, then the checks across lines. 0, or -EINVAL when something was refused. */
int conf_set_read(struct conf_set *set, const char *text, conf_issue_fn issue,
		  conf_line_fn accepted, void *arg);
/* The checks alone; -EINVAL with the first reason. */
int conf_set_check(const struct conf_set *set, struct sbuf *reterr);

#endif
