/* TCP: streams of bytes with their offsets, so that a decision about a message in a stream can be
 * tied to the segment that carried it. */
#include "shell_stream.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "shell_addr.h"

#define READ_CHUNK	 65536
#define READS_PER_TURN	 8 /* one busy stream does not starve the others */
#define ACCEPTS_PER_TURN 64
#define BACKLOG		 512
#define LINGER_SECONDS	 2
#define LOW_MARK	 STREAM_LOW_MARK

struct cause stream_cause(const struct sock *s, uint8_t dir, uint64_t offset)
{
	/* A terminal's stream (shell_terminal.c) is on no wire. */
	struct cause c = { .key = { .dir = s->peer.addr.family ? dir : PKT_NONE,
				    .proto = IPPROTO_TCP,
				    .ifid = 0,
				    .src = dir == PKT_IN ? s->peer : s->local,
				    .dst = dir == PKT_IN ? s->local : s->peer,
				    .stamp_ns = wall_now_ns(),
				    .offset = offset } };
	return c;
}

/* Tells the machine that the stream ended, and forgets it. */
static void stream_end(struct sock *s, int err)
{
	struct machine *m = s->machine;
	struct cause c = stream_cause(s, PKT_IN, s->rx_offset);
	struct ev ev = { .kind = EV_CLOSED, .closed = { .sock = s->id.number, .err = err } };

	sock_free(s);
	deliver(m, &ev, &c);
}

void stream_peer_closed(struct sock *s, bool cut)
{
	struct ev ev = { .kind = EV_CLOSED, .closed = { .sock = s->id.number, .cut = cut } };
	struct cause c = stream_cause(s, PKT_IN, s->rx_offset);

	s->peer_closed = true;
	stream_events(s);
	deliver(s->machine, &ev, &c);
}

bool stream_deliver(struct sock *s, const uint8_t *data, size_t len, uint64_t wire)
{
	struct machine *m = s->machine;
	uint32_t number = s->id.number;
	struct cause c = stream_cause(s, PKT_IN, wire);
	struct ev ev = {
		.kind = EV_BYTES,
		.bytes = { .sock = number, .data = data, .len = len, .offset = s->rx_offset }
	};

	c.shift = wire - s->rx_offset;
	s->rx_offset += len;
	deliver(m, &ev, &c);
	return sock_find(m, number) == s;
}

/* The peer closed, or is gone. */
static void on_end(struct sock *s, int err)
{
	if (err)
		stream_end(s, err);
	else if (s->tls)
		tls_end(s);
	else
		stream_peer_closed(s, false);
}

static void on_readable(struct sock *s)
{
	static uint8_t buf[READ_CHUNK];
	struct machine *m = s->machine;
	uint32_t number = s->id.number;

	for (int i = 0; i < READS_PER_TURN; i++) {
		ssize_t n = recv(s->fd, buf, sizeof(buf), 0);

		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			on_end(s, n < 0 ? errno : 0);
			return;
		}
		if (s->tls)
			tls_input(s, buf, (size_t)n);
		else
			(void)stream_deliver(s, buf, (size_t)n, s->rx_offset);
		if (sock_find(m, number) != s || s->peer_closed || s->paused ||
		    (size_t)n < sizeof(buf))
			return;
	}
}

static void on_linger(evutil_socket_t fd, short what, void *arg)
{
	static uint8_t waste[READ_CHUNK];
	ssize_t n = what & EV_TIMEOUT ? 0 : recv(fd, waste, sizeof(waste), 0);

	if (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)))
		return;
	sock_free(arg);
}

/* Our side is closed and the machine has forgotten the stream: what the peer still sends is read
 * and thrown away for a while, or the kernel would answer it with a reset that may overtake our
 * last octets (RFC 9112 §9.6). */
void stream_linger(struct sock *s)
{
	struct node *n = s->machine->node;
	struct timeval wait = { .tv_sec = LINGER_SECONDS };

	shutdown(s->fd, SHUT_WR);
	if (s->peer_closed) {
		sock_free(s);
		return;
	}
	HASH_DELETE(hh, n->socks, s);
	s->id.machine = SOCK_LINGERING;
	s->id.number = n->next_accepted++;
	HASH_ADD(hh, n->socks, id, sizeof(s->id), s);
	event_del(s->ev);
	event_assign(s->ev, n->base, s->fd, EV_READ | EV_PERSIST, on_linger, s);
	event_add(s->ev, &wait);
}

