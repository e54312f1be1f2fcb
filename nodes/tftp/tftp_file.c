/* Where a session's octets come from and go to: a file of the device, piece by piece, or memory.
 *
 * What is received is written beside its place, under a name that begins with a dot, and takes its
 * place when it is whole: a transfer that fails leaves the old file as it was. */
#include "tftp/tftp.h"

#include <errno.h>
#include <string.h>

static void ask_file(struct tftp_host *h, struct tftp_session *s, struct ask *ask, const char *path,
		     struct fx *fx)
{
	ask->kind = ASK_FILE;
	str_copy(ask->file.path, sizeof(ask->file.path), path);
	s->ask_id = ++h->next_ask;
	fx_ask(fx, s->ask_id, ask);
}

/* "dir/.name.7"; "" when that is too long, which no file can be written to. */
static void part_path(const struct tftp_session *s, char *out, size_t size)
{
	const char *slash = strrchr(s->path, '/'), *name = slash ? slash + 1 : s->path;
	struct sbuf path = SBUF(size - 1);

	sbuf_put(&path, s->path, (size_t)(name - s->path));
	sbuf_printf(&path, ".%s.%u", name, s->number);
	str_copy(out, size, path.full ? "" : sbuf_text(&path));
	sbuf_done(&path);
}

void tftp_file_read(struct tftp_host *h, struct tftp_session *s, struct fx *fx)
{
	struct ask ask = { .file = { .op = FILE_READ, .offset = s->at, .len = TFTP_CHUNK } };

	ask_file(h, s, &ask, s->path, fx);
}

void tftp_file_stat(struct tftp_host *h, struct tftp_session *s, struct fx *fx)
{
	struct ask ask = { .file.op = FILE_STAT };

	ask_file(h, s, &ask, s->path, fx);
}

void tftp_file_take(struct tftp_session *s, const struct answer *a)
{
	sbuf_consume(&s->octets, s->octets_at);
	s->octets_at = 0;
	s->size = a->file.size;
	s->at += a->file.len;
	s->whole = s->at >= s->size || a->file.len == 0;
	if (s->mode == TFTP_NETASCII)
		tftp_text_to_wire(a->file.data, a->file.len, &s->octets);
	else
		sbuf_put(&s->octets, a->file.data, a->file.len);
}

bool tftp_file_is_short(const struct tftp_session *s)
{
	return !s->whole && s->octets.len - s->octets_at < s->blksize;
}

void tftp_file_store(struct tftp_host *h, struct tftp_session *s, struct fx *fx)
{
	struct ask ask = { .file = { .op = s->at == 0 ? FILE_WRITE : FILE_APPEND,
				     .data = (const uint8_t *)sbuf_text(&s->octets),
				     .len = s->octets.len } };
	char path[ASK_PATH_MAX];

	part_path(s, path, sizeof(path));
	ask_file(h, s, &ask, path, fx);
	s->at += s->octets.len;
	sbuf_reset(&s->octets);
}

void tftp_file_finish(struct tftp_host *h, struct tftp_session *s, struct fx *fx)
{
	struct ask ask = { .file = { .op = FILE_RENAME,
				     .data = (const uint8_t *)s->path,
				     .len = strlen(s->path) } };
	char path[ASK_PATH_MAX];

	part_path(s, path, sizeof(path));
	ask_file(h, s, &ask, path, fx);
}

/* Nobody waits for the answer. */
void tftp_file_discard(struct tftp_host *h, struct tftp_session *s, struct fx *fx)
{
	struct ask ask = { .file.op = FILE_DELETE };
	char path[ASK_PATH_MAX];

	if (s->sending || !*s->path || s->at == 0)
		return;
	part_path(s, path, sizeof(path));
	ask_file(h, s, &ask, path, fx);
	s->ask_id = 0;
}

uint16_t tftp_file_code(int err)
{
	switch (-err) {
	case ENOENT:
		return TFTP_NOT_FOUND;
	case EACCES:
	case EPERM:
	case EISDIR:
	case ENOTDIR:
	case EINVAL:
	case ENAMETOOLONG:
	case EROFS:
		return TFTP_ACCESS;
	case ENOSPC:
	case EFBIG:
	case EDQUOT:
		return TFTP_DISK_FULL;
	case EEXIST:
		return TFTP_EXISTS;
	default:
		return TFTP_UNDEFINED;
	}
}
