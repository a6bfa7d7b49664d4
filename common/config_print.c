/* What people read: --help and --check. */
#include "common/config_inside.h"

#include "common/text.h"

#include <string.h>

#define WIDTH 80

/* ------------------------------------------------------------------ --help */

static void print_wrapped(FILE *out, const char *text, size_t indent)
{
	size_t column = indent;
	fprintf(out, "%*s", (int)indent, "");
	for (bool first = true; *text != '\0'; first = false) {
		size_t n = strcspn(text, " ");
		if (!first && column + 1 + n > WIDTH) {
			fprintf(out, "\n%*s", (int)indent, "");
			column = indent;
		} else if (!first) {
			fputc(' ', out);
			column++;
		}
		fprintf(out, "%.*s", (int)n, text);
		column += n;
		text += n;
		text += strspn(text, " ");
	}
	fputc('\n', out);
}

static void print_key(FILE *out, const struct bc_key_row *row, bool in_file)
{
	char help[1024], bounds[BC_BOUNDS_MAX];
	struct bc_text t = bc_text_on(help, sizeof help);
	int n = row->type == BC_TYPE_BOOL
			? fprintf(out, "  --%s", row->flag)
			: fprintf(out, "  --%s %s", row->flag, bc_type_placeholder(row));
	if (in_file && strcmp(row->key, row->flag) != 0)
		fprintf(out, "%*s%s", n < 40 ? 40 - n : 2, "", row->key);
	fputc('\n', out);
	bc_key_bounds(row, bounds);
	bc_text_addf(&t, "%s ", row->help);
	if (row->fallback == NULL)
		bc_text_add(&t, BC_STR("[must be given]"));
	else if (row->fallback[0] != '\0')
		bc_text_addf(&t, "[%s%s%s]", row->fallback, bounds[0] ? "; " : "", bounds);
	else if (bounds[0] != '\0')
		bc_text_addf(&t, "[%s]", bounds);
	print_wrapped(out, help, 6);
}

static void print_groups(FILE *out, enum bc_program program)
{
	for (size_t g = 0; g < bc_n_key_groups; g++) {
		bool titled = false;
		for (int i = 0; i < BC_N_KEYS; i++) {
			if (!(bc_keys[i].programs & program) ||
			    bc_key_group(&bc_keys[i]) != &bc_key_groups[g])
				continue;
			if (!titled)
				fprintf(out, "\n%s\n",
					program == BC_CLI ? "Everywhere" : bc_key_groups[g].title);
			titled = true;
			print_key(out, &bc_keys[i], program != BC_CLI);
		}
	}
}

static void print_flag(FILE *out, const char *name, const char *argument, const char *help)
{
	fprintf(out, "  %s%s%s%s\n", name[1] == '\0' ? "-" : "--", name, argument ? " " : "",
		argument ? argument : "");
	print_wrapped(out, help, 6);
}

void bc_config_print_help(enum bc_program program, const struct bc_config_more *more, FILE *out)
{
	static const struct bc_config_more none;
	const struct bc_program_row *row = bc_program_row(program);
	bool daemon = program != BC_CLI;
	more = more != NULL ? more : &none;
	fprintf(out, "%s: %s\n\nExamples\n%s", more->name ? more->name : row->name,
		more->purpose ? more->purpose : row->purpose,
		more->examples ? more->examples : row->examples);
	if (more->usage != NULL)
		fprintf(out, "\nUsage\n%s", more->usage);
	if (more->n_flags > 0)
		fprintf(out, "\nOptions\n");
	for (size_t i = 0; i < more->n_flags; i++)
		print_flag(out, more->flags[i].name, more->flags[i].argument, more->flags[i].help);
	print_groups(out, program);
	fprintf(out, "\nGeneral\n");
	if (daemon) {
		print_flag(out, "config", "FILE",
			   "YAML file with any of the settings named on the right");
		print_flag(out, "check", NULL,
			   "check everything, print each setting and where it comes from, and end");
	}
	print_flag(out, "help", NULL, "this text");
	print_flag(out, "version", NULL, "what was built");
	fprintf(out, "\n");
	print_wrapped(
		out,
		daemon ? "Each setting can also stand in the environment: BOOKCAST_ and its name "
			 "in the file, in capitals, with '__' for a dot, such as "
			 "BOOKCAST_LOG__LEVEL=debug. A flag wins over the environment, the "
			 "environment over the file."
		       : "Each of those under 'Everywhere' can also stand in the environment, "
			 "such as BOOKCAST_CACHE; a flag wins.",
		0);
}

/* ------------------------------------------------------------------ --check */

/* Single quotes where YAML could read something else in it. */
static void print_scalar(FILE *out, const char *text)
{
	bool plain = text[0] != '\0' && strchr("-?:,[]{}#&*!|>'\"%@` ", text[0]) == NULL;
	for (const char *p = text; *p; p++)
		if (strchr(",[]{}#'\"", *p) != NULL || (*p == ':' && (p[1] == ' ' || p[1] == '\0')))
			plain = false;
	if (plain) {
		fputs(text, out);
		return;
	}
	fputc('\'', out);
	for (const char *p = text; *p; p++)
		fprintf(out, *p == '\'' ? "''" : "%c", *p);
	fputc('\'', out);
}

static void print_value(FILE *out, const struct bc_config *c, enum bc_key key)
{
	const struct bc_config_value *v = &c->values[key];
	char duration[BC_DURATION_TEXT_MAX];
	switch (bc_keys[key].type) {
	case BC_TYPE_LIST:
		fputc('[', out);
		for (size_t i = 0; i < v->n_items; i++) {
			fputs(i ? ", " : "", out);
			print_scalar(out, v->items[i]);
		}
		fputc(']', out);
		return;
	case BC_TYPE_DURATION:
		bc_duration_format(v->number, duration);
		fputs(duration, out);
		return;
	case BC_TYPE_BOOL:
		fputs(v->number ? "true" : "false", out);
		return;
	case BC_TYPE_INT:
		fprintf(out, "%lld", (long long)v->number);
		return;
	case BC_TYPE_TEXT:
	case BC_TYPE_WORD:
		print_scalar(out, v->text);
		return;
	}
}

/* A file that --config would take again, with each value's origin behind it. */
void bc_config_print_check(const struct bc_config *c, FILE *out)
{
	fprintf(out, "# %s\n", c->name);
	for (int i = 0; i < BC_N_KEYS; i++) {
		char where[BC_WHERE_MAX];
		const struct bc_config_value *v = &c->values[i];
		if (!(bc_keys[i].programs & c->program))
			continue;
		bc_config_where(c, (enum bc_key)i, v->origin, v->line, where);
		fprintf(out, "%s: ", bc_keys[i].key);
		print_value(out, c, (enum bc_key)i);
		fprintf(out, "  # %s\n", where);
	}
}
