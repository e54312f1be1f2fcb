/*
 * nftables messages: a transaction is a buffer of messages that the kernel takes whole or not at
 * all. Rules are built expression by expression; each loads into or compares register 1.
 *
 * Inside this library only. The transaction's owner frees it with nft_done() in any case. Running
 * out of memory is remembered and reported by nft_commit().
 */
#ifndef NETNS_NFT_H
#define NETNS_NFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct netns_err;
struct nl_h;
struct nlattr;
struct nlmsghdr;

#define NFT_LABEL_LEN	 96
#define NFT_MESSAGE_MAX	 2048 /* bytes of one message; a rule of IPv6 with all fields has 1.4 kB */
#define NFT_BYTES_MAX	 (8 * 1024 * 1024)
#define NFT_MESSAGES_MAX 10000 /* of a transaction */

struct nft_label {
	size_t at; /* offset of the message */
	char text[NFT_LABEL_LEN];
};

struct nft {
	uint8_t *buf;
	size_t len, room;
	struct nft_label *labels; /* by message; the first is the transaction's begin */
	unsigned n, n_room;
	uint32_t first_seq;
	struct nlattr *exprs; /* of the rule being built */
	int failed;	      /* negative errno */
};

/* |seq|: of the first message; nlh_seq_block(h, NFT_MESSAGES_MAX). The family is always inet: IPv4
 * and IPv6. */
void nft_begin(struct nft *t, uint32_t seq);
int nft_commit(struct nft *t, struct nl_h *h, struct netns_err *err);
void nft_done(struct nft *t);

void nft_table(struct nft *t, uint16_t type, uint16_t flags, const char *table);
void nft_base_chain(struct nft *t, const char *table, const char *chain, uint32_t hook,
		    int32_t priority);
void nft_chain(struct nft *t, const char *table, const char *chain);

/* Expressions between these two; NULL when the transaction has failed already. */
struct nlmsghdr *nft_rule(struct nft *t, const char *table, const char *chain, const char *label);
void nft_rule_end(struct nft *t, struct nlmsghdr *rule, const char *user_data);

void nft_meta(struct nlmsghdr *rule, uint32_t key);
void nft_payload(struct nlmsghdr *rule, uint32_t base, uint32_t offset, uint32_t len);
void nft_frag_header(struct nlmsghdr *rule); /* offset and flags of IPv6 */
void nft_mask(struct nlmsghdr *rule, const void *mask, uint32_t len);
void nft_cmp(struct nlmsghdr *rule, uint32_t op, const void *value, uint32_t len);
void nft_counter(struct nlmsghdr *rule);
void nft_log(struct nlmsghdr *rule, uint16_t group, const char *prefix);
void nft_verdict(struct nlmsghdr *rule, int32_t code, const char *chain);
void nft_reject(struct nlmsghdr *rule, uint8_t icmpx_code);

/* Counters of a rule that nft_rule() made, read back. */
struct nft_count {
	uint64_t n_packets, n_bytes;
	char user_data[128];
};

int nft_counts(struct nl_h *h, const char *table, struct nft_count **ret_counts, size_t *ret_n,
	       struct netns_err *err);

#endif
