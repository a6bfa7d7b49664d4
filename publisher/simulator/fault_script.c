#include "publisher/simulator/faults.h"

#include <stdlib.h>
#include <string.h>

#define LINE_MAX_BYTES 1024

struct step {
	int64_t at_ns;
	char name[32];
	struct fault_args args;
	bool done;
	struct step *next;
};

struct fault_script {
	struct step *steps, **last;
};

static const struct {
	const char *suffix;
	int64_t ns;
} units[] = { { "ms", BC_NS_PER_MS }, { "s", BC_NS_PER_S }, { "m", 60 * BC_NS_PER_S } };

static bool parse_time(const char *text, int64_t *out)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || !(value >= 0 && value < 1e6))
		return false;
	for (size_t i = 0; i < sizeof units / sizeof *units; i++)
		if (strcmp(end, units[i].suffix) == 0) {
			*out = (int64_t)(value * (double)units[i].ns);
			return true;
		}
	return false;
}

/* NULL: the step is complete. */
static const char *parse_step(char *line, struct step *step)
{
	char *rest = line, *at = strtok_r(rest, " \t\n", &rest);
	char *time = strtok_r(NULL, " \t\n", &rest);
	char *name = strtok_r(NULL, " \t\n", &rest);
	char *pair;

	if (strcmp(at, "at") != 0 || name == NULL || !parse_time(time, &step->at_ns))
		return "expected: at TIME FAULT [key=value]..., TIME as 250ms, 5s or 2m";
	snprintf(step->name, sizeof step->name, "%s", name);
	while ((pair = strtok_r(NULL, " \t\n", &rest)) != NULL) {
		char *equals = strchr(pair, '=');

		if (equals == NULL)
			return "expected key=value";
		if (!fault_args_add(&step->args, (bc_str){ pair, (size_t)(equals - pair) },
				    bc_str_of(equals + 1)))
			return "too many arguments, or one that is too long";
	}
	return sim_fault_check(step->name, &step->args);
}

static const char *add_line(struct fault_script *script, char *line)
{
	struct step *step;

	line[strcspn(line, "#")] = '\0';
	if (line[strspn(line, " \t\r\n")] == '\0')
		return NULL;
	step = calloc(1, sizeof *step);
	if (step == NULL)
		return bc_status_text(BC_ENOMEM);
	*script->last = step;
	script->last = &step->next;
	return parse_step(line, step);
}

/* NULL: every line was taken; *number is the last one read. */
static const char *read_lines(struct fault_script *script, FILE *file, unsigned *number)
{
	char line[LINE_MAX_BYTES];
	const char *wrong = NULL;

	while (wrong == NULL && fgets(line, sizeof line, file) != NULL) {
		++*number;
		wrong = add_line(script, line);
	}
	return wrong == NULL && ferror(file) ? "cannot be read" : wrong;
}

bc_status fault_script_open(struct fault_script **out, const char *path, char *why, size_t cap)
{
	struct fault_script *script = calloc(1, sizeof *script);
	FILE *file = script != NULL ? fopen(path, "r") : NULL;
	const char *wrong = "cannot be read";
	unsigned number = 0;

	if (file != NULL) {
		script->last = &script->steps;
		wrong = read_lines(script, file, &number);
		fclose(file);
	}
	*out = script;
	if (wrong == NULL)
		return BC_OK;
	snprintf(why, cap, "%.150s:%u: %s", path, number, wrong);
	fault_script_free(out);
	return BC_EPARSE;
}

void fault_script_free(struct fault_script **script_at)
{
	struct fault_script *script = *script_at;

	*script_at = NULL;
	while (script != NULL && script->steps != NULL) {
		struct step *step = script->steps;

		script->steps = step->next;
		free(step);
	}
	free(script);
}

void fault_script_run(struct fault_script *script, struct sim *sim, int64_t since_ns)
{
	for (struct step *step = script->steps; step != NULL; step = step->next) {
		const char *why;

		if (step->done || step->at_ns > since_ns)
			continue;
		step->done = true;
		why = sim_fault(sim, step->name, &step->args);
		if (why != NULL)
			fprintf(stderr, "bookcast-sim: fault %s: %s\n", step->name, why);
	}
}
