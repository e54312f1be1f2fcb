/* Commands about files and directories that move no file. */
#include "ftp/ftp_server.h"

#include <errno.h>
#include <string.h>

#define DIRS "ftp.cmd.directories"

/* A path with quotes doubled, as 257 gives it (RFC 959, appendix II). */
static void quote(const char *path, char *out, size_t size)
{
	size_t n = 0;

	for (; *path && n + 3 < size; path++) {
		out[n++] = *path;
		if (*path == '"')
			out[n++] = '"';
	}
	out[n] = '\0';
}

void ftp_cmd_pwd(struct ftp_server *h, struct ftp_session *s, nsec_t now, struct fx *fx)
{
	char quoted[2 * ASK_PATH_MAX];

	quote(s->cwd, quoted, sizeof(quoted));
	ftp_answer(h, s, DIRS, 257, now, fx, "\"%s\" is the current directory.", quoted);
}

static void changed(struct ftp_server *h, struct ftp_session *s, const struct answer *a, nsec_t now,
		    struct fx *fx)
{
	if (a->err || !a->file.is_dir) {
		ftp_answer(h, s, DIRS, 550, now, fx, "%s: %s.", s->path,
			   a->err ? a->why : "not a directory");
		return;
	}
	str_copy(s->cwd, sizeof(s->cwd), s->path);
	decide(fx, "ftp.directories", V_TEXT("path", s->path), V_ADDR("peer", s->peer.addr));
	ftp_answer(h, s, DIRS, 250, now, fx, "Directory is now %s.", s->cwd);
}

static void made_or_removed(struct ftp_server *h, struct ftp_session *s, const struct answer *a,
			    nsec_t now, struct fx *fx)
{
	char quoted[2 * ASK_PATH_MAX];

	quote(s->path, quoted, sizeof(quoted));
	if (a->err)
		ftp_answer(h, s, DIRS, 550, now, fx, "%s: %s.", s->path, a->why);
	else if (s->verb == FTP_MKD)
		ftp_answer(h, s, DIRS, 257, now, fx, "\"%s\" was made.", quoted);
	else
		ftp_answer(h, s, DIRS, 250, now, fx, "Removed.");
}

/* CWD, CDUP, MKD, RMD. The root itself is always there, though it may not be made yet. */
void ftp_cmd_dirs(struct ftp_server *h, struct ftp_session *s, nsec_t now, struct fx *fx)
{
	const struct answer root = { .file.is_dir = true };
	bool change = s->verb == FTP_CWD || s->verb == FTP_CDUP;
	unsigned right = s->verb == FTP_MKD ? FTP_WRITE : FTP_DELETE;

	if (s->verb == FTP_CDUP)
		str_copy(s->arg, sizeof(s->arg), strcmp(s->cwd, "/") == 0 ? "/" : "..");
	if ((!change && !ftp_may(h, s, right, DIRS, now, fx)) ||
	    !ftp_take_path(h, s, DIRS, now, fx))
		return;
	if (change && strcmp(s->path, "/") == 0)
		changed(h, s, &root, now, fx);
	else if (change)
		ftp_ask_file(h, s, FILE_STAT, s->path, changed, fx);
	else
		ftp_ask_file(h, s, s->verb == FTP_MKD ? FILE_MKDIR : FILE_RMDIR, s->path,
			     made_or_removed, fx);
}

/* --- DELE, RNFR, RNTO --------------------------------------------------------------------- */

static void deleted(struct ftp_server *h, struct ftp_session *s, const struct answer *a, nsec_t now,
		    struct fx *fx)
{
	if (a->err)
		ftp_answer(h, s, "ftp.cmd.dele", 550, now, fx, "%s: %s.", s->path, a->why);
	else
		ftp_answer(h, s, "ftp.cmd.dele", 250, now, fx, "%s deleted.", s->path);
}

void ftp_cmd_dele(struct ftp_server *h, struct ftp_session *s, nsec_t now, struct fx *fx)
{
	if (ftp_may(h, s, FTP_DELETE, "ftp.cmd.dele", now, fx) &&
	    ftp_take_path(h, s, "ftp.cmd.dele", now, fx))
		ftp_ask_file(h, s, FILE_DELETE, s->path, deleted, fx);
}

static void rename_found(struct ftp_server *h, struct ftp_session *s, const struct answer *a,
			 nsec_t now, struct fx *fx)
{
	if (a->err) {
		ftp_answer(h, s, "ftp.cmd.rnfr", 550, now, fx, "%s: %s.", s->path, a->why);
		return;
	}
	s->has_rename = true;
	str_copy(s->rename, sizeof(s->rename), s->path);
	ftp_answer(h, s, "ftp.cmd.rnfr", 350, now, fx, "RNTO says the new name.");
}

void ftp_cmd_rnfr(struct ftp_server *h, struct ftp_session *s, nsec_t now, struct fx *fx)
{
	if (ftp_may(h, s, FTP_RENAME, "ftp.cmd.rnfr", now, fx) &&
	    ftp_take_path(h, s, "ftp.cmd.rnfr", now, fx))
		ftp_ask_file(h, s, FILE_STAT, s->path, rename_found, fx);
}

static void renamed(struct ftp_server *h, struct ftp_session *s, const struct answer *a, nsec_t now,
		    struct fx *fx)
{
	if (a->err)
		ftp_answer(h, s, "ftp.cmd.rnto", 553, now, fx, "%s: %s.", s->path, a->why);
	else
		ftp_answer(h, s, "ftp.cmd.rnto", 250, now, fx, "Renamed to %s.", s->path);
}

