#include <errno.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>

#include "labd/log/ring.h"
#include "netns/link.h"
#include "netns/nl.h"

enum { ANSWER_BYTES = 65536 };

static int ask(int fd, uint32_t seq)
{
	struct {
		struct nlmsghdr head;
		struct ifinfomsg body;
	} msg = { .head = { .nlmsg_len = sizeof(msg),
			    .nlmsg_type = RTM_GETLINK,
			    .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
			    .nlmsg_seq = seq },
		  .body = { .ifi_family = AF_UNSPEC } };
	struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };

	return sendto(fd, &msg, sizeof(msg), 0, (struct sockaddr *)&kernel, sizeof(kernel)) < 0
		       ? -errno
		       : 0;
}

static int dump_error(const struct nlmsghdr *msg)
{
	char text[128];
	uint32_t offset;
	int r = nlh_ack_error(msg, text, sizeof(text), &offset);

	return r < 0 ? r : -EIO;
}

static void keep(const struct nlmsghdr *msg, struct ring_link *out, size_t max, size_t *n)
{
	struct nl_link link;

	if (*n >= max || nl_link_decode(msg, &link) != 1)
		return;
	out[*n] = (struct ring_link){ .ifindex = link.index,
				      .rx_frames = link.counters.rx_frames,
				      .tx_frames = link.counters.tx_frames };
	memcpy(out[*n].name, link.name, sizeof(out[*n].name));
	(*n)++;
}

int ring_links(int netlink_fd, struct ring_link *out, size_t max)
{
	static uint32_t seq;
	static _Alignas(struct nlmsghdr) uint8_t buf[ANSWER_BYTES];
	size_t n = 0;
	int r = ask(netlink_fd, ++seq);

	while (r == 0) {
		ssize_t len = nlh_recv(netlink_fd, buf, sizeof(buf), 0, NULL);
		int left = (int)len;

		if (len < 0)
			return (int)len;
		for (struct nlmsghdr *m = (void *)buf; NLMSG_OK(m, left); m = NLMSG_NEXT(m, left)) {
			if (m->nlmsg_seq != seq)
				continue;
			if (m->nlmsg_type == NLMSG_DONE)
				return (int)n;
			if (m->nlmsg_type == NLMSG_ERROR)
				return dump_error(m);
			keep(m, out, max, &n);
		}
	}
	return r;
}
