#include "labd/lab/load.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "labd/lab/file.h"
#include "labd/lab/utf8.h"

/* A configuration file, read once however many devices name it. */
struct config_file {
	struct config_file *next;
	const char *path; /* resolved */
	struct lab_source source;
};

/* Is |path| inside of the folder |dir|? Both resolved. */
static bool is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	if (strcmp(dir, "/") == 0)
		return true;
	return strncmp(path, dir, len) == 0 && (path[len] == '/' || path[len] == '\0');
}

/* The file as it is opened and shown: the lab's folder and what was written. */
static const char *joined_path(struct load *l, const char *text)
{
	if (strcmp(l->dir, ".") == 0)
		return arena_strdup(l->arena, text);
	return arena_printf(l->arena, "%s%s%s", l->dir, strcmp(l->dir, "/") == 0 ? "" : "/", text);
}

/* The path without links and dots, in the arena; NULL and errno when there is no such file. */
static const char *real_path(struct load *l, const char *path)
{
	char *real = realpath(path, NULL);
	const char *copy;

	if (!real)
		return NULL;
	copy = arena_strdup(l->arena, real);
	free(real);
	return copy;
}

/* Resolves a path of the lab file. Links may be followed, but not out of the lab's folder: a lab
 * that came from elsewhere does not read this machine's files. */
static const char *resolve(struct load *l, const struct entry *e, const char *text)
{
	const char *shown = joined_path(l, text), *path, *dir;

	if (!load_check_line(l, e->value, text))
		return NULL;
	if (text[0] == '/') {
		load_error(l, e->value, "'%s' must be relative to the lab file, not '%s'", e->name,
			   text);
		return NULL;
	}
	dir = real_path(l, l->dir);
	path = dir ? real_path(l, shown) : NULL;
	if (!path)
		load_error(l, e->value, "'%s': %s: '%s'", e->name, file_why(-errno), shown);
	else if (!is_below(path, dir))
		load_error(l, e->value, "'%s': '%s' is outside of the lab file's folder", e->name,
			   text);
	else
		return path;
	return NULL;
}

const char *load_directory(struct load *l, const struct entry *e)
{
	const char *text = load_scalar(l, e, "a folder beside the lab file");
	const char *path = text ? resolve(l, e, text) : NULL;
	struct stat st;

	if (!path)
		return NULL;
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return path;
	load_error(l, e->value, "'%s': '%s' is not a folder", e->name, text);
	return NULL;
}

/* Only text is a configuration. */
static bool check_text(struct load *l, const struct lab_source *source)
{
	struct lab_pos pos = { source, 1, 1, 1 };
	size_t len;

	for (size_t i = 0; i < source->len; i += len) {
		unsigned char byte = (unsigned char)source->text[i];

		len = utf8_length(source->text + i, source->len - i);
		if (len == 0 || (byte < 0x20 && !strchr("\t\r\n", byte)) || byte == 0) {
			diag_error(l->diag, pos, "byte 0x%02x: a configuration is text in UTF-8",
				   byte);
			return false;
		}
		pos.col++;
		if (byte == '\n') {
			pos.line++;
			pos.col = 1;
		}
	}
	return true;
}

/* Without the carriage returns of a file from Windows; columns stay as they are. */
static size_t drop_line_returns(char *text, size_t len)
{
	size_t to = 0;

	for (size_t i = 0; i < len; i++)
		if (text[i] != '\r' || text[i + 1] != '\n')
			text[to++] = text[i];
	text[to] = '\0';
	return to;
}

static struct config_file *find_file(struct load *l, const char *path)
{
	for (struct config_file *f = l->files; f; f = f->next)
		if (strcmp(f->path, path) == 0)
			return f;
	return NULL;
}

static struct config_file *add_file(struct load *l, const char *path, const char *shown,
				    const char *text, size_t len)
{
	struct config_file *file = arena_alloc(l->arena, sizeof(*file));
	char *copy = arena_strndup(l->arena, text, len);

	file->path = path;
	file->source.len = drop_line_returns(copy, len);
	file->source.text = copy;
	file->source.file = shown;
	file->next = l->files;
	l->files = file;
	l->files_bytes += len;
	return file;
}

static struct config_file *read_file(struct load *l, const struct entry *e, const char *path,
				     const char *text)
{
	struct config_file *file;
	char *content = NULL;
	size_t len;
	int r = file_read(path, LAB_CONFIG_MAX, &content, &len);

	if (r < 0) {
		load_error(l, e->value, "'%s': %s: '%s'", e->name, file_why(r),
			   joined_path(l, text));
		return NULL;
	}
	file = add_file(l, path, joined_path(l, text), content, len);
	free(content);
	return file;
}

bool load_config_file(struct load *l, const struct entry *e, struct lab_text *ret)
{
	const char *text = load_scalar(l, e, "a file beside the lab file");
	const char *path = text ? resolve(l, e, text) : NULL;
	struct config_file *file;

	if (!path)
		return false;
	if (l->files_bytes > LAB_CONFIG_FILES_MAX) {
		load_error(l, e->value, "the configuration files are larger than %d MiB together",
			   LAB_CONFIG_FILES_MAX / 1024 / 1024);
		return false;
	}
	file = find_file(l, path);
	if (!file)
		file = read_file(l, e, path, text);
	if (!file || !check_text(l, &file->source))
		return false;
	*ret = (struct lab_text){
		file->source.text, file->source.len, { &file->source, 1, 1, 1 }, LAB_TEXT_FILE
	};
	return true;
}
