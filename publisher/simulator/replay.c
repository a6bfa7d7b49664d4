#include "publisher/simulator/replay.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define DEFAULT_GAP_NS (10 * BC_NS_PER_MS)
#define PATH_BYTES     4096

struct frame {
	size_t at, n;
	int64_t offset_ns;
};

struct sim_replay {
	struct sim_buffer text;
	struct frame *frames;
	size_t n;
};

static bc_status read_whole(FILE *file, struct sim_buffer *out)
{
	char chunk[65536];
	size_t n;

	while ((n = fread(chunk, 1, sizeof chunk, file)) > 0) {
		sim_buffer_add(out, chunk, n);
		if (out->failed)
			return BC_ENOMEM;
		if (out->n > REPLAY_MAX_BYTES)
			return BC_ERANGE;
	}
	return ferror(file) ? BC_EIO : BC_OK;
}

static bool is_zstd(const struct sim_buffer *b)
{
	return b->n >= 4 && memcmp(b->data, "\x28\xb5\x2f\xfd", 4) == 0;
}

static bc_status decompress(struct sim_buffer *b)
{
	ZSTD_DStream *stream = ZSTD_createDStream();
	struct sim_buffer plain = { NULL, 0, 0, false };
	ZSTD_inBuffer in = { b->data, b->n, 0 };
	size_t left = 1;
	bc_status rc = stream != NULL ? BC_OK : BC_ENOMEM;

	while (rc == BC_OK && in.pos < in.size) {
		ZSTD_outBuffer out;

		if (!sim_buffer_reserve(&plain, ZSTD_DStreamOutSize())) {
			rc = BC_ENOMEM;
			break;
		}
		out = (ZSTD_outBuffer){ plain.data + plain.n, plain.cap - plain.n, 0 };
		left = ZSTD_decompressStream(stream, &out, &in);
		if (ZSTD_isError(left))
			rc = BC_EPARSE;
		plain.n += ZSTD_isError(left) ? 0 : out.pos;
		if (plain.n > REPLAY_MAX_BYTES)
			rc = BC_ERANGE;
	}
	if (rc == BC_OK && left != 0)
		rc = BC_EPARSE; /* ends in the middle */
	ZSTD_freeDStream(stream);
	sim_buffer_free(b);
	*b = plain;
	return rc;
}

/* BC_ENOTFOUND: there is no such file. */
static bc_status load(const char *path, struct sim_buffer *out)
{
	FILE *file = fopen(path, "rb");
	bc_status rc;

	if (file == NULL)
		return errno == ENOENT ? BC_ENOTFOUND : BC_EIO;
	rc = read_whole(file, out);
	fclose(file);
	return rc == BC_OK && is_zstd(out) ? decompress(out) : rc;
}

static bool next_line(const struct sim_buffer *text, size_t *at, bc_str *line)
{
	const char *end;

	if (*at >= text->n)
		return false;
	end = memchr(text->data + *at, '\n', text->n - *at);
	line->p = text->data + *at;
	line->n = end != NULL ? (size_t)(end - line->p) : text->n - *at;
	*at += line->n + 1;
	return true;
}

static bc_status index_frames(struct sim_replay *r)
{
	size_t cap = 0, at = 0;
	bc_str line;

	while (next_line(&r->text, &at, &line)) {
		if (line.n == 0)
			continue;
		if (r->n == cap) {
			struct frame *frames;

			cap = cap == 0 ? 1024 : cap * 2;
			frames = realloc(r->frames, cap * sizeof *frames);
			if (frames == NULL)
				return BC_ENOMEM;
			r->frames = frames;
		}
		r->frames[r->n] = (struct frame){ .at = (size_t)(line.p - r->text.data),
						  .n = line.n,
						  .offset_ns = (int64_t)r->n * DEFAULT_GAP_NS };
		r->n++;
	}
	return r->n > 0 ? BC_OK : BC_EPARSE;
}

static bc_status parse_time(bc_str line, int64_t *out)
{
	bc_decimal d;

	if (bc_decimal_parse(line.p, line.n, &d) != BC_OK)
		return BC_EPARSE;
	return bc_decimal_at(d, 0, out);
}

/* As many times as frames, or the two files are not of one capture. */
static bc_status take_times(struct sim_replay *r, const struct sim_buffer *times)
{
	size_t at = 0, i = 0;
	int64_t first = 0, latest = 0, time;
	bc_str line;

	for (; next_line(times, &at, &line); i++) {
		if (i == r->n || parse_time(line, &time) != BC_OK)
			return BC_EPARSE;
		if (i == 0)
			first = latest = time;
		if (time > latest)
			latest = time; /* a recorder's clock may step back; ours does not */
		r->frames[i].offset_ns = latest - first;
	}
	return i == r->n ? BC_OK : BC_EPARSE;
}

/* "x/a.jsonl.zst" gives "x/a.times". */
static void times_path(const char *path, const char *ending, char out[PATH_BYTES])
{
	static const char *const endings[] = { ".zst", ".jsonl" };
	size_t n = strlen(path);

	for (size_t i = 0; i < 2; i++) {
		size_t e = strlen(endings[i]);

		if (n > e && memcmp(path + n - e, endings[i], e) == 0)
			n -= e;
	}
	snprintf(out, PATH_BYTES, "%.*s%s", (int)n, path, ending);
}

static bc_status load_times(struct sim_replay *r, const char *path, char *why, size_t cap)
{
	static const char *const endings[] = { ".times", ".times.zst" };
	struct sim_buffer times = { NULL, 0, 0, false };
	char name[PATH_BYTES];
	bc_status rc = BC_ENOTFOUND;

	for (size_t i = 0; rc == BC_ENOTFOUND && i < 2; i++) {
		times_path(path, endings[i], name);
		rc = load(name, &times);
	}
	if (rc == BC_ENOTFOUND)
		return BC_OK;
	if (rc == BC_OK)
		rc = take_times(r, &times);
	if (rc != BC_OK)
		snprintf(why, cap, "%.200s: not one time for each frame", name);
	sim_buffer_free(&times);
	return rc;
}

bc_status sim_replay_open(struct sim_replay **out, const char *path, char *why, size_t cap)
{
	struct sim_replay *r = calloc(1, sizeof *r);
	bc_status rc = r != NULL ? load(path, &r->text) : BC_ENOMEM;

	if (rc == BC_OK)
		rc = index_frames(r);
	if (rc == BC_OK)
		rc = load_times(r, path, why, cap);
	else
		snprintf(why, cap, "%.200s: %s", path,
			 rc == BC_EPARSE ? "no frames, or broken compression" : bc_status_text(rc));
	if (rc != BC_OK)
		sim_replay_free(&r);
	*out = r;
	return rc;
}

void sim_replay_free(struct sim_replay **replay)
{
	struct sim_replay *r = *replay;

	*replay = NULL;
	if (r == NULL)
		return;
	sim_buffer_free(&r->text);
	free(r->frames);
	free(r);
}

size_t sim_replay_n_frames(const struct sim_replay *r)
{
	return r->n;
}

bc_str sim_replay_frame(const struct sim_replay *r, size_t i)
{
	return (bc_str){ r->text.data + r->frames[i].at, r->frames[i].n };
}

int64_t sim_replay_offset_ns(const struct sim_replay *r, size_t i)
{
	return r->frames[i].offset_ns;
}
