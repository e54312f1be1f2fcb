/* http_site.h: a web site in memory for the tests of HTTP: answers ASK_FILE as the shell does. */
#ifndef LABD_TESTS_HTTP_SITE_H
#define LABD_TESTS_HTTP_SITE_H

#include <errno.h>

#include "http/http.h"
#include "machine_driver.h"

#define SITE_MTIME_NS (DRV_EPOCH_NS - 86400 * SEC) /* Wed, 31 Dec 2025 08:00:00 GMT */

struct site_file {
	char path[128];
	char *data; /* NULL: `err` instead, or a directory */
	size_t len;
	int64_t mtime_ns;
	bool is_dir;
	int err;
};

static struct site_file site[64];
static unsigned n_site;

static inline struct site_file *site_find(const char *path)
{
	for (unsigned i = 0; i < n_site; i++)
		if (strcmp(site[i].path, path) == 0)
			return &site[i];
	return NULL;
}

static inline struct site_file *site_put(const char *path, const void *data, size_t len)
{
	struct site_file *f = site_find(path);

	if (!f) {
		assert_true(n_site < ARRAY_SIZE(site));
		f = &site[n_site++];
		memset(f, 0, sizeof(*f));
		str_copy(f->path, sizeof(f->path), path);
		f->mtime_ns = SITE_MTIME_NS;
	} else {
		free(f->data);
		f->mtime_ns += SEC;
	}
	f->data = data ? malloc(len + 1) : NULL;
	if (data)
		memcpy(f->data, data, len);
	f->len = len;
	f->is_dir = !data;
	return f;
}

static inline void site_text(const char *path, const char *text)
{
	site_put(path, text, strlen(text));
}

static inline void site_dir(const char *path)
{
	site_put(path, NULL, 0);
}

static inline void site_error(const char *path, int err)
{
	site_put(path, "", 0)->err = err;
}

static inline void site_clear(void)
{
	for (unsigned i = 0; i < n_site; i++)
		free(site[i].data);
	n_site = 0;
}

static inline void site_run(const struct ask_file *ask, struct answer *a)
{
	struct site_file *f = site_find(ask->path);

	if (f && f->err) {
		a->err = f->err;
	} else if (ask->op == FILE_WRITE) {
		site_put(ask->path, ask->data, ask->len);
	} else if (!f) {
		a->err = -ENOENT;
	} else if (ask->op == FILE_DELETE) {
		free(f->data);
		*f = site[--n_site];
	} else {
		a->file.size = f->len;
		a->file.mtime_ns = f->mtime_ns;
		a->file.is_dir = f->is_dir;
		if (ask->op == FILE_READ) {
			a->file.data = (const uint8_t *)f->data;
			a->file.len = f->len;
		}
	}
	if (a->err)
		str_copy(a->why, sizeof(a->why), strerror(-a->err));
}

/* Answers every question about files of the window, those that follow from it too. */
static inline void site_answer(struct drv *d)
{
	const struct fx_effect *e;

	while ((e = drv_next(d, FX_ASK)) != NULL) {
		struct answer a = { 0 };

		if (e->ask.ask->kind != ASK_FILE)
			fail_msg("a question that is not about files");
		site_run(&e->ask.ask->file, &a);
		drv_deliver(d, (struct ev){ .kind = EV_ANSWER,
					    .answer = { .ask_id = e->ask.ask_id, .answer = &a } });
	}
}

/* Text against its parts, separated by | ; one that starts with ! must be absent. */
static inline void site_expect_parts(const char *what, const char *got, const char *parts)
{
	char part[400];

	while (*parts) {
		size_t n = strcspn(parts, "|");

		str_copy_n(part, sizeof(part), parts, n);
		if (part[0] != '!' && !strstr(got, part))
			fail_msg("%s: no \"%s\" in:\n%s", what, part, got);
		if (part[0] == '!' && strstr(got, part + 1))
			fail_msg("%s: \"%s\" in:\n%s", what, part + 1, got);
		parts += n + (parts[n] == '|');
	}
}

#endif
