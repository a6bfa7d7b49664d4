/* decode.c - bookcast-decode: recorded frames through the adapter of the gateway.
 *
 * What the adapter understood goes to stdout, one event a line; what it refused goes to stderr
 * with the number of its line, and then the exit status is 1. */
#include "common/text.h"
#include "publisher/decode_input.h"
#include "publisher/decode_options.h"

#include <stdio.h>
#include <stdlib.h>

struct decoder {
	struct decode_options o;
	void *state; /* of the adapter */
	struct printer *printer;
	struct books *books; /* NULL: neither asked for nor needed */
	unsigned long long line, refused;
};

/* ------------------------------------------------------------------ what the adapter says */

static void on_event(void *self, const struct bc_event *event)
{
	struct decoder *d = self;
	if (d->books != NULL)
		books_event(d->books, event);
	if (!d->o.final_book)
		print_event(d->printer, event);
}

static void on_control(void *self, const struct bc_control *control)
{
	struct decoder *d = self;
	if (!d->o.final_book)
		print_control(d->printer, control);
}

static void on_reject(void *self, const struct bc_reject *reject)
{
	struct decoder *d = self;
	char row[1024];
	struct bc_text t = bc_text_on(row, sizeof row);

	d->refused++;
	if (d->books != NULL)
		books_reject(d->books, reject);
	bc_text_addf(&t, "line %llu: ", d->line);
	if (reject->symbol.n > 0) {
		bc_text_add_escaped(&t, reject->symbol, 64);
		bc_text_add(&t, BC_STR(": "));
	}
	bc_text_add_escaped(&t, reject->what, 200);
	bc_text_addf(&t, ": %s", bc_status_text(reject->why));
	if (reject->value.n > 0) {
		bc_text_add(&t, BC_STR(": \""));
		bc_text_add_escaped(&t, reject->value, 80);
		bc_text_add(&t, BC_STR("\""));
	}
	bc_text_addf(&t, " (at byte %zu)", reject->offset);
	fprintf(stderr, "%s\n", row);
}

/* A recording can be asked for nothing. */
static void on_request(void *self, const struct bc_request *request)
{
	(void)self;
	(void)request;
}

/* ------------------------------------------------------------------ what it is given */

static void give(struct decoder *d, const struct bc_input *input)
{
	const struct bc_feed_sink sink = { d, on_event, on_control, on_reject, on_request };
	unsigned long long before = d->refused;

	if (d->o.exchange->on_input(d->state, input, &sink) != BC_OK && d->refused == before) {
		d->refused++;
		fprintf(stderr, "line %llu: not understood\n", d->line);
	}
}

static bool give_snapshot(struct decoder *d, const struct snapshot_file *s)
{
	char why[200], *bytes;
	size_t n;

	if (file_read(s->path, &bytes, &n, why, sizeof why) != BC_OK) {
		fprintf(stderr, "bookcast-decode: --snapshot %s: %s\n", s->path, why);
		return false;
	}
	give(d, &(struct bc_input){
			.kind = BC_INPUT_REST,
			.bytes = bytes,
			.n_bytes = n,
			.wall = { BC_TIME_UNKNOWN },
			.rest = BC_REST_SNAPSHOT,
			.symbol = s->symbol,
		});
	free(bytes);
	return true;
}

static bool decode_line(struct decoder *d, bc_str line)
{
	give(d, &(struct bc_input){
			.kind = BC_INPUT_TEXT,
			.bytes = line.p,
			.n_bytes = line.n,
			.wall = { BC_TIME_UNKNOWN },
		});
	const struct snapshot_file *wanted;
	while (d->books != NULL && (wanted = books_wanted(d->books)) != NULL)
		if (!give_snapshot(d, wanted))
			return false;
	return true;
}

/* The books, if they were asked for, and whatever else did not go out yet. */
static bool print_end(struct decoder *d)
{
	struct final_book book;
	bc_status status = d->books != NULL ? books_status(d->books) : BC_OK;

	for (size_t i = 0; d->o.final_book && status == BC_OK && i < books_count(d->books); i++)
		if ((status = books_final(d->books, i, &book)) == BC_OK)
			print_final(d->printer, &book);
	if (status != BC_OK) {
		fprintf(stderr, "bookcast-decode: %s\n", bc_status_text(status));
		return false;
	}
	status = printer_end(d->printer);
	if (status != BC_OK)
		fprintf(stderr, "bookcast-decode: standard output: %s\n", bc_status_text(status));
	return status == BC_OK;
}

/* False: input or output failed, and stderr has said so. */
static bool decode_file(struct decoder *d)
{
	struct lines *lines;
	char why[200];
	bc_str line;
	bc_status status = lines_open(&lines, d->o.path, why, sizeof why);
	bool good = true;

	if (status != BC_OK) {
		fprintf(stderr, "bookcast-decode: %s: %s\n", d->o.path, why);
		return false;
	}
	while (good && (status = lines_next(lines, &line)) != BC_ENOTFOUND) {
		d->line++;
		if (status == BC_OK) {
			good = line.n == 0 || decode_line(d, line);
		} else if (status == BC_ERANGE) {
			d->refused++;
			fprintf(stderr, "line %llu: longer than %u bytes\n", d->line,
				DECODE_MAX_LINE);
		} else {
			fprintf(stderr, "bookcast-decode: %s, line %llu: %s\n", d->o.path, d->line,
				status == BC_EIO ? lines_why(lines) : bc_status_text(status));
			good = false;
		}
	}
	lines_close(&lines);
	return print_end(d) && good;
}

static bool start(struct decoder *d)
{
	const struct bc_feed_options none = { .group_by = { 0, 0 } };
	const char *why = "";
	bool books = d->o.final_book || d->o.n_snapshots > 0;

	d->state = calloc(1, d->o.exchange->state_size);
	d->printer = printer_new(&d->o.print);
	if (books)
		d->books = books_new(d->o.exchange, d->o.snapshots, d->o.n_snapshots);
	if (d->state == NULL || d->printer == NULL || (books && d->books == NULL)) {
		fputs("bookcast-decode: out of memory\n", stderr);
		return false;
	}
	if (d->o.exchange->start(d->state, &none, &why) == BC_OK)
		return true;
	fprintf(stderr, "bookcast-decode: %s: %s\n", d->o.exchange->id, why);
	return false;
}

int main(int argc, char **argv)
{
	static struct decoder d;
	bool good;
	enum decode_asked asked = decode_options_read(&d.o, argc, argv);

	if (asked != DECODE_RUN)
		return asked == DECODE_DONE ? EXIT_SUCCESS : EXIT_FAILURE;
	good = start(&d) && decode_file(&d);
	books_free(&d.books);
	printer_free(&d.printer);
	free(d.state);
	return good && d.refused == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
