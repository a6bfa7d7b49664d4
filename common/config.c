#include "common/config_inside.h"

#include "common/text.h"
#include "common/version.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

extern char **environ;

/* ------------------------------------------------------------------ errors */

static FILE *told(const struct bc_config *c)
{
	return c->told != NULL ? c->told : stderr;
}

void bc_config_error(struct bc_config *c, const char *where, const char *key, const char *value,
		     const char *format, ...)
{
	char line[2048];
	struct bc_text t = bc_text_on(line, sizeof line);
	va_list args;
	if (++c->errors > BC_CONFIG_ERRORS_MAX)
		return;
	bc_text_addf(&t, "%s: ", c->name);
	if (where[0] != '\0')
		bc_text_addf(&t, "%s: ", where);
	if (key[0] != '\0') {
		bc_text_add_escaped(&t, bc_str_of(key), 120);
		bc_text_add(&t, BC_STR(": "));
	}
	if (value != NULL) {
		bc_text_add(&t, BC_STR("'"));
		bc_text_add_escaped(&t, bc_str_of(value), 120);
		bc_text_add(&t, BC_STR("': "));
	}
	FILE *out = told(c);
	fputs(line, out);
	va_start(args, format);
	vfprintf(out, format, args);
	va_end(args);
	fputc('\n', out);
}

void bc_config_where(const struct bc_config *c, enum bc_key key, enum bc_origin origin, int line,
		     char out[BC_WHERE_MAX])
{
	switch (origin) {
	case BC_FROM_DEFAULT:
		snprintf(out, BC_WHERE_MAX, "default");
		return;
	case BC_FROM_FILE:
		snprintf(out, BC_WHERE_MAX, "%s:%d", c->file, line);
		return;
	case BC_FROM_ENVIRONMENT:
		bc_key_env_name(&bc_keys[key], out);
		return;
	case BC_FROM_FLAG:
		snprintf(out, BC_WHERE_MAX, "--%s", bc_keys[key].flag);
		return;
	}
}

void bc_config_complain(const struct bc_config *c, enum bc_key key, int item, const char *message)
{
	const struct bc_config_value *v = &c->values[key];
	/* Counts apart: the loaded one is read-only. */
	struct bc_config copy = { .name = c->name, .told = c->told };
	char where[BC_WHERE_MAX];
	bool one = item >= 0 && (size_t)item < v->n_items;
	bc_config_where(c, key, v->origin, one ? v->lines[item] : v->line, where);
	bc_config_error(&copy, where, bc_keys[key].key,
			one ? v->items[item] : bc_config_text(c, key), "%s", message);
}

/* ------------------------------------------------------------------ sources */

static void set_defaults(struct bc_config *c)
{
	for (int i = 0; i < BC_N_KEYS; i++)
		bc_config_set(c, (enum bc_key)i, BC_FROM_DEFAULT, 0,
			      bc_keys[i].fallback != NULL ? bc_keys[i].fallback : "");
}

/* A name that is nearly one of ours is a slip worth telling; others may have their own meaning. */
static void warn_of_unknown(const struct bc_config *c)
{
	char names[BC_N_KEYS][BC_ENV_NAME_MAX];
	const char *known[BC_N_KEYS];
	for (int i = 0; i < BC_N_KEYS; i++) {
		bc_key_env_name(&bc_keys[i], names[i]);
		known[i] = names[i] + strlen("BOOKCAST_");
	}
	for (char **e = environ; e != NULL && *e != NULL; e++) {
		char name[BC_ENV_NAME_MAX];
		size_t n = strcspn(*e, "=");
		if (strncmp(*e, "BOOKCAST_", 9) != 0 || n >= sizeof name)
			continue;
		memcpy(name, *e, n);
		name[n] = '\0';
		const char *near = bc_text_nearest(name + 9, known, BC_N_KEYS);
		bool short_word = strlen(name + 9) < 5; /* BOOKCAST_BIN is not BOOKCAST_BUS__BIND */
		if (near != NULL && strcmp(near, name + 9) != 0 && !short_word)
			fprintf(told(c),
				"%s: %s is not a setting and is ignored; did you mean "
				"BOOKCAST_%s?\n",
				c->name, name, near);
	}
}

static void read_environment(struct bc_config *c)
{
	for (int i = 0; i < BC_N_KEYS; i++) {
		char name[BC_ENV_NAME_MAX];
		if (!(bc_keys[i].programs & c->program))
			continue;
		bc_key_env_name(&bc_keys[i], name);
		const char *text = getenv(name);
		if (text != NULL)
			bc_config_set(c, (enum bc_key)i, BC_FROM_ENVIRONMENT, 0, text);
	}
	warn_of_unknown(c);
}

/* ------------------------------------------------------------------ what must be there */

