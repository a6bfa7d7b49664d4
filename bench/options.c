#include "bench/options.h"

#include "common/text.h"
#include "common/version.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#define MAX_KNOWN 256

static const char usage[] =
	"usage: bookcast bench [options]\n"
	"Measures on this machine what bookcast costs, beside floors measured in the same\n"
	"run, and prints a table, ratios first: below 1 is better than the floor.\n"
	"\n"
	"  --list         what can be measured, and stop\n"
	"  --only GLOB    scenarios or groups of this name only; may be repeated\n"
	"  --quick        a moment each: to see that it works, not for figures\n"
	"  --rounds N     rounds in which everybody runs once; default: 15\n"
	"  --seconds S    what a row may take, all its rounds together; default: 1\n"
	"  --json         one JSON object a line, instead of the table\n"
	"  --save FILE    the JSON to a file as well\n"
	"  --help, --version\n"
	"\n"
	"BOOKCAST_CAPTURES: a directory of recorded exchange messages; what needs them is\n"
	"left out else.\n"
	"Exit status: 0 everything was measured; 1 usage, or a scenario failed (stderr\n"
	"says which). A figure is never a failure.\n";

static bool complain(const char *what, const char *value, const char *right)
{
	fprintf(stderr, "bookcast-bench: %s '%s': %s\n", what, value, right);
	return false;
}

static bool take_rounds(struct bench_options *o, const char *text)
{
	char *end;
	long n = strtol(text, &end, 10);
	if (end == text || *end != '\0' || n < 1 || n > 1000)
		return complain("--rounds", text, "a number from 1 to 1000");
	o->rounds = (size_t)n;
	return true;
}

static bool take_seconds(struct bench_options *o, const char *text)
{
	char *end;
	double s = strtod(text, &end);
	if (end == text || *end != '\0' || !(s >= 0.001 && s <= 600))
		return complain("--seconds", text, "a number from 0.001 to 600");
	o->seconds = s;
	return true;
}

/* A glob that fits nothing is a mistake, and probably a small one. */
static bool take_only(struct bench_options *o, const char *glob)
{
	const struct bench_options one = { .only = { glob }, .n_only = 1 };
	const char *known[MAX_KNOWN], *near;
	size_t n = 0;

	for (const struct bench_group *const *g = bench_groups; *g != NULL; g++) {
		if (n < MAX_KNOWN)
			known[n++] = (*g)->name;
		for (size_t i = 0; i < (*g)->n; i++) {
			if (bench_wanted(&one, *g, &(*g)->scenarios[i])) {
				if (o->n_only == BENCH_MAX_ONLY)
					return complain("--only", glob, "too many of them");
				o->only[o->n_only++] = glob;
				return true;
			}
			if (n < MAX_KNOWN)
				known[n++] = (*g)->scenarios[i].name;
		}
	}
	near = bc_text_nearest(glob, known, n);
	fprintf(stderr, "bookcast-bench: --only '%s': no scenario and no group is called so", glob);
	if (near != NULL)
		fprintf(stderr, "; did you mean '%s'?", near);
	fputs(" (--list lists them)\n", stderr);
	return false;
}

enum {
	OPT_LIST = 256,
	OPT_ONLY,
	OPT_QUICK,
	OPT_ROUNDS,
	OPT_SECONDS,
	OPT_JSON,
	OPT_SAVE,
	OPT_HELP,
	OPT_VERSION
};

static const struct option options[] = {
	{ "list", no_argument, NULL, OPT_LIST },
	{ "only", required_argument, NULL, OPT_ONLY },
	{ "quick", no_argument, NULL, OPT_QUICK },
	{ "rounds", required_argument, NULL, OPT_ROUNDS },
	{ "seconds", required_argument, NULL, OPT_SECONDS },
	{ "json", no_argument, NULL, OPT_JSON },
	{ "save", required_argument, NULL, OPT_SAVE },
	{ "help", no_argument, NULL, OPT_HELP },
	{ "version", no_argument, NULL, OPT_VERSION },
	{ NULL, 0, NULL, 0 },
};

static bool take_option(struct bench_options *o, int option)
{
	switch (option) {
	case OPT_LIST:
		o->list = true;
		return true;
	case OPT_QUICK:
		o->quick = true;
		return true;
	case OPT_JSON:
		o->json = true;
		return true;
	case OPT_SAVE:
		o->save = optarg;
		return true;
	case OPT_ONLY:
		return take_only(o, optarg);
	case OPT_ROUNDS:
		return take_rounds(o, optarg);
	case OPT_SECONDS:
		return take_seconds(o, optarg);
	default: /* getopt has said what it does not know */
		fputs("Try bookcast bench --help.\n", stderr);
		return false;
	}
}

enum bench_asked bench_options_read(struct bench_options *o, int argc, char **argv)
{
	for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
		if (option == OPT_HELP || option == OPT_VERSION) {
			if (option == OPT_HELP)
				fputs(usage, stdout);
			else
				printf("bookcast-bench %s (%s)\n", bc_version, bc_version_git);
			return BENCH_DONE;
		}
		if (!take_option(o, option))
			return BENCH_BAD;
	}
	if (optind < argc) {
		complain("argument", argv[optind],
			 "only options are taken; --only chooses scenarios");
		return BENCH_BAD;
	}
	return BENCH_RUN;
}
