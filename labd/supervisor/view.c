#include "labd/supervisor/view.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "labd/supervisor/supervisor.h"

#define PATH_LEN 4096

struct paths {
	char state[PATH_LEN], host[PATH_LEN];
	int state_fd;
	bool has_host;
};

/* --- layers ------------------------------------------------------------------------------- */

static void write_file(int dir, const char *name, const char *text)
{
	int fd = openat(dir, name, O_WRONLY | O_CREAT | O_CLOEXEC | (*text ? O_TRUNC : 0), 0644);

	if (fd < 0)
		return;
	if (*text && write(fd, text, strlen(text)) < 0)
		(void)!ftruncate(fd, 0);
	close(fd);
}

static bool make_dir(int at, const char *name)
{
	return mkdirat(at, name, 0755) == 0 || errno == EEXIST;
}

/* The device writes to a layer of its own over what |lower| names; where the kernel has no overlay
 * for us, /run is a tmpfs and the others are the host's. */
static bool own_layer(const struct paths *p, const char *dir)
{
	char options[4 * PATH_LEN], name[32], work[48];
	size_t at;

	snprintf(name, sizeof(name), "layer%.20s", dir + 1);
	snprintf(work, sizeof(work), "%s.work", name);
	if (!make_dir(p->state_fd, name) || !make_dir(p->state_fd, work))
		return false;
	at = (size_t)snprintf(options, sizeof(options), "lowerdir=");
	if (p->has_host)
		at += (size_t)snprintf(options + at, sizeof(options) - at, "%s%s:", p->host, dir);
	snprintf(options + at, sizeof(options) - at, "%s,upperdir=%s/%s,workdir=%s/%s,userxattr",
		 dir, p->state, name, p->state, work);
	if (mount("labd", dir, "overlay", MS_NOSUID | MS_NODEV, options) == 0)
		return true;
	if (strcmp(dir, "/run") == 0)
		(void)mount("labd", dir, "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755");
	return false;
}

/* --- the view ----------------------------------------------------------------------------- */

/* |private_etc|: what stands there is ours to replace, a dangling link of the host's for example.
 */
static void own_file(const struct paths *p, const char *name, const char *over, bool private_etc)
{
	char path[PATH_LEN + 32];
	struct stat st;
	int fd;

	if (private_etc && (lstat(over, &st) < 0 || !S_ISREG(st.st_mode))) {
		(void)unlink(over);
		fd = open(over, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
		if (fd >= 0)
			close(fd);
	}
	snprintf(path, sizeof(path), "%s/%s", p->state, name);
	(void)mount(path, over, NULL, MS_BIND, NULL);
}

/* A kernel that lets us have no writable one may let us have a read-only one. */
static void own_sys(void)
{
	const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;

	if (mount("sysfs", "/sys", "sysfs", flags, NULL) < 0)
		(void)mount("sysfs", "/sys", "sysfs", flags | MS_RDONLY, NULL);
}

/* Root's home, where the host's cannot be entered. */
static void own_home(const struct paths *p)
{
	char path[PATH_LEN + 8];

	if (access("/root", R_OK | W_OK | X_OK) == 0 || !make_dir(p->state_fd, "home"))
		return;
	snprintf(path, sizeof(path), "%s/home", p->state);
	(void)mount(path, "/root", NULL, MS_BIND, NULL);
}

/* --- certificates ------------------------------------------------------------------------- */

/* labnode makes them while the layers are made: the lab's CA, when it is the first one, and a
 * certificate of the device with its key, for servers of other people's. */
static pid_t start_certificates(const struct sup_device *d, const char *ca_path)
{
	char ca[20], seed[20], ca_fd[12];
	int out = openat(d->state_fd, "cert.pem", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	int ca_out = open(ca_path, O_WRONLY | O_CREAT | O_EXCL, 0644); /* inherited */
	pid_t pid = out < 0 ? -1 : fork();

	if (pid == 0) {
		snprintf(ca, sizeof(ca), "%016llx", (unsigned long long)d->sup->plan->ca_seed);
		snprintf(seed, sizeof(seed), "%016llx", (unsigned long long)d->plan->seed);
		snprintf(ca_fd, sizeof(ca_fd), "%d", ca_out);
		dup2(out, STDOUT_FILENO);
		execl(d->sup->birth->labnode, "labnode", "--cert", ca, "--seed", seed, "--ca-fd",
		      ca_fd, d->plan->name, (char *)NULL);
		_exit(127);
	}
	if (out >= 0)
		close(out);
	if (ca_out >= 0)
		close(ca_out);
	return pid;
}

/* The lab's CA is the only one that programs trust: none of the world's is to be met here. Without
 * OpenSSL the host's list stays. */
static void own_certificates(const struct paths *p, const char *ca_path, pid_t pid,
			     bool private_etc)
{
	int status = 0;
	struct stat st;

	if (pid <= 0 || waitpid(pid, &status, 0) != pid || status != 0) {
		if (stat(ca_path, &st) == 0 && st.st_size == 0)
			(void)unlink(ca_path);
		return;
	}
	if (private_etc) {
		(void)mkdir("/etc/ssl", 0755);
		(void)mkdir("/etc/ssl/certs", 0755);
		if (access(VIEW_CA_FILE, F_OK) < 0)
			close(open(VIEW_CA_FILE, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
		own_file(p, "cert.pem", VIEW_CERT_FILE, true);
	}
	(void)mount(ca_path, VIEW_CA_FILE, NULL, MS_BIND, NULL);
}

/* --- all of it ---------------------------------------------------------------------------- */

void view_make(const struct sup_device *d)
{
	struct paths p = { .state_fd = d->state_fd, .has_host = view_host(d->sup->run_fd) };
	char hosts[256], ca_path[PATH_LEN + 8];
	bool private_etc;
	pid_t certificates;

	snprintf(ca_path, sizeof(ca_path), "%s/ca.pem", d->sup->birth->run_dir);
	snprintf(p.host, sizeof(p.host), "%s/host", d->sup->birth->run_dir);
	snprintf(p.state, sizeof(p.state), "%s/devices/%s", d->sup->birth->run_dir, d->plan->name);
	snprintf(hosts, sizeof(hosts), "127.0.0.1\tlocalhost\n127.0.1.1\t%s\n", d->plan->name);
	write_file(d->state_fd, "hosts", hosts);
	write_file(d->state_fd, "resolv.conf", "");
	(void)mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
	certificates = start_certificates(d, ca_path);
	own_sys();
	private_etc = own_layer(&p, "/etc");
	(void)own_layer(&p, "/run");
	(void)own_layer(&p, "/var");
	own_home(&p);
	(void)mkdir("/run/sshd", 0755); /* sshd wants it and a fresh layer may lack it */
	own_file(&p, "hosts", "/etc/hosts", private_etc);
	own_file(&p, "resolv.conf", "/etc/resolv.conf", private_etc);
	own_certificates(&p, ca_path, certificates, private_etc);
}
