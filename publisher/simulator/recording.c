#include "publisher/simulator/recording.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATH_BYTES    4096
#define NO_STREAM     UINT32_MAX
#define STREAMS_MAX   65536
#define BODY_MAX      (64u << 20)
#define DEFAULT_LIMIT 100

/* One recorded answer. */
struct body {
	char symbol[MARKET_NAME_MAX];
	int64_t limit; /* of the request */
	size_t at;     /* frames received before it */
	uint64_t id;   /* of the book */
	size_t place;  /* the first frame that leads beyond it */
	char *text;
	size_t n;
	bool first; /* of its symbol */
	bool asked;
};

struct sim_recording {
	uint32_t *streams; /* of each frame */
	size_t n_frames;
	char (*names)[SIM_STREAM_NAME];
	size_t n_names, cap_names;
	struct body *bodies;
	size_t n_bodies;
};

/* ------------------------------------------------------------------ answers */

/* "x/a.jsonl.zst" gives "x/" and "a". */
static void split_path(const char *path, bc_str *directory, bc_str *name)
{
	static const char *const endings[] = { ".zst", ".jsonl" };
	const char *slash = strrchr(path, '/');

	*name = bc_str_of(slash != NULL ? slash + 1 : path);
	*directory = (bc_str){ path, slash != NULL ? (size_t)(slash + 1 - path) : 0 };
	for (size_t i = 0; i < 2; i++) {
		size_t e = strlen(endings[i]);

		if (name->n > e && memcmp(name->p + name->n - e, endings[i], e) == 0)
			name->n -= e;
	}
}

/* The value of a query key of an address; empty: it is not there. */
static bc_str query_of(const char *url, const char *key)
{
	const char *at = strchr(url, '?');
	size_t n = strlen(key);

	while (at != NULL) {
		at++;
		if (strncmp(at, key, n) == 0 && at[n] == '=')
			return (bc_str){ at + n + 1, strcspn(at + n + 1, "&") };
		at = strchr(at, '&');
	}
	return (bc_str){ NULL, 0 };
}

static bool read_body(const char *path, struct body *b)
{
	FILE *file = fopen(path, "rb");
	bool good = false;

	if (file == NULL)
		return false;
	b->text = malloc(BODY_MAX);
	if (b->text != NULL) {
		char *smaller;

		b->n = fread(b->text, 1, BODY_MAX, file);
		good = !ferror(file) && b->n > 0 && b->n < BODY_MAX;
		smaller = realloc(b->text, b->n + 1);
		if (smaller != NULL)
			b->text = smaller;
	}
	fclose(file);
	return good;
}

/* One row of "rest". False: it cannot be used. */
static bool take_row(struct sim_recording *r, const struct sim_face *face, bc_str directory,
		     const json_t *row, char path[PATH_BYTES])
{
	const char *file = json_string_value(json_object_get(row, "file"));
	const char *url = json_string_value(json_object_get(row, "url"));
	json_int_t at = json_integer_value(json_object_get(row, "ws_lines_received_before"));
	struct body *b = &r->bodies[r->n_bodies];
	bc_str symbol, limit;

	if (file == NULL || url == NULL || at < 0)
		return false;
	snprintf(path, PATH_BYTES, "%.*s%.3000s", (int)directory.n, directory.p, file);
	symbol = query_of(url, "symbol");
	limit = query_of(url, "limit");
	if (strstr(url, "/depth?") == NULL || symbol.n == 0 || symbol.n >= sizeof b->symbol)
		return true; /* an answer to something else */
	snprintf(b->symbol, sizeof b->symbol, "%.*s", (int)symbol.n, symbol.p);
	b->limit = limit.n > 0 ? strtoll(limit.p, NULL, 10) : DEFAULT_LIMIT;
	b->at = (size_t)at;
	b->place = SIZE_MAX;
	b->first = true;
	for (size_t i = 0; i < r->n_bodies; i++)
		b->first &= strcmp(r->bodies[i].symbol, b->symbol) != 0;
	r->n_bodies++; /* before it is read, so that what was read is freed */
	return read_body(path, b) && face->body_id((bc_str){ b->text, b->n }, &b->id);
}

/* This capture's entry of the index; NULL: there is none. */
static const json_t *entry_of(const json_t *index, bc_str name)
{
	const json_t *entry;
	size_t i;

	json_array_foreach(json_object_get(index, "captures"), i, entry)
	{
		const char *have = json_string_value(json_object_get(entry, "name"));

		if (have != NULL && bc_str_is(name, have))
			return entry;
	}
	return NULL;
}

