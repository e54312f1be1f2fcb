/* The end of a lab. Two things take time in it, both of it waiting for the kernel: the end of the
 * links, and that of each packet socket, after which the kernel waits twice until no processor can
 * hold it any more. So the log ends while the links go, and the sockets are closed side by side. */
#include "labd/supervisor/supervisor.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOG_WAIT_NS  (15 * SEC)
#define CLOSERS_MAX  64
#define CLOSER_STACK (64 * 1024) /* octets */

static void signal_devices(struct sup *s, int signal)
{
	for (size_t i = 0; s->devices && i < s->plan->n_devices; i++)
		if (s->devices[i].pid > 0)
			kill(s->devices[i].pid, signal);
}

/* Without a thread it is closed by the process's end. */
static void in_thread(pthread_t *threads, unsigned *n, void *(*run)(void *), void *arg)
{
	pthread_attr_t attr;

	if (pthread_attr_init(&attr) != 0)
		return;
	if (pthread_attr_setstacksize(&attr, CLOSER_STACK) == 0 &&
	    pthread_create(&threads[*n], &attr, run, arg) == 0)
		++*n;
	pthread_attr_destroy(&attr);
}

static void *close_it(void *fd)
{
	close((int)(intptr_t)fd);
	return NULL;
}

void close_aside(int fd)
{
	pthread_t thread;
	unsigned n = 0;

	in_thread(&thread, &n, close_it, (void *)(intptr_t)fd); /* else the lab's end closes it */
	if (n > 0)
		pthread_detach(thread);
}

static void close_captures(struct sup *s)
{
	pthread_t threads[CLOSERS_MAX];
	unsigned n = 0;

	for (size_t i = 0; s->devices && i < s->plan->n_devices; i++) {
		struct sup_device *d = &s->devices[i];
		const int fds[] = { d->capture_fd, d->next_capture_fd };

		for (size_t k = 0; k < ARRAY_SIZE(fds) && n < CLOSERS_MAX; k++)
			if (fds[k] >= 0)
				in_thread(threads, &n, close_it, (void *)(intptr_t)fds[k]);
	}
	while (n > 0)
		pthread_join(threads[--n], NULL);
}

/* The log has been asked to commit and to end; it reads its sockets until then. */
static void *await_log(void *arg)
{
	struct sup *s = arg;
	int64_t until = sup_mono_ns() + LOG_WAIT_NS;

	while (s->log.pid > 0 && sup_mono_ns() < until) {
		pid_t pid = waitpid(s->log.pid, NULL, WNOHANG);

		if (pid != 0 && !(pid < 0 && errno == EINTR))
			s->log.pid = 0;
		else
			usleep(500);
	}
	close_captures(s);
	return NULL;
}

/* Links before processes, whose kernels would say goodbye to their peers; the devices are stopped
 * meanwhile, so that none reacts to it, and no frame moves that the log would miss. What is left at
 * the end ends with PID 1: the kernel sees to it. */
void take_down(struct sup *s)
{
	pthread_t log;
	unsigned n = 0;

	signal_devices(s, SIGSTOP);
	if (s->wires.pid > 0)
		kill(s->wires.pid, SIGKILL);
	if (s->log.fd >= 0)
		shutdown(s->log.fd, SHUT_RDWR);
	in_thread(&log, &n, await_log, s);
	links_delete(s);
	signal_devices(s, SIGKILL);
	if (s->zygote.pid > 0)
		kill(s->zygote.pid, SIGKILL);
	if (n > 0)
		pthread_join(log, NULL);
	else
		(void)await_log(s);
}
