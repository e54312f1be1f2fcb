/* labnode: the program that every device runs. */
#include "shell/shell.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
	"labnode: the devices of a labd lab\n"
	"\n"
	"  labnode --describe     rules, facts, commands and options of every protocol, as JSON\n"
	"  labnode --check        reads {\"devices\": [{\"name\", \"kind\", \"ifaces\", "
	"\"config\"}]} and\n"
	"                         prints DEVICE:LINE:COLUMN: SEVERITY: MESSAGE for what is wrong\n"
	"  labnode --zygote FD    used by labd: starts devices on request; --fresh HEX: the rows "
	"of the\n"
	"                         settings' baseline that a new namespace has by itself; --kinds "
	"HEX: "
	"whose\n"
	"                         languages are read first\n"
	"  labnode --cert HEX --seed HEX [--ca-fd FD] NAME\n"
	"                         used by labd, in a device: a certificate of that CA for this "
	"name and\n"
	"                         the addresses that the device has, and its key; the CA's own to "
	"FD\n"
	"  labnode --version\n";

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "describe", no_argument, NULL, 'd' },
		{ "check", no_argument, NULL, 'c' },
		{ "zygote", required_argument, NULL, 'z' },
		{ "no-sandbox", no_argument, NULL, 'n' },
		{ "fresh", required_argument, NULL, 'f' },
		{ "kinds", required_argument, NULL, 'm' },
		{ "ca-fd", required_argument, NULL, 'a' },
		{ "cert", required_argument, NULL, 'k' },
		{ "seed", required_argument, NULL, 's' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 },
	};
	bool sandbox = true;
	uint64_t fresh = 0, ca_seed = 0, seed = 0;
	unsigned kinds = ~0u;
	int zygote_fd = -1, ca_fd = -1, what = 0, c;

	while ((c = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		if (c == 'n')
			sandbox = false;
		else if (c == 'z')
			zygote_fd = atoi(optarg);
		else if (c == 'f')
			fresh = strtoull(optarg, NULL, 16);
		else if (c == 'm')
			kinds = (unsigned)strtoul(optarg, NULL, 16);
		else if (c == 'a')
			ca_fd = atoi(optarg);
		else if (c == 'k')
			ca_seed = strtoull(optarg, NULL, 16);
		else if (c == 's')
			seed = strtoull(optarg, NULL, 16);
		if (!strchr("nfmas", c))
			what = c;
	}
	switch (what) {
	case 'd':
		return describe_main();
	case 'c':
		return check_main();
	case 'z':
		return zygote_main(zygote_fd, sandbox, fresh, kinds);
	case 'k':
		return cert_main(ca_seed, seed, optind < argc ? argv[optind] : "localhost", ca_fd);
	case 'v':
		puts("labnode " LABD_VERSION);
		return 0;
	case 'h':
		fputs(usage, stdout);
		return 0;
	}
	fputs(usage, stderr);
	return 2;
}