/* Octets that the machine wrote and the peer has not taken. */
static size_t owed(const struct sock *s)
{
	return evbuffer_get_length(s->unsent) + tls_owed(s->tls);
}

bool stream_flush(struct sock *s)
{
	for (;;) {
		int n = s->tls ? tls_pump(s) : 0;

		if (n < 0)
			errno = -n;
		else if (evbuffer_get_length(s->unsent) == 0)
			break;
		else
			n = evbuffer_write(s->unsent, s->fd);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			break;
		if (n < 0) {
			stream_end(s, errno);
			return false;
		}
	}
	if (s->closing && evbuffer_get_length(s->unsent) == 0) {
		stream_linger(s);
		return false;
	}
	return true;
}

/* EV_DRAINED: the machine may send on. It comes after a file, and at the latest when LOW_MARK
 * octets were written since the last one, so that a machine which counts what it sends can rely on
 * it. */
static void tell_drained(struct sock *s)
{
	struct ev ev = { .kind = EV_DRAINED, .closed = { .sock = s->id.number } };

	if (!s->told_full || owed(s) >= LOW_MARK)
		return;
	s->told_full = false;
	deliver(s->machine, &ev, NULL);
}

static void on_writable(struct sock *s)
{
	if (!stream_flush(s))
		return;
	stream_events(s);
	tell_drained(s);
}

static void learn_local(struct sock *s)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);

	if (getsockname(s->fd, (struct sockaddr *)&ss, &len) == 0)
		s->local = ep_from_sockaddr(&ss);
}

static void on_connected(struct sock *s)
{
	struct ev ev = { .kind = EV_OPENED, .opened = { .sock = s->id.number } };
	struct cause c;
	int err = 0;
	socklen_t len = sizeof(err);

	getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &err, &len);
	if (err == EINPROGRESS)
		return;
	s->connecting = false;
	learn_local(s);
	if (err) {
		stream_end(s, err);
		return;
	}
	stream_events(s);
	ev.opened.local = s->local;
	ev.opened.peer = s->peer;
	c = stream_cause(s, PKT_IN, 0);
	deliver(s->machine, &ev, &c);
}

static void on_stream(evutil_socket_t fd, short what, void *arg)
{
	struct sock *s = arg;
	struct machine *m = s->machine;
	uint32_t number = s->id.number;

	(void)fd;
	if (s->connecting) {
		on_connected(s);
		return;
	}
	if (what & EV_WRITE) {
		on_writable(s);
		if (sock_find(m, number) != s)
			return;
	}
	if (what & EV_READ)
		on_readable(s);
}

/* Listens for what the state of the stream calls for. */
void stream_events(struct sock *s)
{
	short want = EV_PERSIST;

	if (s->connecting || evbuffer_get_length(s->unsent) > 0)
		want |= EV_WRITE;
	if (!s->connecting && !s->peer_closed && !s->closing && !s->paused)
		want |= EV_READ;
	if (s->ev && event_get_events(s->ev) == want)
		return;
	if (s->ev) {
		event_del(s->ev);
		event_assign(s->ev, s->machine->node->base, s->fd, want, on_stream, s);
	} else {
		s->ev = event_new(s->machine->node->base, s->fd, want, on_stream, s);
	}
	if ((want & (EV_READ | EV_WRITE)) && !s->machine->node->socks_paused)
		event_add(s->ev, NULL);
}

