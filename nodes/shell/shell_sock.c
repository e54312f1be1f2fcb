/* The sockets of a node's machines, by (machine, number). */
#include "shell_stream.h"

#include <errno.h>
#include <event2/buffer.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shell_addr.h"

#define PORT_FIRST 32768 /* ip_local_port_range of the baseline */
#define PORT_LAST  60999
#define PORT_TRIES 32 /* of drawn ports that are taken, before the kernel chooses */

struct sock *sock_find(struct machine *m, uint32_t number)
{
	struct sock_id id = { .machine = m->index, .number = number };
	struct sock *s;

	HASH_FIND(hh, m->node->socks, &id, sizeof(id), s);
	return s;
}

struct sock *sock_new(struct machine *m, uint32_t number, int fd)
{
	struct node *n = m->node;
	struct sock *s;

	if (n->n_socks >= NODE_SOCKS_MAX)
		return NULL;
	s = calloc(1, sizeof(*s));
	if (!s)
		abort();
	s->id = (struct sock_id){ .machine = m->index, .number = number };
	s->machine = m;
	s->fd = fd;
	s->guard_fd = -1;
	HASH_ADD(hh, n->socks, id, sizeof(s->id), s);
	n->n_socks++;
	return s;
}

void sock_free(struct sock *s)
{
	struct node *n = s->machine->node;

	dgram_flush(n); /* some of it may be this socket's */
	HASH_DELETE(hh, n->socks, s);
	n->n_socks--;
	if (s->ev)
		event_free(s->ev);
	if (s->write_ev)
		event_free(s->write_ev);
	if (s->unsent)
		evbuffer_free(s->unsent);
	tls_free(s->tls);
	if (s->guard_fd >= 0)
		close(s->guard_fd);
	close(s->fd);
	free(s);
}

/* A stream that lingers has an end of its own and tells no machine anything. */
void socks_pause(struct node *n, bool pause)
{
	struct sock *s, *next;

	n->socks_paused = pause;
	HASH_ITER(hh, n->socks, s, next)
	{
		if (!s->ev || s->id.machine == SOCK_LINGERING)
			continue;
		if (pause)
			event_del(s->ev);
		else if (event_get_events(s->ev) & (EV_READ | EV_WRITE))
			event_add(s->ev, NULL);
	}
}

void socks_free_all(struct node *n)
{
	struct sock *s, *next;

	HASH_ITER(hh, n->socks, s, next)
	sock_free(s);
}

static int bind_to(int fd, const struct ep *local)
{
	struct sockaddr_storage ss;
	socklen_t len = ep_to_sockaddr(local, &ss);

	return bind(fd, (struct sockaddr *)&ss, len) < 0 ? -errno : 0;
}

/* The kernel draws a port by itself, and otherwise in every run: the seed is to decide. A node that
 * is started anew goes on elsewhere, since its peers may not have noticed. */
int sock_bind(struct node *n, int fd, const struct ep *local)
{
	struct ep drawn = *local;

	if (local->port != 0)
		return bind_to(fd, local);
	if (!n->ports_seeded)
		rng_seed(&n->ports,
			 seed_for(n->seed, "ports") + (n->reborn ? (uint64_t)node_now(n) : 0));
	n->ports_seeded = true;
	for (int i = 0; i < PORT_TRIES; i++) {
		int r;

		drawn.port =
			(uint16_t)(PORT_FIRST + rng_below(&n->ports, PORT_LAST - PORT_FIRST + 1));
		r = bind_to(fd, &drawn);
		if (r != -EADDRINUSE)
			return r;
	}
	return bind_to(fd, local);
}
