/* The command line, by getopt_long; its options are made from config.def. */
#include "common/config_inside.h"

#include "common/text.h"

#include <getopt.h>
#include <stdlib.h>
#include <string.h>

enum { OPTION_CONFIG = BC_N_KEYS + 1000, OPTION_CHECK, OPTION_HELP, OPTION_VERSION, OPTION_EXTRA };
#define OPTIONS_MAX (BC_N_KEYS + 64)

struct options {
	struct option list[OPTIONS_MAX + 1];
	size_t n;
	char letters[2 * 26 + 2]; /* those of one letter, as getopt wants them */
};

static void add_option(struct options *o, const char *name, int argument, int value)
{
	if (o->n < OPTIONS_MAX)
		o->list[o->n++] = (struct option){ name, argument, NULL, value };
}

static void make_options(struct options *o, enum bc_program program,
			 const struct bc_config_more *more)
{
	for (int i = 0; i < BC_N_KEYS; i++)
		if (bc_keys[i].programs & program)
			add_option(o, bc_keys[i].flag,
				   bc_keys[i].type == BC_TYPE_BOOL ? optional_argument
								   : required_argument,
				   1000 + i);
	if (program != BC_CLI) {
		add_option(o, "config", required_argument, OPTION_CONFIG);
		add_option(o, "check", no_argument, OPTION_CHECK);
	}
	add_option(o, "help", no_argument, OPTION_HELP);
	add_option(o, "version", no_argument, OPTION_VERSION);
	strcpy(o->letters, ":");
	for (size_t i = 0; more != NULL && i < more->n_flags; i++) {
		const struct bc_verb_flag *f = &more->flags[i];
		if (f->name[1] == '\0' && strlen(o->letters) + 2 < sizeof o->letters)
			strcat(strcat(o->letters, f->name), f->argument != NULL ? ":" : "");
		else
			add_option(o, f->name,
				   f->argument != NULL ? required_argument : no_argument,
				   OPTION_EXTRA + (int)i);
	}
}

static void unknown_flag(struct bc_config *c, const struct options *o, const char *word)
{
	const char *known[OPTIONS_MAX];
	char name[64];
	for (size_t i = 0; i < o->n; i++)
		known[i] = o->list[i].name;
	snprintf(name, sizeof name, "%.*s", (int)strcspn(word, "="), word);
	const char *near = bc_text_nearest(name + strspn(name, "-"), known, o->n);
	if (near != NULL)
		bc_config_error(c, "", "", name, "no such option; did you mean --%s?", near);
	else
		bc_config_error(c, "", "", name, "no such option; --help lists them");
}

/* getopt_long takes any unambiguous beginning of a name; what is short today is ambiguous after
 * the next option, so only whole names count. */
static bool whole_name(const char *word, const char *name)
{
	size_t n = strlen(name);
	return strncmp(word, "--", 2) == 0 && strncmp(word + 2, name, n) == 0 &&
	       (word[2 + n] == '\0' || word[2 + n] == '=');
}

/* The word of argv that getopt_long has just read an option from. */
static const char *option_word(char **argv, const struct option *option)
{
	bool apart =
		option->has_arg == required_argument && optarg == argv[optind - 1] && optind > 1;
	return argv[optind - 1 - (apart ? 1 : 0)];
}

static void take(struct bc_config_flags *out, const struct bc_config_more *more, int value)
{
	if (value == OPTION_CONFIG)
		out->config_file = optarg;
	else if (value == OPTION_CHECK)
		out->check = true;
	else if (value == OPTION_HELP)
		out->help = true;
	else if (value == OPTION_VERSION)
		out->version = true;
	else if (value >= OPTION_EXTRA)
		more->flags[value - OPTION_EXTRA].value = optarg != NULL ? optarg : "";
	else {
		out->given[out->n_given].key = (enum bc_key)(value - 1000);
		out->given[out->n_given++].text = optarg != NULL ? optarg : "true";
	}
}

static void take_letter(const struct bc_config_more *more, int letter)
{
	for (size_t i = 0; i < more->n_flags; i++)
		if (more->flags[i].name[0] == letter && more->flags[i].name[1] == '\0')
			more->flags[i].value = optarg != NULL ? optarg : "";
}

static void bad_option(struct bc_config *c, const struct options *o, char **argv, int answer)
{
	const char *word = argv[optind - 1];
	if (answer == ':')
		bc_config_error(c, "", "", NULL, "%s needs a value", word);
	else if (optopt >= 1000)
		bc_config_error(c, "", "", word, "takes no value");
	else if (optopt != 0) {
		char letter[3] = { '-', (char)optopt, '\0' };
		bc_config_error(c, "", "", letter, "no such option; --help lists them");
	} else
		unknown_flag(c, o, word);
}

static void take_arguments(struct bc_config *c, int argc, char **argv, bool takes_args, int *n_args)
{
	*n_args = argc - optind;
	for (int i = 0; i < *n_args; i++) {
		argv[1 + i] = argv[optind + i];
		if (!takes_args)
			bc_config_error(c, "", "", argv[1 + i],
					"not an option; every setting has a name, see --help");
	}
}

bool bc_config_scan_flags(struct bc_config *c, int argc, char **argv, bool takes_args,
			  const struct bc_config_more *more, struct bc_config_flags *out)
{
	struct options o = { .n = 0 };
	int answer, index = 0;
	*out = (struct bc_config_flags){ .given = calloc((size_t)argc + 1, sizeof *out->given) };
	if (out->given == NULL) {
		bc_config_error(c, "", "", NULL, "%s", bc_status_text(BC_ENOMEM));
		return false;
	}
	make_options(&o, c->program, more);
	optind = 0; /* glibc: start anew, also when it ran before */
	opterr = 0;
	while ((answer = getopt_long(argc, argv, o.letters, o.list, &index)) != -1) {
		if (answer == '?' || answer == ':')
			bad_option(c, &o, argv, answer);
		else if (answer < 256)
			take_letter(more, answer);
		else if (!whole_name(option_word(argv, &o.list[index]), o.list[index].name))
			unknown_flag(c, &o, option_word(argv, &o.list[index]));
		else
			take(out, more, answer);
	}
	take_arguments(c, argc, argv, takes_args, &out->n_args);
	return c->errors == 0;
}

void bc_config_apply_flags(struct bc_config *c, const struct bc_config_flags *flags)
{
	for (size_t i = 0; i < flags->n_given; i++)
		bc_config_set(c, flags->given[i].key, BC_FROM_FLAG, 0, flags->given[i].text);
}
