/* decode.c - bookcast-decode: recorded frames through the adapter of the gateway.
 *
 * What the adapter understood goes to stdout, one event a line; what it refused goes to stderr
 * with the number of its line, and then the exit status is 1. */
#include "common/text.h"
#include "common/version.h"
#include "publisher/decode_input.h"
#include "publisher/decode_print.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_SNAPSHOTS 256
#define MAX_EXCHANGES 32

static const char usage[] =
	"usage: bookcast decode EXCHANGE [options] [FILE|-]\n"
	"Reads raw frames of an exchange, one a line, plain or zstd, and prints what they mean.\n"
	"\n"
	"  --json                  one JSON object a line, instead of a table\n"
	"  --control               also acknowledgements, errors and pongs\n"
	"  --depth N               levels a side of each book; default: all\n"
	"  --times ns|iso          times in JSON: integers, or text; default: ns\n"
	"  --snapshot SYMBOL=FILE  REST body to hand over when the adapter asks for that symbol\n"
	"  --final-book            print each symbol's book at the end, and nothing else\n"
	"  --help, --version\n"
	"\n"
	"Exit status: 0 all was understood; 1 usage, input or output failed, or a line was not.\n";

struct snapshot {
	const char *symbol, *path; /* symbol ends at the '=' */
	size_t n_symbol;
};

struct decoder {
	const struct bc_exchange *exchange;
	void *state;
	struct printer_options print;
	const char *path;
	struct snapshot snapshots[MAX_SNAPSHOTS];
	size_t n_snapshots;
	struct printer *printer;
	const struct snapshot *asked[MAX_SNAPSHOTS]; /* by the input being read */
	size_t n_asked;
	unsigned long long line, refused;
};

/* ------------------------------------------------------------------ what the adapter says */

static void on_event(void *self, const struct bc_event *event)
{
	struct decoder *d = self;
	print_event(d->printer, event);
}

static void on_control(void *self, const struct bc_control *control)
{
	struct decoder *d = self;
	print_control(d->printer, control);
}

static void on_reject(void *self, const struct bc_reject *reject)
{
	struct decoder *d = self;
	char row[1024];
	struct bc_text t = bc_text_on(row, sizeof row);

	d->refused++;
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

static void on_request(void *self, const struct bc_request *request)
{
	struct decoder *d = self;

	if (request->kind != BC_REQUEST_GET || request->rest != BC_REST_SNAPSHOT)
		return;
	for (size_t i = 0; i < d->n_snapshots; i++) {
		const struct snapshot *s = &d->snapshots[i];
		if (d->n_asked < MAX_SNAPSHOTS &&
		    bc_str_equal(request->symbol, (bc_str){ s->symbol, s->n_symbol }))
			d->asked[d->n_asked++] = s;
	}
}

/* ------------------------------------------------------------------ what it is given */

static void give(struct decoder *d, const struct bc_input *input)
{
	const struct bc_feed_sink sink = { d, on_event, on_control, on_reject, on_request };
	unsigned long long before = d->refused;

	if (d->exchange->on_input(d->state, input, &sink) != BC_OK && d->refused == before) {
		d->refused++;
		fprintf(stderr, "line %llu: not understood\n", d->line);
	}
}

static bool give_snapshot(struct decoder *d, const struct snapshot *s)
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
			.symbol = { s->symbol, s->n_symbol },
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
	while (d->n_asked > 0)
		if (!give_snapshot(d, d->asked[--d->n_asked]))
			return false;
	return true;
}

/* False: input or output failed, and stderr has said so. */
static bool decode_file(struct decoder *d)
{
	struct lines *lines;
	char why[200];
	bc_str line;
	bc_status status = lines_open(&lines, d->path, why, sizeof why);
	bool good = true;

	if (status != BC_OK) {
		fprintf(stderr, "bookcast-decode: %s: %s\n", d->path, why);
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
			fprintf(stderr, "bookcast-decode: %s, line %llu: %s\n", d->path, d->line,
				status == BC_EIO ? lines_why(lines) : bc_status_text(status));
			good = false;
		}
	}
	lines_close(&lines);
	status = printer_end(d->printer);
	if (status != BC_OK)
		fprintf(stderr, "bookcast-decode: standard output: %s\n", bc_status_text(status));
	return good && status == BC_OK;
}

/* ------------------------------------------------------------------ arguments */

static bool complain(const char *what, const char *value, const char *right)
{
	fprintf(stderr, "bookcast-decode: %s '%s': %s\n", what, value, right);
	return false;
}

