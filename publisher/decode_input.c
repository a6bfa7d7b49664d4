#include "publisher/decode_input.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define CHUNK (128u << 10)

struct lines {
	FILE *file;
	ZSTD_DStream *zstd; /* NULL: plain */
	char raw[CHUNK];    /* as read from the file */
	ZSTD_inBuffer in;
	size_t in_frame; /* bytes zstd still wants; 0 between frames */
	char *text;      /* text[from, to) is not handed out yet */
	size_t from, to, cap;
	bool ended, passing; /* passing: inside a line that is too long */
	char why[160];
};

static bc_status read_failed(struct lines *l, const char *what)
{
	snprintf(l->why, sizeof l->why, "%s", what);
	return BC_EIO;
}

/* Reads the next piece of the file into raw. BC_ENOTFOUND: the file has ended. */
static bc_status read_raw(struct lines *l)
{
	l->in = (ZSTD_inBuffer){ l->raw, fread(l->raw, 1, sizeof l->raw, l->file), 0 };
	if (ferror(l->file))
		return read_failed(l, strerror(errno));
	if (l->in.size > 0)
		return BC_OK;
	return l->in_frame > 0 ? read_failed(l, "the zstd stream is cut off") : BC_ENOTFOUND;
}

static bool is_zstd(const char *bytes, size_t n)
{
	return n >= 4 && memcmp(bytes, "\x28\xb5\x2f\xfd", 4) == 0;
}

bc_status lines_open(struct lines **out, const char *path, char *why, size_t cap)
{
	struct lines *l = calloc(1, sizeof *l);
	bc_status status;

	if (l == NULL)
		return BC_ENOMEM;
	l->file = strcmp(path, "-") == 0 ? stdin : fopen(path, "rb");
	if (l->file == NULL) {
		snprintf(why, cap, "%s", strerror(errno));
		free(l);
		return BC_EIO;
	}
	status = read_raw(l);
	if (status == BC_OK && is_zstd(l->raw, l->in.size))
		l->zstd = ZSTD_createDStream();
	if (status == BC_EIO || (status == BC_OK && is_zstd(l->raw, l->in.size) && !l->zstd)) {
		snprintf(why, cap, "%s", status == BC_EIO ? l->why : "out of memory");
		lines_close(&l);
		return BC_EIO;
	}
	*out = l;
	return BC_OK;
}

void lines_close(struct lines **lines)
{
	struct lines *l = *lines;

	if (l == NULL)
		return;
	if (l->file != stdin)
		fclose(l->file);
	ZSTD_freeDStream(l->zstd);
	free(l->text);
	free(l);
	*lines = NULL;
}

const char *lines_why(const struct lines *l)
{
	return l->why;
}

/* Makes room for one more chunk behind text[from, to), moving it to the front. */
static bc_status make_room(struct lines *l)
{
	size_t kept = l->to - l->from;

	if (l->from > 0)
		memmove(l->text, l->text + l->from, kept);
	l->from = 0;
	l->to = kept;
	if (l->cap - kept < CHUNK) {
		size_t cap = l->cap * 2 + CHUNK;
		char *text = realloc(l->text, cap);
		if (text == NULL)
			return BC_ENOMEM;
		l->text = text;
		l->cap = cap;
	}
	return BC_OK;
}

/* Adds text behind `to`. BC_ENOTFOUND: there is no more. */
static bc_status fill(struct lines *l)
{
	bc_status status = make_room(l);

	if (status == BC_OK && l->in.pos == l->in.size)
		status = read_raw(l);
	if (status != BC_OK)
		return status;
	if (l->zstd == NULL) {
		memcpy(l->text + l->to, l->raw, l->in.size);
		l->to += l->in.size;
		l->in.pos = l->in.size;
		return BC_OK;
	}
	ZSTD_outBuffer o = { l->text + l->to, l->cap - l->to, 0 };
	l->in_frame = ZSTD_decompressStream(l->zstd, &o, &l->in);
	if (ZSTD_isError(l->in_frame))
		return read_failed(l, ZSTD_getErrorName(l->in_frame));
	l->to += o.pos;
	return BC_OK;
}

bc_status lines_next(struct lines *l, bc_str *line)
{
	size_t looked = 0; /* bytes of the line known to hold no end */

	for (;;) {
		size_t n = l->to - l->from;
		char *p = l->text + l->from;
		char *end = n > looked ? memchr(p + looked, '\n', n - looked) : NULL;
		bool passing = l->passing;
		if (end != NULL || (l->ended && n > 0)) {
			*line = (bc_str){ p, end != NULL ? (size_t)(end - p) : n };
			l->from += line->n + (end != NULL);
			l->passing = false;
			if (passing)
				return BC_ERANGE;
			if (line->n > 0 && p[line->n - 1] == '\r')
				line->n--;
			return BC_OK;
		}
		if (l->ended) {
			l->passing = false;
			return passing ? BC_ERANGE : BC_ENOTFOUND;
		}
		looked = n;
		if (n > DECODE_MAX_LINE) {
			l->passing = true;
			l->from = l->to;
			looked = 0;
		}
		bc_status status = fill(l);
		if (status == BC_ENOTFOUND)
			l->ended = true;
		else if (status != BC_OK)
			return status;
	}
}

bc_status file_read(const char *path, char **bytes, size_t *n, char *why, size_t cap)
{
	struct lines *l;
	bc_status status = lines_open(&l, path, why, cap);

	if (status != BC_OK)
		return status;
	while ((status = fill(l)) == BC_OK)
		if (l->to - l->from > DECODE_MAX_LINE)
			break;
	if (status == BC_ENOTFOUND) {
		*bytes = l->text;
		*n = l->to;
		l->text = NULL;
		status = BC_OK;
	} else {
		snprintf(why, cap, "%s", status == BC_EIO ? l->why : "too long");
	}
	lines_close(&l);
	return status;
}
