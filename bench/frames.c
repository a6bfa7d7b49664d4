#include "bench/frames.h"

#include "publisher/decode_input.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool reserve(struct frames *f, size_t n_bytes)
{
	if (f->n + 2 > f->cap) {
		size_t cap = f->cap * 2 + 256, *at = realloc(f->at, cap * sizeof *at);
		if (at == NULL)
			return false;
		f->at = at;
		f->cap = cap;
	}
	if (f->n_bytes + n_bytes + FRAMES_PADDING > f->cap_bytes) {
		size_t cap = (f->n_bytes + n_bytes + FRAMES_PADDING) * 2;
		char *bytes = realloc(f->bytes, cap);
		if (bytes == NULL)
			return false;
		f->bytes = bytes;
		f->cap_bytes = cap;
	}
	return true;
}

bool frames_add(struct frames *f, bc_str frame)
{
	if (!reserve(f, frame.n))
		return false;
	memcpy(f->bytes + f->n_bytes, frame.p, frame.n);
	f->at[f->n++] = f->n_bytes;
	f->n_bytes += frame.n;
	f->at[f->n] = f->n_bytes;
	memset(f->bytes + f->n_bytes, 0, FRAMES_PADDING);
	return true;
}

void frames_free(struct frames *f)
{
	free(f->bytes);
	free(f->at);
	*f = (struct frames){ 0 };
}

/* ------------------------------------------------------------------ recordings */

bool frames_load(struct frames *f, const char *path, bool (*keep)(bc_str frame), char *why,
		 size_t cap)
{
	char *bytes;
	size_t n;

	if (file_read(path, &bytes, &n, why, cap) != BC_OK)
		return false;
	bool good = true;
	for (char *p = bytes, *end = bytes + n; p < end && good;) {
		char *stop = memchr(p, '\n', (size_t)(end - p));
		bc_str line = { p, (size_t)((stop == NULL ? end : stop) - p) };
		if (keep(line) && !frames_add(f, line)) {
			snprintf(why, cap, "out of memory");
			good = false;
		}
		p += line.n + 1;
	}
	free(bytes);
	return good;
}

static int is_recording(const struct dirent *e)
{
	size_t n = strlen(e->d_name);
	return (n > 6 && strcmp(e->d_name + n - 6, ".jsonl") == 0) ||
	       (n > 10 && strcmp(e->d_name + n - 10, ".jsonl.zst") == 0);
}

void frames_each(const char *captures, const char *exchange, frames_each_fn *each, void *self)
{
	char path[4096], name[300];
	struct dirent **entries;

	snprintf(path, sizeof path, "%s/%s", captures, exchange);
	int n = scandir(path, &entries, is_recording, alphasort);
	for (int i = 0; i < n; i++) {
		snprintf(path, sizeof path, "%s/%s/%s", captures, exchange, entries[i]->d_name);
		snprintf(name, sizeof name, "%s", entries[i]->d_name);
		*strstr(name, ".jsonl") = '\0';
		each(self, name, path);
		free(entries[i]);
	}
	if (n >= 0)
		free(entries);
}
