/* labctl: the one command of labd. */
#include <getopt.h>
#include <string.h>

#include "labd/ctl/ctl.h"

/* clang-format off */
const struct subcommand subcommands[] = {
	{ "up", "FILE|NAME [--wait] [--no-log]", "Bring a lab up, from its file or the name of an example",
	  "Nothing is started before the whole file is valid, every device's configuration included.\n"
	  "With --wait it returns when every interface that asks for an address has one. --no-log keeps no\n"
	  "record of frames and decisions: for measurements.", cmd_up },
	{ "down", "[NAME|--all]", "End a lab; nothing of it stays but its run's files", NULL, cmd_down },
	{ "ps", "", "List the lab's devices and links, or the labs that run", NULL, cmd_ps },
	{ "run", "DEVICE COMMAND...", "Run a command of the device's own language",
	  "The exit status is the command's: `labctl run pc1 ping www.campus.test`.", cmd_run },
	{ "exec", "DEVICE [--] PROGRAM [ARG...]", "Run a program of the host inside a device",
	  "It runs as root there, with the host's files and /tmp in view, the device's resolver and\n"
	  "hosts, and a private layer over /etc, /run and /var. Streams, terminal, signals and exit\n"
	  "status pass through; what it leaves running ends with it.", cmd_exec },
	{ "console", "DEVICE", "Open the device's console",
	  "Line editing, history, ? for help, Tab for completion. With standard input from a pipe the\n"
	  "lines are simply run.", cmd_console },
	{ "stop", "DEVICE", "End a device's process; its links stay", NULL, cmd_stop },
	{ "start", "DEVICE", "Start a stopped device again", NULL, cmd_stop },
	{ "link", "LINK up|down", "Plug a cable in, or pull it",
	  "A link is named as `labctl ps` shows it, or by one of its ends (pc1:eth0).", cmd_link },
	{ "sql", "[QUESTION] [--run RUN] [--raw] [--lines]", "Ask the database a question",
	  "QUESTION is SQL, or the name of a view or table: `labctl sql top_talkers`. Without it there\n"
	  "is a prompt, or the statements come from standard input. Nothing can be changed. Times are\n"
	  "shown as the lab's clocks show them; --raw leaves them as nanoseconds. --lines shows a column\n"
	  "per line.", cmd_sql },
	{ "why", "PACKET|DEVICE|TEXT [-n N] [--run RUN]", "Tell the story behind something",
	  "PACKET is a packet's number: every link it crossed, what each device decided about it and what\n"
	  "was sent because of that. DEVICE: its last N decisions (20). TEXT is a name, an address, a\n"
	  "protocol or a word: the last N decisions that speak of it.", cmd_why },
	{ "capture", "[DEVICE[:IF]|LINK|all] [-w FILE] [--wireshark] [--follow|--no-follow] [--run RUN]",
	  "Write captured frames for Wireshark",
	  "`labctl capture pc1:eth0 | wireshark -k -i -`, or --wireshark, which starts it. Each frame's\n"
	  "comment says what the devices decided about it. A pipe follows a lab that runs until it ends,\n"
	  "a file is written once; --follow and --no-follow choose.", cmd_capture },
	{ "rules", "[PROTOCOL] [--dot] [--run RUN]", "Show a protocol's flowchart",
	  "Every branch that a device can take, in order, with the sentence it leaves behind, its source\n"
	  "and how often it was taken in the newest run. Without PROTOCOL: the protocols. --dot draws it:\n"
	  "`labctl rules dhcp4 --dot | dot -Tsvg -o dhcp4.svg`.", cmd_rules },
	{ "test", "FILE... [--verbose] [--tap] [--junit FILE]", "Run labs as tests",
	  "Each lab is brought up, its steps are done in order, its expectations are asked of the\n"
	  "database, and it is taken down again. PASS, FAIL, or INCONCLUSIVE when the log could not see\n"
	  "everything; the exit status is 0 when all pass. --verbose also shows the output and rows of\n"
	  "what passed; --tap and --junit are for programs.", cmd_test },
	{ "runs", "", "List the runs that are kept", "--lab NAME lists one lab's.", cmd_runs },
	{ "open", "[RUN] [--sql|--path]", "Say where a run's files are, or ask its database",
	  "RUN is a run's name or LAB/RUN as `labctl runs` shows it; without it the newest is meant.\n"
	  "--sql opens the prompt of `labctl sql` on it; --path prints where the database is, for\n"
	  "`sqlite3 -readonly \"$(labctl open --path)\"`.", cmd_runs },
	{ "rm", "RUN...|--older DAYS|--all", "Remove runs; never one that is running", NULL, cmd_runs },
	{ "validate", "FILE...", "Check lab files, every device's configuration included", NULL, cmd_validate },
	{ "doctor", "", "Say what this host allows, and what to do about the rest",
	  "The exit status is 1 when no lab could run.", cmd_doctor },
	/* For the shell's completion and for the installation; not in --help. */
	{ "complete", "WORD...", NULL, NULL, cmd_complete },
	{ "man", "[PAGE]", NULL, NULL, cmd_man },
	{ NULL, NULL, NULL, NULL, NULL },
};
/* clang-format on */

