/* What the protocols say of themselves, asked of the program that knows them. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "labd/ctl/ctl.h"
#include "labd/lab/lab.h"

/* Runs labnode with this option; standard input from in_fd, output into a memfd. Its descriptor,
 * or -1 after saying why not. */
static int run_labnode(const char *option, int in_fd)
{
	char program[PATH_MAX];
	int status, out;
	pid_t pid;

	if (path_program("labnode", program) < 0) {
		ctl_fail("%s is not there: labctl, labd and labnode belong in one folder", program);
		return -1;
	}
	out = memfd_create("labnode", MFD_CLOEXEC);
	if (out < 0) {
		ctl_fail("no memory for what %s says: %s", program, strerror(errno));
		return -1;
	}
	pid = fork();
	if (pid == 0) {
		if (in_fd >= 0)
			dup2(in_fd, 0);
		dup2(out, 1);
		execl(program, "labnode", option, (char *)NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) ||
	    WEXITSTATUS(status) != 0) {
		ctl_fail("%s %s failed", program, option);
		close(out);
		return -1;
	}
	lseek(out, 0, SEEK_SET);
	return out;
}

int describe_memfd(void)
{
	return run_labnode("--describe", -1);
}

json_t *describe_load(void)
{
	int fd = describe_memfd();
	json_error_t err;
	json_t *o = fd >= 0 ? json_loadfd(fd, 0, &err) : NULL;

	if (fd >= 0)
		close(fd);
	return o;
}

static char *read_all(int fd, size_t *ret_len)
{
	struct stat st;
	char *text;

	if (fstat(fd, &st) < 0 || !(text = malloc((size_t)st.st_size + 1)))
		return NULL;
	*ret_len = 0;
	while (*ret_len < (size_t)st.st_size) {
		ssize_t n = read(fd, text + *ret_len, (size_t)st.st_size - *ret_len);

		if (n <= 0)
			break;
		*ret_len += (size_t)n;
	}
	return text;
}

int check_configs(const struct lab *lab, struct diag *diag)
{
	char *request, *report = NULL;
	size_t len;
	int in, out = -1, r = lab_check_request(lab, &request, &len);

	if (r < 0)
		return r;
	in = memfd_create("config", MFD_CLOEXEC);
	if (write(in, request, len) == (ssize_t)len && lseek(in, 0, SEEK_SET) == 0)
		out = run_labnode("--check", in);
	free(request);
	if (in >= 0)
		close(in);
	if (out >= 0)
		report = read_all(out, &len);
	r = report ? lab_check_report(lab, report, len, diag) : -EIO;
	free(report);
	if (out >= 0)
		close(out);
	return r > 0 ? -EINVAL : r;
}
