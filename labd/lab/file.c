#include "labd/lab/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int read_all(int fd, char *buf, size_t max, size_t *ret_len)
{
	size_t len = 0;

	while (len < max) {
		ssize_t n = read(fd, buf + len, max - len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		len += (size_t)n;
	}
	*ret_len = len;
	return 0;
}

static int read_fd(int fd, size_t max, char **ret, size_t *ret_len)
{
	struct stat st;
	size_t len = 0;
	char *buf;
	int r;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (S_ISDIR(st.st_mode))
		return -EISDIR;
	if (!S_ISREG(st.st_mode))
		return -ENOTSUP;
	if (st.st_size > (off_t)max)
		return -EFBIG;
	buf = malloc((size_t)st.st_size + 2);
	if (!buf)
		return -ENOMEM;
	r = read_all(fd, buf, (size_t)st.st_size + 1, &len);
	if (r == 0 && len > (size_t)st.st_size)
		r = -EBUSY; /* it grew while it was read */
	if (r < 0) {
		free(buf);
		return r;
	}
	buf[len] = '\0';
	*ret = buf;
	*ret_len = len;
	return 0;
}

int file_read(const char *path, size_t max, char **ret, size_t *ret_len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int r;

	if (fd < 0)
		return -errno;
	r = read_fd(fd, max, ret, ret_len);
	(void)close(fd);
	return r;
}

const char *file_why(int error)
{
	switch (-error) {
	case ENOENT:
		return "there is no such file or folder";
	case EISDIR:
		return "is a folder, not a file";
	case ENOTSUP:
		return "is not a regular file";
	case EFBIG:
		return "the file is too large";
	case EBUSY:
		return "the file changes while it is read; try again";
	default:
		return strerror(-error);
	}
}
