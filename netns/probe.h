/*
 * What this host lets one do, found out by doing it: each probe runs in a process of its own, in
 * namespaces that end with it, and leaves nothing behind.
 *
 * A probe answers yes, "yes, with less", or no, with one sentence why and one what to do about it.
 * It takes at most PROBE_TIMEOUT_S. Call it while the process has one thread.
 */
#ifndef NETNS_PROBE_H
#define NETNS_PROBE_H

#include <stddef.h>

#define PROBE_TIMEOUT_S 10
#define PROBE_TEXT_LEN	320

enum probe_id {
	PROBE_USER_NAMESPACE, /* first: without it, the others are not tried */
	PROBE_ID_RANGE,
	PROBE_NESTED,
	PROBE_VETH,
	PROBE_BRIDGE,
	PROBE_TAP,
	PROBE_PACKET_RING,
	PROBE_NF_TABLES,
	PROBE_NFLOG,
	PROBE_OVERLAY,
	PROBE_N,
};

enum probe_answer {
	PROBE_YES,
	PROBE_LESS, /* it works, with less than it could */
	PROBE_NO,
	PROBE_NOT_TRIED,
};

struct probe_result {
	enum probe_answer answer;
	int code; /* negative errno behind a no; else 0 */
	char why[PROBE_TEXT_LEN];
	char remedy[PROBE_TEXT_LEN]; /* "" when there is nothing to do */
};

const char *probe_name(enum probe_id id);
/* What is lost without it. */
const char *probe_purpose(enum probe_id id);
const char *probe_answer_name(enum probe_answer answer);

void probe_run(enum probe_id id, struct probe_result *ret_result);
/* All, in order. */
void probe_run_all(struct probe_result ret_results[static PROBE_N]);

/*
 * Why user namespaces are refused, from the host's settings. A setting is -1 where the host does
 * not have it. Pure, so that hosts can be tested that are not at hand.
 */
struct probe_facts {
	unsigned uid;
	long apparmor_restricts;  /* kernel.apparmor_restrict_unprivileged_userns */
	long max_user_namespaces; /* user.max_user_namespaces */
	long unprivileged_clone;  /* kernel.unprivileged_userns_clone */
};

void probe_explain_userns(int code, const struct probe_facts *facts, const char *kernel_says,
			  struct probe_result *ret_result);

#endif
