/* faults.c - the table of faults, and the arguments they take. */
#include "publisher/simulator/sim_internal.h"

#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ arguments */

bool fault_args_add(struct fault_args *args, bc_str key, bc_str value)
{
	struct fault_arg *arg = &args->args[args->n];

	if (args->n == FAULT_ARGS_MAX || key.n >= sizeof arg->key || value.n >= sizeof arg->value)
		return false;
	memset(arg, 0, sizeof *arg);
	memcpy(arg->key, key.p, key.n);
	memcpy(arg->value, value.p, value.n);
	args->n++;
	return true;
}

const char *fault_text(const struct fault_args *args, const char *key, const char *otherwise)
{
	for (size_t i = 0; i < args->n; i++)
		if (strcmp(args->args[i].key, key) == 0)
			return args->args[i].value;
	return otherwise;
}

/* False: not a number in [low, high]. */
bool fault_number(const struct fault_args *args, const char *key, double low, double high,
		  double otherwise, double *out)
{
	const char *text = fault_text(args, key, NULL);
	char *end;

	*out = otherwise;
	if (text == NULL)
		return true;
	*out = strtod(text, &end);
	return end != text && *end == '\0' && *out >= low && *out <= high;
}

/* ------------------------------------------------------------------ the table */

static const struct fault {
	const char *name;
	const char *keys; /* what it takes, as shown by --help: "n symbol" */
	const char *help;
	fault_run *run;
} faults[] = {
#define FAULT(name, function, keys, help) { name, keys, help, function },
#include "publisher/simulator/faults.def"
#undef FAULT
};

static const struct fault *find(const char *name)
{
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
		if (strcmp(faults[i].name, name) == 0)
			return &faults[i];
	return NULL;
}

static bool key_known(const struct fault *fault, const char *key)
{
	size_t n = strlen(key);

	for (const char *at = fault->keys; n > 0 && (at = strstr(at, key)) != NULL; at += n)
		if ((at == fault->keys || at[-1] == ' ') && (at[n] == ' ' || at[n] == '\0'))
			return true;
	return false;
}

const char *sim_fault_check(const char *name, const struct fault_args *args)
{
	const struct fault *fault = find(name);

	if (fault == NULL)
		return "no such fault; bookcast-sim --help lists them";
	for (size_t i = 0; i < args->n; i++)
		if (!key_known(fault, args->args[i].key))
			return "takes no such argument; bookcast-sim --help lists them";
	return NULL;
}

const char *sim_fault(struct sim *sim, const char *name, const struct fault_args *args)
{
	const char *why = sim_fault_check(name, args);

	return why != NULL ? why : find(name)->run(sim, args);
}

void sim_faults_help(FILE *out)
{
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
		fprintf(out, "  %-15s %-21s %s\n", faults[i].name, faults[i].keys, faults[i].help);
}