static void rename_to(struct ftp_server *h, struct ftp_session *s, const struct answer *dir,
		      nsec_t now, struct fx *fx)
{
	struct ask ask = { .kind = ASK_FILE, .file.op = FILE_RENAME };
	char to[ASK_PATH_MAX];

	if (dir->err || !dir->file.is_dir) {
		ftp_answer(h, s, "ftp.cmd.rnto", 553, now, fx, "%s: there is no such directory.",
			   s->path);
		return;
	}
	(void)ftp_real_path(h, s->rename, ask.file.path, sizeof(ask.file.path));
	(void)ftp_real_path(h, s->path, to, sizeof(to));
	ask.file.data = (const uint8_t *)to;
	ask.file.len = strlen(to);
	ftp_enter(h, s, FTP_ASKING, now);
	ftp_ask(h, s, &ask, renamed, fx);
}

void ftp_cmd_rnto(struct ftp_server *h, struct ftp_session *s, nsec_t now, struct fx *fx)
{
	bool ready = s->has_rename;

	s->has_rename = false;
	if (!ready)
		ftp_answer(h, s, "ftp.cmd.rnto", 503, now, fx, "RNFR comes first.");
	else if (ftp_may(h, s, FTP_RENAME, "ftp.cmd.rnto", now, fx) &&
		 ftp_take_path(h, s, "ftp.cmd.rnto", now, fx))
		ftp_ask_parent(h, s, rename_to, now, fx);
}

/* --- SIZE, MDTM, MLST --------------------------------------------------------------------- */

static void sized(struct ftp_server *h, struct ftp_session *s, const struct answer *a, nsec_t now,
		  struct fx *fx)
{
	const char *rule = "ftp.cmd.size-mdtm";
	char time[16];

	if (a->err || a->file.is_dir) {
		ftp_answer(h, s, rule, 550, now, fx, "%s: %s.", s->path,
			   a->err ? a->why : "not a plain file");
	} else if (s->verb == FTP_SIZE) {
		ftp_answer(h, s, rule, 213, now, fx, "%llu", (unsigned long long)a->file.size);
	} else {
		ftp_time_format(a->file.mtime_ns / SEC, time);
		ftp_answer(h, s, rule, 213, now, fx, "%s", time);
	}
}

/* What goes over the wire in TYPE A is longer than the file, by as much as nobody has counted. */
void ftp_cmd_size(struct ftp_server *h, struct ftp_session *s, nsec_t now, struct fx *fx)
{
	if (s->verb == FTP_SIZE && s->ascii)
		ftp_answer(h, s, "ftp.cmd.size-mdtm", 550, now, fx, "SIZE only in TYPE I.");
	else if (ftp_may(h, s, FTP_READ | FTP_LISTS, "ftp.cmd.size-mdtm", now, fx) &&
		 ftp_take_path(h, s, "ftp.cmd.size-mdtm", now, fx))
		ftp_ask_file(h, s, FILE_STAT, s->path, sized, fx);
}

/* RFC 3659 §7.5.5. */
const char *ftp_perm(const struct ftp_session *s, bool is_dir, char out[static 12])
{
	size_t n = 0;

	if (is_dir) {
		out[n++] = 'e';
		if (s->rights & FTP_LISTS)
			out[n++] = 'l';
		if (s->rights & FTP_WRITE)
			out[n++] = 'c', out[n++] = 'm';
		if (s->rights & FTP_DELETE)
			out[n++] = 'd', out[n++] = 'p';
	} else {
		if (s->rights & FTP_READ)
			out[n++] = 'r';
		if (s->rights & FTP_WRITE)
			out[n++] = 'a', out[n++] = 'w';
		if (s->rights & FTP_DELETE)
			out[n++] = 'd';
	}
	if (s->rights & FTP_RENAME)
		out[n++] = 'f';
	out[n] = '\0';
	return out;
}

static void told_facts(struct ftp_server *h, struct ftp_session *s, const struct answer *a,
		       nsec_t now, struct fx *fx)
{
	struct ftp_entry e = { .is_dir = a->file.is_dir, .size = a->file.size };
	struct sbuf text = SBUF(FTP_REPLY_MAX);
	char perm[12];

	if (a->err) {
		ftp_answer(h, s, "ftp.cmd.mlsd-mlst", 550, now, fx, "%s: %s.", s->path, a->why);
		return;
	}
	e.mtime_s = a->file.mtime_ns / SEC;
	sbuf_puts(&text, "250-Facts of the file:\r\n ");
	ftp_entry_facts(&e, ftp_perm(s, e.is_dir, perm), &text);
	sbuf_printf(&text, "%s\r\n", s->path);
	fx_write(fx, s->sock, text.data, text.len);
	sbuf_done(&text);
	ftp_answer(h, s, "ftp.cmd.mlsd-mlst", 250, now, fx, "End.");
}

void ftp_cmd_mlst(struct ftp_server *h, struct ftp_session *s, nsec_t now, struct fx *fx)
{
	if (ftp_may(h, s, FTP_LISTS, "ftp.cmd.mlsd-mlst", now, fx) &&
	    ftp_take_path(h, s, "ftp.cmd.mlsd-mlst", now, fx))
		ftp_ask_file(h, s, FILE_STAT, s->path, told_facts, fx);
}

/* --- parents ------------------------------------------------------------------------------ */

void ftp_ask_parent(struct ftp_server *h, struct ftp_session *s,
		    void (*then)(struct ftp_server *h, struct ftp_session *s,
				 const struct answer *a, nsec_t now, struct fx *fx),
		    nsec_t now, struct fx *fx)
{
	const struct answer root = { .file.is_dir = true };
	char parent[ASK_PATH_MAX];

	str_copy(parent, sizeof(parent), s->path);
	*strrchr(parent, '/') = '\0';
	if (*parent)
		ftp_ask_file(h, s, FILE_STAT, parent, then, fx);
	else
		then(h, s, &root, now, fx);
}
