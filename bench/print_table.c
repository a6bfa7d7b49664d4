#include "bench/run.h"

#include "common/text.h"

#include <string.h>

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
		snprintf(out, 32, size >= 0.01 || size == 0 ? "%.2f" : "%.2g", value);
	return out;
}

static const char *with_unit(double value, const char *unit, char out[64])
{
	char digits[32];
	if (strcmp(unit, "ns") == 0 && fabs(value) >= 1e6)
		snprintf(out, 64, "%s ms", number(value / 1e6, digits));
	else if (strcmp(unit, "ns") == 0 && fabs(value) >= 1e4)
		snprintf(out, 64, "%s us", number(value / 1e3, digits));
	else if (fabs(value) >= 1e7)
		snprintf(out, 64, "%s M %s", number(value / 1e6, digits), unit);
	else
		snprintf(out, 64, "%s %s", number(value, digits), unit);
	return out;
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
	fprintf(out, "\n%s: %s\n%7s %13s %9s  %-6s %14s %14s\n", group->name, group->title, "ratio",
		"quartiles", "at most", "", "bookcast", "floor");
}

static void print_line(const struct bench_line *line, FILE *out)
{
	const struct bench_row *r = &line->row;
	const struct bench_promise *p = bench_promise(r->target);
	const char *scenario = strchr(line->scenario->name, '.');
	char ratio[32] = "", low[32], high[32], spread[72] = "", most[32] = "", value[64] = "",
	     floor[64] = "";

	if (line->skipped) {
		fprintf(out, "%69s  %s %s: left out: %s\n", "",
			scenario != NULL ? scenario + 1 : line->scenario->name, r->variant,
			r->note);
		return;
	}
	if (r->floor_name != NULL) {
		number(r->ratio.median, ratio);
		with_unit(r->floor, r->unit, floor);
		if (r->ratio.low < r->ratio.high)
			snprintf(spread, sizeof spread, "%s..%s", number(r->ratio.low, low),
				 number(r->ratio.high, high));
	}
	if (p != NULL)
		number(p->at_most, most);
	fprintf(out, "%7s %13s %9s  %-6s %14s %14s  %s %s%s%s%s%s\n", ratio, spread, most,
		bench_verdict(r), with_unit(r->value, r->unit, value), floor,
		scenario != NULL ? scenario + 1 : line->scenario->name, r->variant,
		r->floor_name != NULL ? " / " : "", r->floor_name != NULL ? r->floor_name : "",
		r->note != NULL ? "; " : "", r->note != NULL ? r->note : "");
}

static void print_floor(const struct bench_scenario *s, FILE *out)
{
	if (s->floor != NULL)
		fprintf(out, "  %s: floor: %s%s%s\n", s->name, s->floor,
			s->leaves_out != NULL ? "; it leaves out: " : "",
			s->leaves_out != NULL ? s->leaves_out : "");
}

/* What was promised and what came of it, in one place. */
static void print_summary(const struct bench *b, FILE *out)
{
	size_t aim = 0, met = 0, missed = 0;
	for (size_t i = 0; i < b->n_lines; i++) {
		const char *verdict = b->lines[i].skipped ? "" : bench_verdict(&b->lines[i].row);
		aim += strcmp(verdict, "aim") == 0;
		met += strcmp(verdict, "met") == 0;
		missed += strcmp(verdict, "missed") == 0;
	}
	fprintf(out, "\nTargets: %zu at the aim, %zu met, %zu missed%s\n", aim, met, missed,
		b->errors > 0 ? "; some scenarios FAILED, see stderr" : "");
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
		print_line(line, out);
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
