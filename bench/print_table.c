#include "bench/run.h"

#include <string.h>

#define WIDTH   100
#define FIGURES 61 /* columns before the words of a row */

/* Three digits, so that nobody believes more of them. */
static const char *number(double value, char out[32])
{
	double size = fabs(value);
	if (!isfinite(value))
		snprintf(out, 32, "-");
	else if (size >= 99.95)
		snprintf(out, 32, "%.0f", value);
	else if (size >= 9.995)
		snprintf(out, 32, "%.1f", value);
	else
		snprintf(out, 32, size >= 0.0995 || size == 0 ? "%.2f" : "%.2g", value);
	return out;
}

/* In what a row is told: ns are us or ms where its larger figure is long, rates are millions. */
static double scale_of(const struct bench_row *r, char unit[32])
{
	double largest = fmax(fabs(r->value), r->floor_name != NULL ? fabs(r->floor) : 0);
	bool ns = strcmp(r->unit, "ns") == 0;
	if (ns && largest >= 1e4) {
		snprintf(unit, 32, "%s", largest >= 1e6 ? "ms" : "us");
		return largest >= 1e6 ? 1e6 : 1e3;
	}
	snprintf(unit, 32, "%s%s", largest >= 1e7 ? "M " : "", r->unit);
	return largest >= 1e7 ? 1e6 : 1;
}

/* Words, from column `at` on, in lines of at most WIDTH that begin at `indent`. */
static void print_words(const char *text, size_t at, size_t indent, FILE *out)
{
	for (bool first = true; *text != '\0'; first = false) {
		size_t n = strcspn(text, " ");
		if (!first && at + 1 + n > WIDTH) {
			fprintf(out, "\n%*s", (int)indent, "");
			at = indent;
		} else if (!first) {
			fputc(' ', out);
			at++;
		}
		fprintf(out, "%.*s", (int)n, text);
		at += n;
		text += n + strspn(text + n, " ");
	}
	fputc('\n', out);
}

static void print_machine(const struct bench *b, FILE *out)
{
	const struct bench_machine *m = &b->machine;
	fprintf(out, "%s\n%s, %s\n%ld x %s, %s, %s\n%s\n%zu rounds, %g s a row%s\n", m->build,
		m->compiler, m->flags, m->cores, m->cpu, m->kernel, m->date, m->libraries,
		bench_rounds(b), bench_seconds(b),
		bench_captures(b) != NULL ? ", recorded messages" : ", model messages alone");
	if (!m->optimized)
		fputs("This build is not optimized, or has sanitizers: these figures mean "
		      "nothing.\n",
		      out);
	if (b->o.quick)
		fputs("Quick: these figures are rough.\n", out);
}

static void print_group(const struct bench_group *group, FILE *out)
{
	fprintf(out, "\n%s: %s\n%6s %12s %7s %6s %16s %7s\n", group->name, group->title, "ratio",
		"quartiles", "at most", "", "bookcast", "floor");
}

static void print_labelled(const char *label, const char *text, FILE *out)
{
	if (text == NULL)
		return;
	int n = fprintf(out, "    %-11s ", label);
	print_words(text, n > 0 ? (size_t)n : 0, n > 0 ? (size_t)n : 0, out);
}

/* A note is told once of rows that follow each other and have the same. */
static const char *note_of(const struct bench *b, const struct bench_line *line)
{
	const char *note = line->row.note;
	if (note != NULL && line > b->lines && line[-1].scenario == line->scenario &&
	    line[-1].row.note != NULL && strcmp(line[-1].row.note, note) == 0 &&
	    strcmp(line[-1].row.variant, line->row.variant) == 0)
		return NULL;
	return note;
}

static void print_line(const struct bench *b, const struct bench_line *line, FILE *out)
{
	const struct bench_row *r = &line->row;
	const struct bench_promise *p = bench_promise(r->target);
	const char *note = note_of(b, line);
	char ratio[32] = "", low[32], high[32], spread[72] = "", most[32] = "", digits[32],
	     value[72], floor[32] = "", unit[32], words[512];
	double scale = scale_of(r, unit);

	if (line->skipped) {
		snprintf(words, sizeof words, "%s: %s", r->variant, r->note);
		print_labelled("left out:", words, out);
		return;
	}
	if (r->floor_name != NULL) {
		number(r->ratio.median, ratio);
		number(r->floor / scale, floor);
		if (r->ratio.low < r->ratio.high)
			snprintf(spread, sizeof spread, "%s..%s", number(r->ratio.low, low),
				 number(r->ratio.high, high));
	}
	if (p != NULL)
		number(p->at_most, most);
	snprintf(value, sizeof value, "%s %s", number(r->value / scale, digits), unit);
	int n = fprintf(out, "%6s %12s %7s %-6s %16s %7s  ", ratio, spread, most, bench_verdict(r),
			value, floor);
	snprintf(words, sizeof words, "%s%s%s%s%s", r->variant, r->floor_name != NULL ? " / " : "",
		 r->floor_name != NULL ? r->floor_name : "", note != NULL ? "; " : "",
		 note != NULL ? note : "");
	print_words(words, n > 0 ? (size_t)n : FIGURES, FIGURES + 2, out);
}

static void print_floor(const struct bench_scenario *s, FILE *out)
{
	print_labelled("floor:", s->floor, out);
	print_labelled("leaves out:", s->leaves_out, out);
}

/* What was promised and what came of it, in one place. */
static void print_summary(const struct bench *b, FILE *out)
{
	size_t aim = 0, met = 0, missed = 0, unsure = 0;
	for (size_t i = 0; i < b->n_lines; i++) {
		const char *verdict = b->lines[i].skipped ? "" : bench_verdict(&b->lines[i].row);
		aim += strcmp(verdict, "aim") == 0;
		met += strcmp(verdict, "met") == 0;
		missed += strcmp(verdict, "missed") == 0;
		unsure += strcmp(verdict, "unsure") == 0;
	}
	fprintf(out, "\nTargets: %zu at the aim, %zu met, %zu missed, %zu unsure%s\n", aim, met,
		missed, unsure, b->errors > 0 ? "; some scenarios FAILED, see stderr" : "");
}

bool bench_print_table(const struct bench *b, FILE *out)
{
	const struct bench_group *group = NULL;

	print_machine(b, out);
	for (size_t i = 0; i < b->n_lines; i++) {
		const struct bench_line *line = &b->lines[i];
		if (line->group != group)
			print_group(line->group, out);
		group = line->group;
		if (i == 0 || line[-1].scenario != line->scenario)
			fprintf(out, "  %s\n", line->scenario->name);
		print_line(b, line, out);
		if (i + 1 == b->n_lines || b->lines[i + 1].scenario != line->scenario)
			print_floor(line->scenario, out);
	}
	print_summary(b, out);
	return fflush(out) == 0 && ferror(out) == 0;
}

bool bench_print_list(const struct bench_options *o, FILE *out)
{
	for (const struct bench_group *const *g = bench_groups; *g != NULL; g++) {
		bool titled = false;
		for (size_t i = 0; i < (*g)->n; i++) {
			if (!bench_wanted(o, *g, &(*g)->scenarios[i]))
				continue;
			if (!titled)
				fprintf(out, "%s: %s\n", (*g)->name, (*g)->title);
			titled = true;
			fprintf(out, "  %-24s %s\n", (*g)->scenarios[i].name,
				(*g)->scenarios[i].help);
		}
	}
	return fflush(out) == 0 && ferror(out) == 0;
}