const struct subcommand *subcommand_find(const char *name)
{
	for (const struct subcommand *s = subcommands; s->name; s++)
		if (strcmp(s->name, name) == 0)
			return s;
	return NULL;
}

static void print_usage(FILE *out, const struct subcommand *s)
{
	fprintf(out, "usage: labctl %s%s%s\n", s->name, *s->args ? " " : "", s->args);
	if (s->help)
		fprintf(out, "\n%s.\n", s->help);
	if (s->details)
		fprintf(out, "\n%s\n", s->details);
}

int ctl_usage(const struct ctl *c)
{
	print_usage(stderr, subcommand_find(c->argv[0]));
	return 2;
}

static void print_help(FILE *out)
{
	fputs("labctl: virtual networks that you can query\n\n"
	      "usage: labctl [--lab NAME] [--json] COMMAND [ARGUMENT...]\n\n",
	      out);
	for (const struct subcommand *s = subcommands; s->name; s++)
		if (s->help)
			fprintf(out, "  %-10s %s\n", s->name, s->help);
	fputs("\n`labctl COMMAND --help` says more.\n", out);
}

static bool wants_help(int argc, char **argv)
{
	for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
		if (strcmp(argv[i], "--help") == 0)
			return true;
	return false;
}

/* How many words are the command's own; behind them stand a program's or a device's. */
static int own_words(const struct ctl *c)
{
	const char *name = c->argv[0];

	if (strcmp(name, "complete") == 0)
		return 1;
	if ((strcmp(name, "exec") == 0 || strcmp(name, "run") == 0) && c->argc > 2)
		return 2;
	return c->argc;
}

/* --json and --lab may also stand behind the command. */
static void take_options(struct ctl *c)
{
	int own = own_words(c), n = 1;

	for (int i = 1; i < c->argc; i++) {
		bool ours = own == c->argc || n < own;

		if (ours && strcmp(c->argv[i], "--json") == 0)
			c->json = true;
		else if (ours && strcmp(c->argv[i], "--lab") == 0 && i + 1 < c->argc)
			c->lab = c->argv[++i];
		else
			c->argv[n++] = c->argv[i];
	}
	c->argc = n;
	c->argv[n] = NULL;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "lab", required_argument, NULL, 'l' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 },
	};
	const struct subcommand *s;
	struct ctl c = { 0 };
	int o;

	while ((o = getopt_long(argc, argv, "+h", options, NULL)) != -1) {
		if (o == 'l') {
			c.lab = optarg;
		} else if (o == 'j') {
			c.json = true;
		} else if (o == 'v') {
			puts("labctl " LABD_VERSION);
			return 0;
		} else {
			print_help(o == 'h' ? stdout : stderr);
			return o == 'h' ? 0 : 2;
		}
	}
	if (optind >= argc) {
		print_help(stderr);
		return 2;
	}
	s = subcommand_find(argv[optind]);
	if (!s) {
		ctl_fail("there is no command %s; `labctl --help` lists them", argv[optind]);
		return 2;
	}
	c.argc = argc - optind;
	c.argv = argv + optind;
	if (wants_help(own_words(&c), c.argv)) {
		print_usage(stdout, s);
		return 0;
	}
	take_options(&c);
	return s->run(&c);
}
