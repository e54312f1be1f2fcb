/* One connection to a lab's labd. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "labd/ctl/ctl.h"

#define MESSAGE_MAX (1u << 18)

int client_connect(const char *lab)
{
	struct sockaddr_un un;
	int fd, r = path_socket(lab, &un);

	if (r < 0)
		return r;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&un, sizeof(un)) < 0) {
		r = -errno;
		close(fd);
		return r;
	}
	return fd;
}

int client_open(const char *lab)
{
	int fd = client_connect(lab);

	if (fd >= 0)
		return fd;
	ctl_fail("the lab %s does not answer: %s", lab, strerror(-fd));
	return -1;
}

int client_send(int fd, json_t *request, int pass_fd)
{
	char *text = json_dumps(request, JSON_COMPACT);
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { .iov_base = text, .iov_len = text ? strlen(text) : 0 };
	struct msghdr mh = { .msg_iov = &iov, .msg_iovlen = 1 };
	int r;

	json_decref(request);
	if (!text)
		return -ENOMEM;
	if (pass_fd >= 0) {
		struct cmsghdr *m;

		mh.msg_control = control.bytes;
		mh.msg_controllen = sizeof(control.bytes);
		m = CMSG_FIRSTHDR(&mh);
		m->cmsg_level = SOL_SOCKET;
		m->cmsg_type = SCM_RIGHTS;
		m->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(m), &pass_fd, sizeof(int));
	}
	r = sendmsg(fd, &mh, MSG_NOSIGNAL) < 0 ? -errno : 0;
	free(text);
	return r;
}

json_t *client_recv(int fd, int *ret_fd)
{
	static char buf[MESSAGE_MAX];
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = buf, .iov_len = sizeof(buf) };
	struct msghdr mh = { .msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control.bytes,
			     .msg_controllen = sizeof(control.bytes) };
	struct cmsghdr *m;
	json_error_t err;
	ssize_t n;
	int got = -1;

	while ((n = recvmsg(fd, &mh, MSG_CMSG_CLOEXEC)) < 0 && errno == EINTR)
		;
	if (n <= 0)
		return NULL;
	m = CMSG_FIRSTHDR(&mh);
	if (m && m->cmsg_level == SOL_SOCKET && m->cmsg_type == SCM_RIGHTS &&
	    m->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(&got, CMSG_DATA(m), sizeof(int));
	if (ret_fd)
		*ret_fd = got;
	else if (got >= 0)
		close(got);
	return json_loadb(buf, (size_t)n, JSON_ALLOW_NUL, &err);
}

json_t *client_ask(int fd, json_t *request, int pass_fd, int *ret_fd,
		   void (*each)(void *arg, json_t *answer), void *arg)
{
	int r = client_send(fd, request, pass_fd);
	json_t *o;

	while (r == 0 && (o = client_recv(fd, ret_fd)) != NULL) {
		const char *error = json_string_value(json_object_get(o, "error"));

		if (error) {
			ctl_fail("%s", error);
			json_decref(o);
			return NULL;
		}
		if (json_is_true(json_object_get(o, "done")))
			return o;
		if (each)
			each(arg, o);
		json_decref(o);
	}
	ctl_fail("the lab ended before it answered");
	return NULL;
}