static void accept_one(struct sock *listener, int fd, const struct sockaddr_storage *peer)
{
	struct machine *m = listener->machine;
	struct node *n = m->node;
	int one = 1;
	struct sock *s = sock_new(m, SOCK_ACCEPTED + n->next_accepted % SOCK_ACCEPTED, fd);
	struct ev ev = { .kind = EV_OPENED };
	struct cause c;

	if (!s) {
		journal_refused(n, m->cls->name, "connection refused: too many sockets are open");
		close(fd);
		return;
	}
	n->next_accepted++;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	s->what = SOCK_IS_STREAM;
	s->unsent = evbuffer_new();
	s->peer = ep_from_sockaddr(peer);
	learn_local(s);
	stream_events(s);
	ev.opened.sock = s->id.number;
	ev.opened.listener = listener->id.number;
	ev.opened.local = s->local;
	ev.opened.peer = s->peer;
	c = stream_cause(s, PKT_IN, 0);
	deliver(m, &ev, &c);
}

static void on_accept(evutil_socket_t fd, short what, void *arg)
{
	struct sock *listener = arg;
	struct machine *m = listener->machine;
	uint32_t number = listener->id.number;

	(void)what;
	for (int i = 0; i < ACCEPTS_PER_TURN; i++) {
		struct sockaddr_storage peer;
		socklen_t len = sizeof(peer);
		int conn =
			accept4(fd, (struct sockaddr *)&peer, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);

		if (conn < 0)
			return;
		accept_one(listener, conn, &peer);
		if (sock_find(m, number) != listener)
			return;
	}
}

/* Urgent octets stay in the stream, where Telnet wants them (RFC 854; RFC 1123 §4.1.2.12 for FTP).
 * What a listener has here, the connections that it accepts have too. */
static void set_options(int fd, int family, uint8_t tos)
{
	int one = 1, value = tos;

	setsockopt(fd, SOL_SOCKET, SO_OOBINLINE, &one, sizeof(one));
	if (tos && family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_TCLASS, &value, sizeof(value));
	else if (tos)
		setsockopt(fd, IPPROTO_IP, IP_TOS, &value, sizeof(value));
}

void stream_listen(struct machine *m, const struct fx_effect *e)
{
	struct sockaddr_storage ss;
	socklen_t len = ep_to_sockaddr(&e->listen.local, &ss);
	int one = 1, fd;
	struct sock *s;

	fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		goto fail;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (ss.ss_family == AF_INET6) /* a machine listens on each family by itself */
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	set_options(fd, ss.ss_family, e->listen.tos);
	if (bind(fd, (struct sockaddr *)&ss, len) < 0 || listen(fd, BACKLOG) < 0)
		goto fail;
	s = sock_find(m, e->listen.sock) ? NULL : sock_new(m, e->listen.sock, fd);
	if (!s) {
		errno = EEXIST;
		goto fail;
	}
	s->what = SOCK_IS_LISTENER;
	s->local = e->listen.local;
	s->ev = event_new(m->node->base, fd, EV_READ | EV_PERSIST, on_accept, s);
	event_add(s->ev, NULL);
	return;
fail:
	fail_effect(m, e, e->listen.sock, errno, NULL);
	if (fd >= 0)
		close(fd);
}

