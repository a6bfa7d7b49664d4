/* What a hostile or broken exchange can send to any adapter: the golden frames, and the REST bodies
 * in the corpora of the fuzzers, cut, flipped and spliced, and texts made to hurt. Nothing is read
 * past the end (a guard page), nothing untrue is told, and the next good frame is understood. */
#include "tests/support/feed_fuzz.h"
#include "tests/support/guard_page.h"

#include <criterion/criterion.h>
#include <glob.h>

#define MAX_FRAMES 512
#define MAX_TEXT   (64u << 10)

static struct guard_page guard;

struct frames {
	char *text[MAX_FRAMES];
	size_t n[MAX_FRAMES];
	char kind[MAX_FRAMES]; /* feed_fuzz_input() */
	size_t count;
};

static void load_lines(struct frames *frames, const char *path)
{
	FILE *f = fopen(path, "re");
	char *line = NULL;
	size_t cap = 0;
	cr_assert_not_null(f);
	for (ssize_t n; (n = getline(&line, &cap, f)) > 0 && frames->count < MAX_FRAMES;) {
		frames->kind[frames->count] = 'f';
		frames->n[frames->count] = (size_t)n - (line[n - 1] == '\n');
		frames->text[frames->count++] = line;
		line = NULL;
		cap = 0;
	}
	free(line);
	fclose(f);
}

/* Its first byte is the kind of it. */
static void load_body(struct frames *frames, const char *path)
{
	static char text[MAX_TEXT];
	FILE *f = fopen(path, "re");
	cr_assert_not_null(f);
	size_t n = fread(text, 1, sizeof text, f);
	fclose(f);
	cr_assert(n > 1 && n < sizeof text && frames->count < MAX_FRAMES, "%s", path);
	frames->kind[frames->count] = text[0];
	frames->n[frames->count] = n - 1;
	frames->text[frames->count] = malloc(n);
	memcpy(frames->text[frames->count++], text + 1, n - 1);
}

typedef void load_fn(struct frames *frames, const char *path);

static void load_files(struct frames *frames, const char *directory, const char *name,
		       const char *files, load_fn *load)
{
	const char *source = getenv("BOOKCAST_SOURCE");
	char pattern[4096];
	glob_t found;
	snprintf(pattern, sizeof pattern, "%s/tests/%s%s/%s", source != NULL ? source : ".",
		 directory, name, files);
	cr_assert(glob(pattern, 0, NULL, &found) == 0, "%s: there is none", pattern);
	for (size_t i = 0; i < found.gl_pathc; i++)
		load(frames, found.gl_pathv[i]);
	globfree(&found);
}

static void load_frames(struct frames *frames, const char *exchange)
{
	char target[64];
	snprintf(target, sizeof target, "%s", exchange);
	for (char *dash; (dash = strchr(target, '-')) != NULL;)
		*dash = '_';
	frames->count = 0;
	load_files(frames, "golden/exchanges/", exchange, "*.in", load_lines);
	load_files(frames, "fuzz/corpus/fuzz_", target, "rest-*", load_body);
	cr_assert(frames->count > 10, "%s: only %zu golden frames", exchange, frames->count);
}

static void free_frames(struct frames *frames)
{
	for (size_t i = 0; i < frames->count; i++)
		free(frames->text[i]);
}

static bc_status give(struct feed_check *f, char kind, const char *bytes, size_t n)
{
	const struct bc_input input = feed_fuzz_input(kind, guard_page_put(&guard, bytes, n), n);
	bc_status status = feed_check_give(f, &input);
	cr_assert(f->broken == NULL, "%s, after: %.*s", f->broken, n < 600 ? (int)n : 600, bytes);
	return status;
}

typedef void each_fn(struct feed_check *f, char kind, const char *frame, size_t n);

static void each_frame_of_each_exchange(each_fn *call)
{
	guard_page_open(&guard, MAX_TEXT);
	for (size_t i = 0; bc_exchanges[i] != NULL; i++) {
		static struct frames frames;
		struct feed_check f;
		load_frames(&frames, bc_exchanges[i]->id);
		feed_check_open(&f, bc_exchanges[i]);
		for (size_t k = 0; k < frames.count; k++)
			call(&f, frames.kind[k], frames.text[k], frames.n[k]);
		feed_check_close(&f);
		free_frames(&frames);
	}
	guard_page_close(&guard);
}

static void cut_everywhere(struct feed_check *f, char kind, const char *frame, size_t n)
{
	size_t body = n;
	while (body > 0 && strchr(" \t", frame[body - 1]) != NULL)
		body--;
	for (size_t cut = 0; cut < body; cut++) {
		bc_status status = give(f, kind, frame, cut);
		/* A bare word may be whole after a cut; an object or a list never is. */
		if (cut > 0 && strchr("{[", frame[strspn(frame, " ")]) != NULL)
			cr_expect(status != BC_OK && f->events + f->controls == 0,
				  "cut at %zu: %.*s", cut, (int)cut, frame);
	}
}

