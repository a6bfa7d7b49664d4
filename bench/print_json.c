/* One object a line: the run, its rows, its end. Numbers have six digits; what is not known is
 * null. */
#include "bench/run.h"

#include "common/json_writer.h"

#include <string.h>

static void add_number(struct bc_json_writer *w, const char *name, double value)
{
	char text[32];
	bc_decimal d;

	bc_json_key(w, bc_str_of(name));
	snprintf(text, sizeof text, "%.6g", value);
	if (isfinite(value) && bc_decimal_parse(text, strlen(text), &d) == BC_OK)
		bc_json_number(w, d);
	else
		bc_json_null(w);
}

static void write_run(struct bc_json_writer *w, const struct bench *b)
{
	const struct bench_machine *m = &b->machine;
	bc_json_object(w);
	bc_json_put_text(w, "type", "run");
	bc_json_put_text(w, "date", m->date);
	bc_json_put_text(w, "build", m->build);
	bc_json_put_text(w, "compiler", m->compiler);
	bc_json_put_text(w, "flags", m->flags);
	bc_json_put_bool(w, "optimized", m->optimized);
	bc_json_put_text(w, "cpu", m->cpu);
	add_number(w, "cores", (double)m->cores);
	bc_json_put_text(w, "kernel", m->kernel);
	bc_json_put_text(w, "libraries", m->libraries);
	bc_json_put_bool(w, "quick", b->o.quick);
	bc_json_put_bool(w, "captures", bench_captures(b) != NULL);
	add_number(w, "rounds", (double)bench_rounds(b));
	add_number(w, "seconds", bench_seconds(b));
	bc_json_object_end(w);
}

static void write_line(struct bc_json_writer *w, const struct bench_line *line)
{
	const struct bench_row *r = &line->row;
	const struct bench_promise *p = bench_promise(r->target);
	bool floor = r->floor_name != NULL;

	bc_json_object(w);
	bc_json_put_text(w, "type", line->skipped ? "left out" : "row");
	bc_json_put_text(w, "stage", line->group->name);
	bc_json_put_text(w, "scenario", line->scenario->name);
	bc_json_put_text(w, "variant", r->variant);
	bc_json_put_text(w, "unit", r->unit);
	add_number(w, "value", r->value);
	bc_json_put_text(w, "floor_name", r->floor_name);
	add_number(w, "floor", floor ? r->floor : NAN);
	add_number(w, "ratio", floor ? r->ratio.median : NAN);
	add_number(w, "ratio_low", floor ? r->ratio.low : NAN);
	add_number(w, "ratio_high", floor ? r->ratio.high : NAN);
	bc_json_put_text(w, "target", p != NULL ? p->what : NULL);
	add_number(w, "at_most", p != NULL ? p->at_most : NAN);
	add_number(w, "aim", p != NULL ? p->aim : NAN);
	bc_json_put_text(w, "verdict", p != NULL ? bench_verdict(r) : NULL);
	bc_json_put_text(w, "curve", r->curve);
	add_number(w, "x", r->curve != NULL ? r->x : NAN);
	bc_json_put_text(w, "note", r->note);
	bc_json_object_end(w);
}

static void write_end(struct bc_json_writer *w, const struct bench *b)
{
	bc_json_object(w);
	bc_json_put_text(w, "type", "end");
	add_number(w, "rows", (double)b->n_lines);
	add_number(w, "errors", (double)b->errors);
	bc_json_object_end(w);
}

bool bench_print_json(const struct bench *b, FILE *out)
{
	struct bc_json_writer w;
	char buffer[4096];
	bc_status status;

	bc_json_start(&w, buffer, sizeof buffer, bc_json_to_file, out);
	write_run(&w, b);
	status = bc_json_end(&w, "\n");
	for (size_t i = 0; i < b->n_lines && status == BC_OK; i++) {
		write_line(&w, &b->lines[i]);
		status = bc_json_end(&w, "\n");
	}
	write_end(&w, b);
	if (status == BC_OK)
		status = bc_json_end(&w, "\n");
	return status == BC_OK && fflush(out) == 0;
}
