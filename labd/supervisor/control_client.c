#include "labd/supervisor/control.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/sbuf.h"
#include "labd/lab/utf8.h"

#define ACCEPTS_AT_ONCE 16
#define IDLE_NS		(2 * SEC) /* then a connection may have to make room */
#define FDS_TAKEN	8	  /* of one message; the kernel closes what is beyond */

union rights {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(FDS_TAKEN * sizeof(int))];
};

/* --- answers ------------------------------------------------------------------------------ */

/* 0, -EAGAIN, or what is wrong with the connection. */
static int send_now(const struct client *c, const char *text, size_t len, int fd)
{
	union rights control = { 0 };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)text, .iov_len = len };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (fd >= 0) {
		struct cmsghdr *m;

		mh.msg_control = control.bytes;
		mh.msg_controllen = CMSG_SPACE(sizeof(int));
		m = CMSG_FIRSTHDR(&mh);
		m->cmsg_level = SOL_SOCKET;
		m->cmsg_type = SCM_RIGHTS;
		m->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(m), &fd, sizeof(int));
	}
	return sendmsg(c->fd, &mh, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

static void lose(struct client *c)
{
	c->gone = true;
	event_active(c->read_ev, EV_READ, 0);
}

static void drop_head(struct client *c)
{
	struct client_msg *m = c->head;

	c->head = m->next;
	if (!c->head)
		c->tail = &c->head;
	c->queued_bytes -= m->len;
	if (m->fd >= 0)
		close(m->fd);
	free(m);
}

static int enqueue(struct client *c, const char *text, size_t len, int fd)
{
	struct client_msg *m;

	if (c->queued_bytes + len > CLIENT_QUEUE_MAX)
		return -ENOBUFS;
	m = malloc(sizeof(*m) + len);
	if (!m)
		return -ENOMEM;
	m->next = NULL;
	m->fd = fd < 0 ? -1 : fcntl(fd, F_DUPFD_CLOEXEC, 3);
	m->len = len;
	memcpy(m->text, text, len);
	*c->tail = m;
	c->tail = &m->next;
	c->queued_bytes += len;
	return event_add(c->write_ev, NULL);
}

void reply_with_fd(struct client *c, const char *text, int fd)
{
	size_t len = strlen(text);
	int r = c->gone ? 0 : c->head ? -EAGAIN : send_now(c, text, len, fd);

	if (r == -EAGAIN)
		r = enqueue(c, text, len, fd);
	if (r < 0)
		lose(c);
}

void reply(struct client *c, json_t *o)
{
	char *text = o ? json_dumps(o, JSON_COMPACT) : NULL;

	if (text)
		reply_with_fd(c, text, -1);
	free(text);
	json_decref(o);
}

void reply_done(struct client *c)
{
	reply(c, json_pack("{s:b}", "done", 1));
}

void reply_error(struct client *c, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	reply(c, json_pack("{s:b, s:o}", "done", 1, "error", reply_text(text, strlen(text))));
}

json_t *reply_text(const char *text, size_t len)
{
	struct sbuf out = SBUF(3 * len + 1);
	json_t *o;

	for (size_t i = 0; i < len; i += utf8_step(text + i, len - i)) {
		size_t n = utf8_length(text + i, len - i);

		if (n > 0)
			sbuf_put(&out, text + i, n);
		else
			sbuf_puts(&out, "\xef\xbf\xbd");
	}
	o = json_stringn(sbuf_text(&out), out.len);
	sbuf_done(&out);
	return o;
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct client *c = arg;
	int r = 0;

	(void)fd, (void)what;
	while (c->head && (r = send_now(c, c->head->text, c->head->len, c->head->fd)) == 0)
		drop_head(c);
	if (r == -EAGAIN && event_add(c->write_ev, NULL) == 0)
		return;
	if (r < 0)
		lose(c);
}

static void client_free(struct client *c)
{
	struct client **p = &c->sup->clients;

	while (*p != c)
		p = &(*p)->next;
	*p = c->next;
	c->sup->n_clients--;
	while (c->head)
		drop_head(c);
	event_free(c->read_ev);
	event_free(c->write_ev);
	close(c->fd);
	free(c);
}

/* --- requests ----------------------------------------------------------------------------- */

/* The first descriptor of a message; any others are closed. -1: it has none. */
static int take_fd(struct msghdr *mh)
{
	int first = -1;

	for (struct cmsghdr *m = CMSG_FIRSTHDR(mh); m; m = CMSG_NXTHDR(mh, m)) {
		size_t n = (m->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		for (size_t i = 0;
		     m->cmsg_level == SOL_SOCKET && m->cmsg_type == SCM_RIGHTS && i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(m) + i * sizeof(int), sizeof(int));
			if (first < 0)
				first = fd;
			else
				close(fd);
		}
	}
	return first;
}

/* One message; -EMSGSIZE when it is too long. */
static ssize_t receive(int sock, char *buf, int *ret_fd)
{
	union rights control;
	struct iovec iov = { .iov_base = buf, .iov_len = CONTROL_MAX };
	struct msghdr mh = { .msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control.bytes,
			     .msg_controllen = sizeof(control.bytes) };
	ssize_t n = recvmsg(sock, &mh, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	*ret_fd = -1;
	if (n < 0)
		return -errno;
	*ret_fd = take_fd(&mh);
	return mh.msg_flags & MSG_TRUNC ? -EMSGSIZE : n;
}

static void take_request(struct client *c, const char *text, size_t len, int fd)
{
	json_error_t err;
	json_t *o = json_loadb(text, len, JSON_REJECT_DUPLICATES, &err);

	c->heard_ns = sup_mono_ns();
	if (json_is_object(o))
		control_handle(c, o, fd);
	else
		reply_error(c, "the request is not a JSON object: %s", o ? "" : err.text);
	json_decref(o);
}

static void on_client(evutil_socket_t sock, short what, void *arg)
{
	static char buf[CONTROL_MAX];
	struct client *c = arg;
	int fd = -1;
	ssize_t n = c->gone ? 0 : receive(sock, buf, &fd);

	(void)what;
	if (n == -EAGAIN || n == -EINTR)
		return;
	if (n == -EMSGSIZE)
		reply_error(c, "a request has at most %d octets", CONTROL_MAX);
	else if (n <= 0)
		client_free(c);
	else
		take_request(c, buf, (size_t)n, fd);
	if (fd >= 0)
		close(fd);
}

/* --- connections -------------------------------------------------------------------------- */

static bool is_owner(int fd)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0 && cred.uid == 0;
}

static bool waits_for_something(const struct client *c)
{
	for (int i = 0; i < REQUESTS_MAX; i++)
		if (c->requests[i].kind != REQUEST_FREE)
			return true;
	return false;
}

/* How long nothing was heard of one that has nothing to wait for, or does not read; 0: it is in
 * use. */
static int64_t idle_ns(const struct client *c, int64_t now_ns)
{
	return !c->head && waits_for_something(c) ? 0 : now_ns - c->heard_ns;
}

/* False: there are as many as may be, and each is in use. */
static bool make_room(struct sup *s)
{
	int64_t now_ns = sup_mono_ns(), longest_ns = IDLE_NS;
	struct client *idlest = NULL;

	if (s->n_clients < CLIENTS_MAX)
		return true;
	for (struct client *c = s->clients; c; c = c->next)
		if (idle_ns(c, now_ns) >= longest_ns) {
			longest_ns = idle_ns(c, now_ns);
			idlest = c;
		}
	if (idlest)
		client_free(idlest);
	return idlest != NULL;
}

static struct client *client_new(struct sup *s, int fd)
{
	struct client *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->sup = s;
	c->fd = fd;
	c->tail = &c->head;
	c->heard_ns = sup_mono_ns();
	c->read_ev = event_new(s->base, fd, EV_READ | EV_PERSIST, on_client, c);
	c->write_ev = event_new(s->base, fd, EV_WRITE, on_writable, c);
	if (c->read_ev && c->write_ev && event_add(c->read_ev, NULL) == 0)
		return c;
	if (c->read_ev)
		event_free(c->read_ev);
	if (c->write_ev)
		event_free(c->write_ev);
	free(c);
	return NULL;
}

static void add_client(struct sup *s, int fd)
{
	struct client *c = is_owner(fd) ? client_new(s, fd) : NULL;

	if (!c) {
		close(fd);
		return;
	}
	c->next = s->clients;
	s->clients = c;
	s->n_clients++;
}

static void on_connect(evutil_socket_t sock, short what, void *arg);

static void listen_again(evutil_socket_t fd, short what, void *arg)
{
	struct sup *s = arg;

	(void)fd, (void)what;
	event_add(s->listen_ev, NULL);
	on_connect(s->birth->listen_fd, EV_READ, s);
}

/* With no room, those who want to connect wait. */
static void on_connect(evutil_socket_t sock, short what, void *arg)
{
	struct timeval pause = { .tv_usec = 100000 };
	struct sup *s = arg;
	int fd = 0;

	(void)what;
	for (int i = 0; i < ACCEPTS_AT_ONCE && fd >= 0; i++) {
		if (!make_room(s)) {
			event_del(s->listen_ev);
			(void)event_base_once(s->base, -1, EV_TIMEOUT, listen_again, s, &pause);
			return;
		}
		fd = accept4(sock, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
		if (fd >= 0)
			add_client(s, fd);
	}
}

int control_init(struct sup *s)
{
	(void)fcntl(s->birth->listen_fd, F_SETFL, O_NONBLOCK);
	(void)fcntl(s->birth->listen_fd, F_SETFD, FD_CLOEXEC);
	s->listen_ev = event_new(s->base, s->birth->listen_fd, EV_READ | EV_PERSIST, on_connect, s);
	return s->listen_ev && event_add(s->listen_ev, NULL) == 0 ? 0 : -ENOMEM;
}