static bool take_exchange(struct decoder *d, const char *id)
{
	const char *known[MAX_EXCHANGES], *near;
	size_t n = 0;

	d->exchange = bc_exchange_find(id);
	if (d->exchange != NULL)
		return true;
	for (; bc_exchanges[n] != NULL && n < MAX_EXCHANGES; n++)
		known[n] = bc_exchanges[n]->id;
	near = bc_text_nearest(id, known, n);
	fprintf(stderr, "bookcast-decode: unknown exchange '%s'", id);
	if (near != NULL)
		fprintf(stderr, ", did you mean '%s'?", near);
	fprintf(stderr, " (bookcast exchanges lists them)\n");
	return false;
}

static bool take_depth(struct decoder *d, const char *text)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (end == text || *end != '\0' || n < 1 || n > 100000)
		return complain("--depth", text, "a number of levels, from 1 on");
	d->print.depth = (uint32_t)n;
	return true;
}

static bool take_times(struct decoder *d, const char *text)
{
	if (strcmp(text, "iso") == 0)
		d->print.times = BC_JSON_TIMES_ISO;
	else if (strcmp(text, "ns") != 0)
		return complain("--times", text, "ns or iso");
	return true;
}

static bool take_snapshot(struct decoder *d, const char *text)
{
	const char *equals = strchr(text, '=');

	if (equals == NULL || equals == text || equals[1] == '\0')
		return complain("--snapshot", text, "SYMBOL=FILE");
	if (d->n_snapshots == MAX_SNAPSHOTS)
		return complain("--snapshot", text, "too many of them");
	if (access(equals + 1, R_OK) != 0) /* now, even if nobody is going to ask for it */
		return complain("--snapshot", text, strerror(errno));
	d->snapshots[d->n_snapshots++] =
		(struct snapshot){ text, equals + 1, (size_t)(equals - text) };
	return true;
}

enum {
	OPT_JSON = 256,
	OPT_CONTROL,
	OPT_DEPTH,
	OPT_TIMES,
	OPT_SNAPSHOT,
	OPT_FINAL,
	OPT_HELP,
	OPT_VERSION
};

static const struct option options[] = {
	{ "json", no_argument, NULL, OPT_JSON },
	{ "control", no_argument, NULL, OPT_CONTROL },
	{ "depth", required_argument, NULL, OPT_DEPTH },
	{ "times", required_argument, NULL, OPT_TIMES },
	{ "snapshot", required_argument, NULL, OPT_SNAPSHOT },
	{ "final-book", no_argument, NULL, OPT_FINAL },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ NULL, 0, NULL, 0 },
};

static bool take_option(struct decoder *d, int option)
{
	switch (option) {
	case OPT_JSON:
		d->print.json = true;
		return true;
	case OPT_CONTROL:
		d->print.control = true;
		return true;
	case OPT_FINAL:
		d->print.final_book = true;
		return true;
	case OPT_DEPTH:
		return take_depth(d, optarg);
	case OPT_TIMES:
		return take_times(d, optarg);
	case OPT_SNAPSHOT:
		return take_snapshot(d, optarg);
	default: /* getopt has said what it does not know */
		fputs("Try bookcast decode --help.\n", stderr);
		return false;
	}
}

enum asked { RUN, DONE, BAD };

static enum asked take_arguments(struct decoder *d, int argc, char **argv)
{
	for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		if (option == OPT_HELP || option == OPT_VERSION) {
			if (option == OPT_HELP)
				fputs(usage, stdout);
			else
				printf("bookcast-decode %s (%s)\n", bc_version, bc_version_git);
			return DONE;
		}
		if (!take_option(d, option))
			return BAD;
	}
	if (optind == argc || argc - optind > 2) {
		fputs(usage, stderr);
		return BAD;
	}
	if (!take_exchange(d, argv[optind]))
		return BAD;
	d->print.exchange = d->exchange->id;
	d->path = optind + 1 < argc ? argv[optind + 1] : "-";
	return RUN;
}

static bool start_adapter(struct decoder *d)
{
	const struct bc_feed_options none = { .group_by = { 0, 0 } };
	const char *why = "";

	d->state = calloc(1, d->exchange->state_size);
	d->printer = printer_new(&d->print);
	if (d->state == NULL || d->printer == NULL) {
		fputs("bookcast-decode: out of memory\n", stderr);
		return false;
	}
	if (d->exchange->start(d->state, &none, &why) != BC_OK)
		return complain("exchange", d->exchange->id, why);
	return true;
}

int main(int argc, char **argv)
{
	static struct decoder d;
	bool good;
	enum asked asked = take_arguments(&d, argc, argv);

	if (asked != RUN)
		return asked == DONE ? EXIT_SUCCESS : EXIT_FAILURE;
	good = start_adapter(&d) && decode_file(&d);
	printer_free(&d.printer);
	free(d.state);
	return good && d.refused == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
