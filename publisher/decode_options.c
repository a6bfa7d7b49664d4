#include "publisher/decode_options.h"

#include "common/text.h"
#include "common/version.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_EXCHANGES 32

static const char usage[] =
	"usage: bookcast decode EXCHANGE [options] [FILE|-]\n"
	"Reads raw frames of an exchange, one a line, plain or zstd, and prints what they\n"
	"mean.\n"
	"\n"
	"  --json                  one JSON object a line, instead of a table\n"
	"  --control               also acknowledgements, errors and pongs\n"
	"  --depth N               levels a side of each book; default: all\n"
	"  --times ns|iso          times in JSON: integers, or text; default: ns\n"
	"  --snapshot SYMBOL=FILE  REST body to hand over when that symbol wants one;\n"
	"                          several of a symbol one after the other\n"
	"  --final-book            print each symbol's book at the end, and nothing else\n"
	"  --help, --version\n"
	"\n"
	"Exit status: 0 all was understood; 1 usage, input or output failed, or a line\n"
	"was not.\n";

static bool complain(const char *what, const char *value, const char *right)
{
	fprintf(stderr, "bookcast-decode: %s '%s': %s\n", what, value, right);
	return false;
}

static bool take_exchange(struct decode_options *o, const char *id)
{
	const char *known[MAX_EXCHANGES], *near;
	size_t n = 0;

	o->exchange = bc_exchange_find(id);
	if (o->exchange != NULL)
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

static bool take_depth(struct decode_options *o, const char *text)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (end == text || *end != '\0' || n < 1 || n > 100000)
		return complain("--depth", text, "a number of levels, from 1 on");
	o->print.depth = (uint32_t)n;
	return true;
}

static bool take_times(struct decode_options *o, const char *text)
{
	if (strcmp(text, "iso") == 0)
		o->print.times = BC_JSON_TIMES_ISO;
	else if (strcmp(text, "ns") != 0)
		return complain("--times", text, "ns or iso");
	return true;
}

static bool take_snapshot(struct decode_options *o, const char *text)
{
	const char *equals = strchr(text, '=');

	if (equals == NULL || equals == text || equals[1] == '\0')
		return complain("--snapshot", text, "SYMBOL=FILE");
	if (o->n_snapshots == DECODE_MAX_SNAPSHOTS)
		return complain("--snapshot", text, "too many of them");
	if (access(equals + 1, R_OK) != 0) /* now, even if nobody is going to ask for it */
		return complain("--snapshot", text, strerror(errno));
	o->snapshots[o->n_snapshots++] =
		(struct snapshot_file){ { text, (size_t)(equals - text) }, equals + 1 };
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

static bool take_option(struct decode_options *o, int option)
{
	switch (option) {
	case OPT_JSON:
		o->print.json = true;
		return true;
	case OPT_CONTROL:
		o->print.control = true;
		return true;
	case OPT_FINAL:
		o->final_book = true;
		return true;
	case OPT_DEPTH:
		return take_depth(o, optarg);
	case OPT_TIMES:
		return take_times(o, optarg);
	case OPT_SNAPSHOT:
		return take_snapshot(o, optarg);
	default: /* getopt has said what it does not know */
		fputs("Try bookcast decode --help.\n", stderr);
		return false;
	}
}

enum decode_asked decode_options_read(struct decode_options *o, int argc, char **argv)
{
	for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		if (option == OPT_HELP || option == OPT_VERSION) {
			if (option == OPT_HELP)
				fputs(usage, stdout);
			else
				printf("bookcast-decode %s (%s)\n", bc_version, bc_version_git);
			return DECODE_DONE;
		}
		if (!take_option(o, option))
			return DECODE_BAD;
	}
	if (optind == argc || argc - optind > 2) {
		fputs(usage, stderr);
		return DECODE_BAD;
	}
	if (!take_exchange(o, argv[optind]))
		return DECODE_BAD;
	o->print.exchange = o->exchange->id;
	o->path = optind + 1 < argc ? argv[optind + 1] : "-";
	return DECODE_RUN;
}