static bc_status load_bodies(struct sim_recording *r, const char *path, const struct sim_face *face,
			     char *why, size_t cap)
{
	char file[PATH_BYTES];
	bc_str directory, name;
	const json_t *rows, *row;
	json_t *index;
	size_t i;
	bc_status rc = BC_OK;

	split_path(path, &directory, &name);
	snprintf(file, sizeof file, "%.*sindex.json", (int)directory.n, directory.p);
	index = json_load_file(file, 0, NULL);
	rows = json_object_get(entry_of(index, name), "rest");
	r->bodies = calloc(json_array_size(rows) + 1, sizeof *r->bodies);
	if (r->bodies == NULL)
		rc = BC_ENOMEM;
	json_array_foreach(rows, i,
			   row) if (rc == BC_OK && !take_row(r, face, directory, row, file))
	{
		snprintf(why, cap, "%.200s: not a recorded order book", file);
		rc = BC_EPARSE;
	}
	json_decref(index);
	return rc;
}

/* ------------------------------------------------------------------ frames */

/* The number of a stream's name; NO_STREAM: out of memory, or far too many. */
static uint32_t number_of(struct sim_recording *r, const char *name)
{
	for (size_t i = 0; i < r->n_names; i++)
		if (strcmp(r->names[i], name) == 0)
			return (uint32_t)i;
	if (r->n_names == STREAMS_MAX)
		return NO_STREAM;
	if (r->n_names == r->cap_names) {
		size_t cap = r->cap_names == 0 ? 64 : r->cap_names * 2;
		char(*names)[SIM_STREAM_NAME] = realloc(r->names, cap * sizeof *names);

		if (names == NULL)
			return NO_STREAM;
		r->names = names;
		r->cap_names = cap;
	}
	strcpy(r->names[r->n_names], name);
	return (uint32_t)r->n_names++;
}

/* A change of a book: is it the first that leads beyond a recorded one? */
static void find_place(struct sim_recording *r, size_t frame, const struct sim_frame *f)
{
	for (size_t i = 0; i < r->n_bodies; i++) {
		struct body *b = &r->bodies[i];

		if (b->place == SIZE_MAX && f->last_id > b->id && strcmp(b->symbol, f->symbol) == 0)
			b->place = frame;
	}
}

static bc_status index_frames(struct sim_recording *r, const struct sim_face *face,
			      const struct sim_replay *replay)
{
	struct sim_frame f;

	r->n_frames = sim_replay_n_frames(replay);
	r->streams = calloc(r->n_frames, sizeof *r->streams);
	if (r->streams == NULL)
		return BC_ENOMEM;
	for (size_t i = 0; i < r->n_frames; i++) {
		r->streams[i] = NO_STREAM;
		if (!face->frame_of(sim_replay_frame(replay, i), &f))
			continue;
		r->streams[i] = number_of(r, f.stream);
		if (f.last_id != 0)
			find_place(r, i, &f);
	}
	return BC_OK;
}

bc_status sim_recording_open(struct sim_recording **out, const char *path,
			     const struct sim_face *face, const struct sim_replay *replay,
			     char *why, size_t cap)
{
	struct sim_recording *r = calloc(1, sizeof *r);
	bc_status rc = BC_ENOMEM;

	snprintf(why, cap, "%s", bc_status_text(rc));
	if (r != NULL)
		rc = load_bodies(r, path, face, why, cap);
	if (rc == BC_OK)
		rc = index_frames(r, face, replay);
	if (rc != BC_OK)
		sim_recording_free(&r);
	*out = r;
	return rc;
}

void sim_recording_free(struct sim_recording **recording)
{
	struct sim_recording *r = *recording;

	*recording = NULL;
	if (r == NULL)
		return;
	for (size_t i = 0; i < r->n_bodies; i++)
		free(r->bodies[i].text);
	free(r->bodies);
	free(r->names);
	free(r->streams);
	free(r);
}

/* ------------------------------------------------------------------ what is asked */

bc_str sim_recording_stream(const struct sim_recording *r, size_t frame)
{
	if (r->streams[frame] == NO_STREAM)
		return BC_STR("");
	return bc_str_of(r->names[r->streams[frame]]);
}

size_t sim_recording_n_streams(const struct sim_recording *r)
{
	return r->n_names;
}

bc_str sim_recording_nth_stream(const struct sim_recording *r, size_t stream)
{
	return bc_str_of(r->names[stream]);
}

const char *sim_recording_awaits(const struct sim_recording *r, size_t frame)
{
	for (size_t i = 0; i < r->n_bodies; i++)
		if (r->bodies[i].place == frame && r->bodies[i].first && !r->bodies[i].asked)
			return r->bodies[i].symbol;
	return NULL;
}

/* Until the frame at its place was sent; one more, for who asked because of that very frame; and
 * until the moment at which the recorder had it. */
static bool joins(const struct body *b, size_t frame)
{
	size_t last = b->place == SIZE_MAX || b->place < b->at ? b->at : b->place + 1;

	return b->place == SIZE_MAX || frame <= last;
}

bool sim_recording_book(struct sim_recording *r, bc_str symbol, size_t frame, bc_str *body,
			int64_t *limit)
{
	for (size_t i = 0; i < r->n_bodies; i++) {
		struct body *b = &r->bodies[i];

		if (!bc_str_is(symbol, b->symbol) || !joins(b, frame))
			continue;
		b->asked = true;
		*body = (bc_str){ b->text, b->n };
		*limit = b->limit;
		return true;
	}
	return false;
}
