#include "bench/run.h"

#include <fnmatch.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROUNDS        15
#define SECONDS       1.0
#define QUICK_ROUNDS  3
#define QUICK_SECONDS 0.01

/* ------------------------------------------------------------------ what was asked for */

bool bench_quick(const struct bench *b)
{
	return b->o.quick;
}

size_t bench_rounds(const struct bench *b)
{
	if (b->o.rounds > 0)
		return b->o.rounds;
	return b->o.quick ? QUICK_ROUNDS : ROUNDS;
}

double bench_seconds(const struct bench *b)
{
	if (b->o.seconds > 0)
		return b->o.seconds;
	return b->o.quick ? QUICK_SECONDS : SECONDS;
}

const char *bench_captures(const struct bench *b)
{
	(void)b;
	const char *dir = getenv("BOOKCAST_CAPTURES");
	return dir == NULL || *dir == '\0' ? NULL : dir;
}

const char *bench_program(const char *name, char *out, size_t cap)
{
	char own[4096];
	ssize_t n = readlink("/proc/self/exe", own, sizeof own - 1);
	own[n > 0 ? n : 0] = '\0';
	char *slash = strrchr(own, '/');
	if (slash != NULL)
		slash[1] = '\0';
	snprintf(out, cap, "%s%s", own, name);
	return out;
}

bool bench_directory(char out[BENCH_DIRECTORY_MAX])
{
	const char *tmp = getenv("TMPDIR");
	int n = snprintf(out, BENCH_DIRECTORY_MAX, "%s/bookcast-bench-XXXXXX",
			 tmp != NULL && *tmp != '\0' ? tmp : "/tmp");
	return n > 0 && n < BENCH_DIRECTORY_MAX && mkdtemp(out) != NULL;
}

bool bench_wanted(const struct bench_options *o, const struct bench_group *group,
		  const struct bench_scenario *scenario)
{
	for (size_t i = 0; i < o->n_only; i++)
		if (fnmatch(o->only[i], scenario->name, 0) == 0 ||
		    fnmatch(o->only[i], group->name, 0) == 0)
			return true;
	return o->n_only == 0;
}

/* ------------------------------------------------------------------ rows */

const struct bench_promise *bench_promise(enum bench_target target)
{
	static const struct bench_promise promises[] = {
#define PROMISE(name, what, at_most, aim) [BENCH_TARGET_##name] = { what, at_most, aim },
		BENCH_TARGET_ROWS(PROMISE)
#undef PROMISE
	};
	return target == BENCH_TARGET_NONE ? NULL : &promises[target];
}

const char *bench_verdict(const struct bench_row *row)
{
	const struct bench_promise *p = bench_promise(row->target);
	if (p == NULL)
		return "";
	double judged = row->floor_name != NULL ? row->ratio.median : row->value;
	if (judged <= p->aim)
		return "aim";
	if (judged <= p->at_most)
		return "met";
	return row->floor_name != NULL && row->ratio.low <= p->at_most ? "unsure" : "missed";
}

static char *copy(const char *text)
{
	return text != NULL ? strdup(text) : NULL;
}

static struct bench_line *add_line(struct bench *b, const struct bench_row *row)
{
	if (b->n_lines == b->cap_lines) {
		size_t cap = b->cap_lines * 2 + 64;
		struct bench_line *lines = realloc(b->lines, cap * sizeof *lines);
		if (lines == NULL) {
			bench_fail(b, "out of memory");
			return NULL;
		}
		b->lines = lines;
		b->cap_lines = cap;
	}
	struct bench_line *line = &b->lines[b->n_lines++];
	*line = (struct bench_line){ .group = b->group,
				     .scenario = b->scenario,
				     .variant = copy(row->variant),
				     .floor_name = copy(row->floor_name),
				     .unit = copy(row->unit),
				     .curve = copy(row->curve),
				     .note = copy(row->note),
				     .row = *row };
	line->row.variant = line->variant;
	line->row.floor_name = line->floor_name;
	line->row.unit = line->unit;
	line->row.curve = line->curve;
	line->row.note = line->note;
	return line;
}

void bench_row(struct bench *b, const struct bench_row *row)
{
	struct bench_row r = *row;
	if (r.floor_name != NULL && r.ratio.median == 0) {
		double ratio = r.more_is_better ? r.floor / r.value : r.value / r.floor;
		r.ratio = (struct bench_spread){ ratio, ratio, ratio };
	}
	if (!isfinite(r.value) || (r.floor_name != NULL && !isfinite(r.ratio.median)))
		bench_fail(b, "%s: no figure came of it", r.variant);
	add_line(b, &r);
}

void bench_skip(struct bench *b, const char *variant, const char *why)
{
	struct bench_row r = { .variant = variant, .unit = "", .value = NAN, .note = why };
	struct bench_line *line = add_line(b, &r);
	if (line != NULL)
		line->skipped = true;
}

void bench_fail(struct bench *b, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fprintf(stderr, "bookcast-bench: %s: ", b->scenario != NULL ? b->scenario->name : "frame");
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	b->errors++;
}

void bench_lines_free(struct bench *b)
{
	for (size_t i = 0; i < b->n_lines; i++) {
		free(b->lines[i].variant);
		free(b->lines[i].floor_name);
		free(b->lines[i].unit);
		free(b->lines[i].curve);
		free(b->lines[i].note);
	}
	free(b->lines);
	b->lines = NULL;
	b->n_lines = b->cap_lines = 0;
}