Test(hostile, cut_at_every_byte, .timeout = 250)
{
	each_frame_of_each_exchange(cut_everywhere);
}

static void spoil_everywhere(struct feed_check *f, char kind, const char *frame, size_t n)
{
	static const char spoilers[] = { '\0', '\xff', '\xc0', '"', '\\', '{', ']', '-', '9', 'e' };
	static char text[MAX_TEXT];
	cr_assert(n < sizeof text);
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < sizeof spoilers; k++) {
			memcpy(text, frame, n);
			text[i] = spoilers[k];
			bc_status status = give(f, kind, text, n);
			if (k < 3)
				cr_expect(status != BC_OK && f->events == 0,
					  "byte %zu = %02x: %.*s", i, spoilers[k] & 0xff, (int)n,
					  frame);
		}
	}
}

Test(hostile, spoilt_at_every_byte, .timeout = 250)
{
	each_frame_of_each_exchange(spoil_everywhere);
}

static void splice_at_every_comma(struct feed_check *f, char kind, const char *frame, size_t n)
{
	static char text[MAX_TEXT];
	static const char *const pieces[] = { "1e999999999",
					      "-1",
					      "null",
					      "\"\"",
					      "[]",
					      "{}",
					      "99999999999999999999999999999999999999999",
					      "true" };
	for (size_t i = 0; i < n; i++) {
		if (frame[i] != ':')
			continue;
		size_t end = i + 1 + strcspn(frame + i + 1, ",}]");
		for (size_t k = 0; end <= n && k < sizeof pieces / sizeof *pieces; k++) {
			int length = snprintf(text, sizeof text, "%.*s%s%.*s", (int)i + 1, frame,
					      pieces[k], (int)(n - end), frame + end);
			give(f, kind, text, (size_t)length);
		}
	}
}

Test(hostile, other_values_in_every_place, .timeout = 250)
{
	each_frame_of_each_exchange(splice_at_every_comma);
}

static size_t repeat(char *out, const char *piece, size_t times)
{
	size_t n = strlen(piece);
	for (size_t i = 0; i < n * times; i++)
		out[i] = piece[i % n];
	return n * times;
}

Test(hostile, texts_made_to_hurt)
{
	static const char *const pieces[] = { "[",    "{\"a\":",  "[[", "{", "\"", "\\",
					      "\xff", "\xed\xa0", "-",  "1", "0",  ",",
					      " ",    "\n",       "e",  "." };
	static char text[MAX_TEXT];
	guard_page_open(&guard, MAX_TEXT);
	for (size_t i = 0; bc_exchanges[i] != NULL; i++) {
		struct feed_check f;
		feed_check_open(&f, bc_exchanges[i]);
		for (size_t k = 0; k < sizeof pieces / sizeof *pieces; k++) {
			size_t n = repeat(text, pieces[k], 10000);
			cr_expect(give(&f, 'f', text, n) == BC_EPARSE, "10,000 x %s", pieces[k]);
			cr_expect_eq(f.rejects, 1);
		}
		cr_expect(give(&f, 'f', "", 0) == BC_EPARSE, "an empty message");
		cr_expect(give(&f, 'f', "\0", 1) == BC_EPARSE, "a NUL");
		memset(text, ' ', sizeof text);
		cr_expect(give(&f, 'f', text, sizeof text) == BC_EPARSE, "only spaces");
		feed_check_close(&f);
	}
	guard_page_close(&guard);
}

Test(hostile, a_large_frame_takes_no_longer_than_its_bytes, .timeout = 250)
{
	/* 16 MB of a list that never ends: refused once read, in linear time. */
	static const char head[] = { '{', '"', 'x', '"', ':', '"' };
	size_t n = 16u << 20;
	char *text = malloc(n);
	cr_assert_not_null(text);
	for (size_t i = 0; bc_exchanges[i] != NULL; i++) {
		struct feed_check f;
		feed_check_open(&f, bc_exchanges[i]);
		memset(text, '1', n);
		memcpy(text, head, sizeof head);
		cr_expect(feed_check_text(&f, text, n) == BC_EPARSE);
		for (size_t k = 0; k < n; k++)
			text[k] = k % 2 == 0 ? ',' : '1';
		text[0] = '[';
		cr_expect(feed_check_text(&f, text, n) == BC_EPARSE);
		cr_expect(f.broken == NULL, "%s", f.broken);
		feed_check_close(&f);
	}
	free(text);
}