void stream_connect(struct machine *m, const struct fx_effect *e)
{
	struct sockaddr_storage ss;
	socklen_t len = ep_to_sockaddr(&e->connect.peer, &ss);
	struct ep local = e->connect.local;
	int one = 1, fd;
	struct sock *s;

	fd = socket(ss.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		goto fail;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	set_options(fd, ss.ss_family, e->connect.tos);
	local.addr.family = e->connect.peer.addr.family;
	if (local.port) /* one that is known to peers, for one connection after the other */
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	/* without it the kernel chooses a port */
	if (sock_bind(m->node, fd, &local) < 0 && local.port)
		goto fail;
	if (connect(fd, (struct sockaddr *)&ss, len) < 0 && errno != EINPROGRESS)
		goto fail;
	s = sock_find(m, e->connect.sock) ? NULL : sock_new(m, e->connect.sock, fd);
	if (!s) {
		errno = EEXIST;
		goto fail;
	}
	s->what = SOCK_IS_STREAM;
	s->connecting = true;
	s->peer = e->connect.peer;
	s->unsent = evbuffer_new();
	learn_local(s);
	stream_events(s);
	return;
fail:
	fail_effect(m, e, e->connect.sock, errno, NULL);
	if (fd >= 0)
		close(fd);
}

struct sock *stream_of(struct machine *m, uint32_t number)
{
	struct sock *s = sock_find(m, number);

	return s && s->what == SOCK_IS_STREAM && !s->closing ? s : NULL;
}

static void stream_sent(struct sock *s, const struct fx_effect *e, uint64_t len)
{
	struct node *n = s->machine->node;
	struct cause c;

	facts_flush(n);
	if (s->peer.addr.family && journal_wants_sent(n, e)) {
		c = stream_cause(s, PKT_OUT, s->tls ? tls_tx_offset(s) : s->tx_offset);
		journal_sent(n, e, &c.key);
	}
	s->tx_offset += len;
}

/* What the kernel takes at once needs no buffer. */
static void write_plain(struct sock *s, const uint8_t *data, size_t len)
{
	ssize_t done = 0;

	if (evbuffer_get_length(s->unsent) == 0 && !s->connecting)
		done = send(s->fd, data, len, MSG_NOSIGNAL);
	if (done < 0)
		done = 0; /* what is wrong shows again when the buffer is flushed */
	if ((size_t)done < len)
		evbuffer_add(s->unsent, data + done, len - (size_t)done);
}

void stream_write(struct machine *m, const struct fx_effect *e)
{
	struct sock *s = stream_of(m, e->write.sock);
	size_t len = e->write.len;

	if (!s || (s->tls && !tls_is_open(s->tls))) {
		fail_effect(m, e, e->write.sock, s ? ENOTCONN : EPIPE, NULL);
		return;
	}
	if (owed(s) + len > FX_STREAM_UNSENT_MAX) {
		fail_effect(m, e, e->write.sock, ENOBUFS,
			    "the peer does not read: too much is owed");
		return;
	}
	stream_sent(s, e, len);
	/* Each time the octets of the stream pass a multiple of the mark. */
	s->told_full |= s->tx_offset / LOW_MARK != (s->tx_offset - len) / LOW_MARK;
	if (s->tls) {
		tls_write(s, e->write.data, len);
		if (!stream_flush(s))
			return;
	} else {
		write_plain(s, e->write.data, len);
	}
	stream_events(s);
	tell_drained(s);
}

/* The buffer owns fd from here and sends by sendfile(2). */
static void send_plain_file(struct machine *m, struct sock *s, const struct fx_effect *e, int fd)
{
	if (evbuffer_add_file(s->unsent, fd, (ev_off_t)e->send_file.offset,
			      (ev_off_t)e->send_file.len) < 0)
		fail_effect(m, e, e->send_file.sock, EIO, "the file could not be sent");
}

void stream_send_file(struct machine *m, const struct fx_effect *e)
{
	struct sock *s = stream_of(m, e->send_file.sock);
	int fd;

	if (!s || (s->tls && !tls_is_open(s->tls))) {
		fail_effect(m, e, e->send_file.sock, s ? ENOTCONN : EPIPE, NULL);
		return;
	}
	fd = file_open(m->node, e->send_file.path, O_RDONLY);
	if (fd < 0) {
		fail_effect(m, e, e->send_file.sock, -fd, NULL);
		return;
	}
	stream_sent(s, e, e->send_file.len);
	if (s->tls)
		tls_send_file(s, fd, e->send_file.offset, e->send_file.len);
	else
		send_plain_file(m, s, e, fd);
	s->told_full = true;
	if (!s->connecting && !stream_flush(s))
		return;
	stream_events(s);
	tell_drained(s);
}

void stream_pause(struct machine *m, const struct fx_effect *e)
{
	struct sock *s = stream_of(m, e->pause.sock);

	if (!s)
		return;
	s->paused = e->pause.on;
	stream_events(s);
}

void stream_close(struct machine *m, const struct fx_effect *e)
{
	struct sock *s = sock_find(m, e->close.sock);
	struct linger reset = { .l_onoff = 1, .l_linger = 0 };

	if (!s)
		return;
	if (s->what != SOCK_IS_STREAM || s->connecting) {
		sock_free(s);
		return;
	}
	if (e->close.how == CLOSE_RESET) {
		setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		sock_free(s);
		return;
	}
	s->closing = true;
	if (stream_flush(s))
		stream_events(s);
}
