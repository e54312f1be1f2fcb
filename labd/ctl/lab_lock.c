/* A lab's lock, RUNTIME/NAME/lock: whoever begins the lab takes it and hands it to labd, which
 * keeps it until its end, however that comes. A lab is gone when nobody has its lock. It belongs
 * to the open file (F_OFD_*): it outlives labctl, and can be asked about without being taken. */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "labd/ctl/ctl.h"

int lab_lock(const char *lab)
{
	struct flock all = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char path[PATH_MAX];
	int fd, r = path_runtime(lab, "lock", path);

	if (r < 0)
		return r;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	if (fcntl(fd, F_OFD_SETLK, &all) < 0) {
		r = errno == EACCES ? -EAGAIN : -errno;
		close(fd);
		return r;
	}
	return fd;
}

bool lab_is_locked(const char *lab)
{
	struct flock all = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char path[PATH_MAX];
	bool locked;
	int fd = path_runtime(lab, "lock", path) < 0 ? -1 : open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	locked = fcntl(fd, F_OFD_GETLK, &all) == 0 && all.l_type != F_UNLCK;
	close(fd);
	return locked;
}