static void require(struct bc_config *c)
{
	for (int i = 0; i < BC_N_KEYS; i++) {
		const struct bc_key_row *row = &bc_keys[i];
		const struct bc_config_value *v = &c->values[i];
		char where[BC_WHERE_MAX], env[BC_ENV_NAME_MAX];
		bool empty = row->type == BC_TYPE_LIST ? v->n_items == 0 : v->text[0] == '\0';
		if (!(row->programs & c->program) || row->fallback != NULL || !empty)
			continue;
		bc_config_where(c, (enum bc_key)i, v->origin, v->line, where);
		const char *example = bc_key_example((enum bc_key)i);
		bool list = row->type == BC_TYPE_LIST;
		bc_key_env_name(row, env);
		bc_config_error(c, v->origin == BC_FROM_DEFAULT ? "" : where, row->key, NULL,
				"%s, and it has no default; %s. For example:\n"
				"  --%s %s\n  %s: %s%s%s   (in the file of --config)\n  %s=%s",
				v->origin == BC_FROM_DEFAULT ? "not given" : "empty", row->help,
				row->flag, example, row->key, list ? "[" : "", example,
				list ? "]" : "", env, example);
	}
}

/* ------------------------------------------------------------------ loading */

static void read_sources(struct bc_config *c, const struct bc_config_flags *flags)
{
	const char *path = flags->config_file;
	if (path == NULL && c->program != BC_CLI)
		path = getenv("BOOKCAST_CONFIG");
	if (path != NULL && path[0] != '\0')
		bc_config_read_file(c, path);
	else if (path != NULL && flags->config_file != NULL)
		bc_config_error(c, "--config", "", NULL, "needs the name of a file");
	read_environment(c);
	bc_config_apply_flags(c, flags);
	if (c->errors == 0)
		require(c);
}

static enum bc_config_outcome answer(const struct bc_config *c, const struct bc_config_flags *flags,
				     const struct bc_config_more *more)
{
	if (flags->help)
		bc_config_print_help(c->program, more, stdout);
	else if (flags->version)
		printf("%s %s (%s)\n", c->name, bc_version, bc_version_git);
	else
		bc_config_print_check(c, stdout);
	return fflush(stdout) == 0 ? BC_CONFIG_DONE : BC_CONFIG_BAD;
}

static enum bc_config_outcome judge(struct bc_config *c, const struct bc_config_flags *flags,
				    const struct bc_config_more *more)
{
	if (flags->help || flags->version)
		return answer(c, flags, more);
	if (c->errors == 0)
		read_sources(c, flags);
	if (c->errors > BC_CONFIG_ERRORS_MAX)
		fprintf(told(c), "%s: and %u more\n", c->name, c->errors - BC_CONFIG_ERRORS_MAX);
	if (c->errors > 0)
		return BC_CONFIG_BAD;
	if (more != NULL && more->rules != NULL && !more->rules(c))
		return BC_CONFIG_BAD;
	return flags->check ? answer(c, flags, more) : BC_CONFIG_RUN;
}

enum bc_config_outcome bc_config_load(struct bc_config **out, enum bc_program program, int argc,
				      char **argv, int *n_args, const struct bc_config_more *more)
{
	struct bc_config_flags flags = { .n_args = 0 };
	struct bc_config *c = calloc(1, sizeof *c);
	if (c == NULL) {
		fprintf(stderr, "%s: %s\n", argv[0], bc_status_text(BC_ENOMEM));
		return BC_CONFIG_BAD;
	}
	c->program = program;
	c->told = more != NULL ? more->told : NULL;
	c->name = more != NULL && more->name != NULL ? more->name : bc_program_row(program)->name;
	set_defaults(c);
	bc_config_scan_flags(c, argc, argv, n_args != NULL, more, &flags);
	enum bc_config_outcome outcome = judge(c, &flags, more);
	free(flags.given);
	c->told = NULL; /* it may be gone by the time somebody complains */
	if (n_args != NULL)
		*n_args = flags.n_args;
	if (outcome == BC_CONFIG_RUN)
		*out = c;
	else
		bc_config_free(&c);
	return outcome;
}

void bc_config_free(struct bc_config **config)
{
	if (*config == NULL)
		return;
	for (int i = 0; i < BC_N_KEYS; i++)
		bc_config_value_clear(&(*config)->values[i]);
	free((*config)->file);
	free(*config);
	*config = NULL;
}

/* ------------------------------------------------------------------ reading */

const char *bc_config_text(const struct bc_config *c, enum bc_key key)
{
	return c->values[key].text != NULL ? c->values[key].text : "";
}

int64_t bc_config_int(const struct bc_config *c, enum bc_key key)
{
	return c->values[key].number;
}

int64_t bc_config_ns(const struct bc_config *c, enum bc_key key)
{
	return c->values[key].number;
}

bool bc_config_bool(const struct bc_config *c, enum bc_key key)
{
	return c->values[key].number != 0;
}

int bc_config_word(const struct bc_config *c, enum bc_key key)
{
	return (int)c->values[key].number;
}

size_t bc_config_count(const struct bc_config *c, enum bc_key key)
{
	return c->values[key].n_items;
}

const char *bc_config_item(const struct bc_config *c, enum bc_key key, size_t i)
{
	return c->values[key].items[i];
}
