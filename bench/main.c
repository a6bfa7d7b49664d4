/* main.c - bookcast-bench: what bookcast costs on this machine, beside floors of the same run. */
#include "bench/options.h"
#include "bench/run.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void progress(const struct bench *b)
{
	if (isatty(STDERR_FILENO) && isatty(STDOUT_FILENO))
		fprintf(stderr, "\r\033[K%s", b->scenario != NULL ? b->scenario->name : "");
}

static void run_all(struct bench *b)
{
	for (const struct bench_group *const *g = bench_groups; *g != NULL; g++) {
		b->group = *g;
		for (size_t i = 0; i < (*g)->n; i++) {
			b->scenario = &(*g)->scenarios[i];
			if (!bench_wanted(&b->o, *g, b->scenario))
				continue;
			progress(b);
			b->scenario->run(b);
		}
	}
	b->scenario = NULL;
	progress(b);
}

static bool save(const struct bench *b)
{
	FILE *file = fopen(b->o.save, "w");
	bool good = file != NULL && bench_print_json(b, file);
	if (file != NULL && fclose(file) != 0)
		good = false;
	if (!good)
		fprintf(stderr, "bookcast-bench: --save %s: %s\n", b->o.save, strerror(errno));
	return good;
}

int main(int argc, char **argv)
{
	struct bench b = { 0 };
	enum bench_asked asked = bench_options_read(&b.o, argc, argv);
	bool good;

	if (asked != BENCH_RUN)
		return asked == BENCH_DONE ? EXIT_SUCCESS : EXIT_FAILURE;
	if (b.o.list)
		return bench_print_list(&b.o, stdout) ? EXIT_SUCCESS : EXIT_FAILURE;
	bench_machine_read(&b.machine);
	run_all(&b);
	good = b.o.json ? bench_print_json(&b, stdout) : bench_print_table(&b, stdout);
	if (!good)
		fputs("bookcast-bench: standard output did not take everything\n", stderr);
	if (b.o.save != NULL && !save(&b))
		good = false;
	good = good && b.errors == 0;
	bench_lines_free(&b);
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
