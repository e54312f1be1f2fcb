/* labd: one lab. Started by `labctl up`, which hands over everything already open. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "labd/supervisor/birth.h"

static const char usage[] =
	"labd: one lab; started by `labctl up`, which see\n"
	"\n"
	"  labd --plan FD --describe FD --listen FD --status FD --run DIR --labnode PROGRAM\n"
	"       [--lock FD] [--quiet] [--no-sandbox]\n";

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "plan", required_argument, NULL, 'p' },
		{ "describe", required_argument, NULL, 'd' },
		{ "listen", required_argument, NULL, 'l' },
		{ "status", required_argument, NULL, 's' },
		{ "lock", required_argument, NULL, 'k' },
		{ "run", required_argument, NULL, 'r' },
		{ "labnode", required_argument, NULL, 'n' },
		{ "no-sandbox", no_argument, NULL, 'x' },
		{ "quiet", no_argument, NULL, 'q' },
		{ "version", no_argument, NULL, 'v' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	struct birth b = { .plan_fd = -1,
			   .describe_fd = -1,
			   .listen_fd = -1,
			   .status_fd = -1,
			   .lock_fd = -1,
			   .sandbox = true };
	int c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (c) {
		case 'p':
			b.plan_fd = atoi(optarg);
			break;
		case 'd':
			b.describe_fd = atoi(optarg);
			break;
		case 'l':
			b.listen_fd = atoi(optarg);
			break;
		case 's':
			b.status_fd = atoi(optarg);
			break;
		case 'k':
			b.lock_fd = atoi(optarg);
			break;
		case 'r':
			b.run_dir = optarg;
			break;
		case 'n':
			b.labnode = optarg;
			break;
		case 'x':
			b.sandbox = false;
			break;
		case 'q':
			b.quiet = true;
			break;
		case 'v':
			puts("labd " LABD_VERSION);
			return 0;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			fputs(usage, stderr);
			return 2;
		}
	}
	if (b.plan_fd < 0 || b.describe_fd < 0 || b.listen_fd < 0 || !b.run_dir || !b.labnode) {
		fputs(usage, stderr);
		return 2;
	}
	return birth(&b);
}
