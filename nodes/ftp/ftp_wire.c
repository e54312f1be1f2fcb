#include "ftp/ftp_wire.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

/* --- commands and replies ----------------------------------------------------------------- */

static const char verb_names[N_FTP_VERBS][5] = {
	[FTP_USER] = "USER",	 [FTP_PASS] = "PASS", [FTP_QUIT] = "QUIT", [FTP_TYPE] = "TYPE",
	[FTP_MODE] = "MODE",	 [FTP_STRU] = "STRU", [FTP_PASV] = "PASV", [FTP_EPSV] = "EPSV",
	[FTP_PORT_CMD] = "PORT", [FTP_EPRT] = "EPRT", [FTP_RETR] = "RETR", [FTP_STOR] = "STOR",
	[FTP_APPE] = "APPE",	 [FTP_REST] = "REST", [FTP_LIST] = "LIST", [FTP_NLST] = "NLST",
	[FTP_MLSD] = "MLSD",	 [FTP_MLST] = "MLST", [FTP_RNFR] = "RNFR", [FTP_RNTO] = "RNTO",
	[FTP_DELE] = "DELE",	 [FTP_CWD] = "CWD",   [FTP_CDUP] = "CDUP", [FTP_PWD] = "PWD",
	[FTP_MKD] = "MKD",	 [FTP_RMD] = "RMD",   [FTP_SIZE] = "SIZE", [FTP_MDTM] = "MDTM",
	[FTP_SYST] = "SYST",	 [FTP_NOOP] = "NOOP", [FTP_ALLO] = "ALLO", [FTP_STAT] = "STAT",
	[FTP_HELP] = "HELP",	 [FTP_FEAT] = "FEAT", [FTP_OPTS] = "OPTS", [FTP_ABOR] = "ABOR",
};

static const char known_names[][5] = {
	"ACCT", "SMNT", "REIN", "STOU", "SITE",			      /* RFC 959 */
	"AUTH", "ADAT", "PROT", "PBSZ", "CCC",	"MIC", "CONF", "ENC", /* RFC 2228, 4217 */
	"LPRT", "LPSV",						      /* RFC 1639, in 2428's list */
};

static enum ftp_verb verb_of(const char *name)
{
	for (int v = FTP_USER; v < N_FTP_VERBS; v++)
		if (strcmp(verb_names[v], name) == 0)
			return (enum ftp_verb)v;
	for (size_t i = 0; i < ARRAY_SIZE(known_names); i++)
		if (strcmp(known_names[i], name) == 0)
			return FTP_NOT_OFFERED;
	return FTP_UNKNOWN;
}

const char *ftp_verb_name(enum ftp_verb verb)
{
	return verb_names[verb];
}

static bool has_control(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < 32 || text[i] == 127)
			return true;
	return false;
}

int ftp_command_parse(const char *line, size_t len, enum ftp_verb *ret_verb, size_t *ret_arg)
{
	char name[5] = "";
	size_t n = 0;

	while (n < len && n < 4 && isalpha((unsigned char)line[n])) {
		name[n] = (char)toupper((unsigned char)line[n]);
		n++;
	}
	if (n < 3 || (n < len && line[n] != ' ') || has_control(line, len))
		return -EINVAL;
	*ret_verb = verb_of(name);
	*ret_arg = n < len ? n + 1 : n;
	return 0;
}

int ftp_reply_parse(const char *line, size_t len, struct ftp_reply *ret)
{
	if (len < 3 || line[0] < '1' || line[0] > '5' || !isdigit((unsigned char)line[1]) ||
	    !isdigit((unsigned char)line[2]) || (len > 3 && line[3] != ' ' && line[3] != '-'))
		return -EBADMSG;
	ret->code = (line[0] - '0') * 100 + (line[1] - '0') * 10 + line[2] - '0';
	ret->more = len > 3 && line[3] == '-';
	ret->text = line + (len > 3 ? 4 : 3);
	ret->len = len - (len > 3 ? 4 : 3);
	return 0;
}

/* --- ports -------------------------------------------------------------------------------- */

/* Six numbers with commas; *ret_end = what follows. */
static int six_numbers(const char *text, struct ep *ret, const char **ret_end)
{
	unsigned n[6];
	const char *p = text;

	for (int i = 0; i < 6; i++) {
		unsigned digits = 0;

		for (n[i] = 0; isdigit((unsigned char)*p) && digits < 4; p++, digits++)
			n[i] = n[i] * 10 + (unsigned)(*p - '0');
		if (digits == 0 || digits > 3 || n[i] > 255 || (i < 5 && *p++ != ','))
			return -EINVAL;
	}
	ret->addr = addr4((uint8_t)n[0], (uint8_t)n[1], (uint8_t)n[2], (uint8_t)n[3]);
	ret->port = (uint16_t)(n[4] << 8 | n[5]);
	*ret_end = p;
	return 0;
}

int ftp_port_parse(const char *text, struct ep *ret)
{
	const char *end;
	int r = six_numbers(text, ret, &end);

	return r == 0 && *end ? -EINVAL : r;
}

void ftp_port_format(const struct ep *ep, struct sbuf *out)
{
	const uint8_t *b = ep->addr.b;

	sbuf_printf(out, "%u,%u,%u,%u,%u,%u", b[0], b[1], b[2], b[3], ep->port >> 8,
		    ep->port & 255);
}

int ftp_pasv_parse(const char *text, struct ep *ret)
{
	const char *end;

	for (const char *p = text; *p; p++)
		if (isdigit((unsigned char)*p) && (p == text || !isdigit((unsigned char)p[-1])) &&
		    six_numbers(p, ret, &end) == 0)
			return ret->port ? 0 : -EINVAL;
	return -EINVAL;
}

int ftp_eprt_parse(const char *text, struct ep *ret)
{
	char delim = *text, addr[ADDR_TEXT_LEN], port[8];
	const char *a, *p, *end;
	uint64_t number;

	if (delim < 33 || delim > 126 || !text[1] || text[2] != delim)
		return -EINVAL;
	if (text[1] != '1' && text[1] != '2')
		return -EPROTONOSUPPORT;
	a = text + 3;
	p = strchr(a, delim);
	end = p ? strchr(p + 1, delim) : NULL;
	if (!end || end[1] || !str_copy_n(addr, sizeof(addr), a, (size_t)(p - a)) ||
	    !str_copy_n(port, sizeof(port), p + 1, (size_t)(end - p - 1)) ||
	    addr_parse(addr, &ret->addr) < 0 || ret->addr.family != (text[1] == '1' ? 4 : 6) ||
	    str_to_u64(port, 65535, &number) < 0)
		return -EINVAL;
	ret->port = (uint16_t)number;
	return 0;
}

int ftp_epsv_parse(const char *text)
{
	const char *p = strchr(text, '('), *end;
	char delim, port[8];
	uint64_t number;

	if (!p || !p[1] || p[2] != p[1] || p[3] != p[1])
		return -EINVAL;
	delim = p[1];
	p += 4;
	end = strchr(p, delim);
	if (!end || end[1] != ')' || !str_copy_n(port, sizeof(port), p, (size_t)(end - p)) ||
	    str_to_u64(port, 65535, &number) < 0 || number == 0)
		return -EINVAL;
	return (int)number;
}

/* --- Telnet ------------------------------------------------------------------------------- */

enum { IAC = 255, DONT = 254, DO = 253, WONT = 252, WILL = 251, SB = 250, SE = 240 };

static void refuse_option(uint8_t verb, uint8_t option, struct sbuf *answers)
{
	const uint8_t words[3] = { IAC, verb == DO ? WONT : DONT, option };

	if (verb == DO || verb == WILL)
		sbuf_put(answers, words, sizeof(words));
}

static void after_iac(struct ftp_telnet *t, uint8_t c, struct sbuf *out, unsigned *n)
{
	t->state = TELNET_DATA;
	if (c == IAC) {
		sbuf_put(out, &c, 1);
		return;
	}
	++*n;
	t->verb = c;
	if (c >= WILL)
		t->state = TELNET_OPTION;
	else if (c == SB)
		t->state = TELNET_SUB;
}

static void one_octet(struct ftp_telnet *t, uint8_t c, struct sbuf *out, struct sbuf *answers,
		      unsigned *n)
{
	switch (t->state) {
	case TELNET_DATA:
		if (c == IAC)
			t->state = TELNET_IAC;
		else
			sbuf_put(out, &c, 1);
		break;
	case TELNET_IAC:
		after_iac(t, c, out, n);
		break;
	case TELNET_OPTION:
		refuse_option(t->verb, c, answers);
		t->state = TELNET_DATA;
		break;
	case TELNET_SUB:
		t->state = c == IAC ? TELNET_SUB_IAC : TELNET_SUB;
		break;
	case TELNET_SUB_IAC:
		t->state = c == SE ? TELNET_DATA : TELNET_SUB;
		break;
	}
}

unsigned ftp_telnet_filter(struct ftp_telnet *t, const uint8_t *data, size_t len, struct sbuf *out,
			   struct sbuf *answers)
{
	unsigned n = 0;

	if (t->state == TELNET_DATA && !memchr(data, IAC, len)) {
		sbuf_put(out, data, len);
		return 0;
	}
	for (size_t i = 0; i < len; i++)
		one_octet(t, data[i], out, answers, &n);
	return n;
}

/* --- paths -------------------------------------------------------------------------------- */

/* One part of a path onto `out`. */
static int path_step(char *out, size_t size, const char *part, size_t len)
{
	size_t at = strlen(out);

	if (len == 0 || (len == 1 && *part == '.'))
		return 0;
	if (len == 2 && part[0] == '.' && part[1] == '.') {
		char *slash = strrchr(out, '/');

		if (!slash)
			return -EACCES;
		*slash = '\0';
		return 0;
	}
	if (at + 1 + len >= size)
		return -ENAMETOOLONG;
	out[at] = '/';
	memcpy(out + at + 1, part, len);
	out[at + 1 + len] = '\0';
	return 0;
}

int ftp_path_join(const char *cwd, const char *path, char *out, size_t size)
{
	int r = 0;

	if (has_control(path, strlen(path)))
		return -EINVAL;
	*out = '\0';
	if (*path != '/' && strcmp(cwd, "/") != 0 && !str_copy(out, size, cwd))
		return -ENAMETOOLONG;
	while (*path && r == 0) {
		size_t len = strcspn(path, "/");

		r = path_step(out, size, path, len);
		path += len;
		path += *path == '/';
	}
	if (!*out)
		str_copy(out, size, "/");
	return r;
}

const char *ftp_path_base(const char *path)
{
	const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;

	if (strcmp(base, ".") == 0 || strcmp(base, "..") == 0 || has_control(base, strlen(base)))
		return "";
	return base;
}
