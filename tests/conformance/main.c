/* main.c - runs the conformance cases against every transport; docs/WEBSOCKET.md.
 *
 *   conformance [-v] [--transport NAME] [--only TEXT]
 *   conformance --document FILE | --seeds DIRECTORY
 *
 * --only takes cases whose family or name holds TEXT. --document prints FILE up to its marker and
 * then the families and the differences as tables. --seeds writes the short cases as inputs for
 * tests/fuzz/. Exit status: 0 when every case holds. */
#include "tests/conformance/run.h"
#include "tests/conformance/seeds.h"
#include "tests/support/test_ca.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_TRANSPORTS      2
#define AT_ONCE           96
#define TICK_MS           20
#define LWS_OF_THE_TABLES 40106 /* what others do otherwise is theirs */
#define ROUNDS_MAX        3
#define MARKER            "<!-- from here on: conformance --document -->"

struct options {
	bool verbose;
	const char *transport, *only, *document, *seeds;
};

struct plan {
	struct run *runs;
	size_t n, cap;
};

static const struct bc_transport_ops *const transports[N_TRANSPORTS] = { &bc_transport_lws,
									 &bc_transport_direct };

/* ------------------------------------------------------------------ what is to be run */

static void plan_add(struct plan *plan, struct run run)
{
	if (plan->n == plan->cap) {
		plan->cap = plan->cap * 2 + 1024;
		plan->runs = realloc(plan->runs, plan->cap * sizeof *plan->runs);
		if (plan->runs == NULL)
			abort();
	}
	plan->runs[plan->n++] = run;
}

static bool is_wanted(const struct conformance_family *f, const struct conformance_case *c,
		      const struct options *o)
{
	return o->only == NULL || strstr(f->name, o->only) != NULL ||
	       strstr(c->name, o->only) != NULL;
}

static void plan_case(struct plan *plan, const struct conformance_family *f,
		      const struct conformance_case *c, const struct subject *subject)
{
	struct run run = { .family = f, .c = c, .subject = subject };
	const size_t splits = c->pieces == EVERY_SPLIT ? case_bytes(c) : 2;
	const struct conformance_difference *d = case_difference(c, subject->name);
	if (d->skipped || (d->why != NULL && subject->ops == &bc_transport_lws &&
			   bc_lws_version() != LWS_OF_THE_TABLES))
		return;
	for (run.split = 1; run.split < splits; run.split++)
		plan_add(plan, run);
	run.tls = true;
	if (c->tls)
		plan_add(plan, run);
}

static void plan_make(struct plan *plan, const struct subject *subject, const struct options *o)
{
	for (size_t i = 0; conformance_families[i] != NULL; i++) {
		const struct conformance_family *f = conformance_families[i];
		for (size_t k = 0; k < f->n; k++)
			if (is_wanted(f, &f->cases[k], o))
				plan_case(plan, f, &f->cases[k], subject);
	}
}

/* ------------------------------------------------------------------ running it */

static void on_tick(uv_timer_t *timer)
{
	(void)timer;
}

/* All runs, AT_ONCE at a time; gives how many failed. Those that had to wait for the machine go
 * to `again`. */
static size_t plan_run(struct plan *plan, uv_loop_t *loop, SSL_CTX *ctx, bool verbose,
		       struct plan *again)
{
	size_t begun = 0, n_active = 0, n_failed = 0;
	struct run *active[AT_ONCE];
	while (begun < plan->n || n_active > 0) {
		bool busy = false;
		while (n_active < AT_ONCE && begun < plan->n) {
			run_start(&plan->runs[begun], loop, ctx);
			active[n_active++] = &plan->runs[begun++];
		}
		for (size_t i = 0; i < n_active; i++) {
			busy |= run_step(active[i]);
			if (!run_over(active[i]))
				continue;
			const enum verdict verdict = run_judge(active[i], verbose);
			n_failed += verdict == FAILED;
			if (verdict == WAS_SLOW)
				plan_add(again, run_like(active[i]));
			active[i--] = active[--n_active];
		}
		uv_run(loop, busy ? UV_RUN_NOWAIT : UV_RUN_ONCE);
	}
	return n_failed;
}

static void plan_free(struct plan *plan)
{
	for (size_t i = 0; i < plan->n; i++)
		run_free(&plan->runs[i]);
	free(plan->runs);
	*plan = (struct plan){ .n = 0 };
}

static size_t all_run(uv_loop_t *loop, const struct options *o)
{
	struct subject subjects[N_TRANSPORTS];
	struct plan rounds[ROUNDS_MAX + 2] = { { .n = 0 } }; /* the last: what was never quick */
	struct test_ca *ca = test_ca_new();
	SSL_CTX *ctx = test_ca_server(ca, TEST_LEAF_GOOD);
	const struct bc_transport_options options = { .ca_file = test_ca_file(ca) };
	for (size_t i = 0; i < N_TRANSPORTS; i++) {
		subjects[i] = (struct subject){ .name = transports[i]->name, .ops = transports[i] };
		if (o->transport != NULL && strcmp(o->transport, subjects[i].name) != 0)
			continue;
		if (subjects[i].ops->start(&subjects[i].transport, loop, &options) != BC_OK)
			abort();
		plan_make(&rounds[0], &subjects[i], o);
	}
	const size_t n_runs = rounds[0].n;
	size_t n_failed = 0;
	for (int round = 0; round <= ROUNDS_MAX; round++)
		n_failed += plan_run(&rounds[round], loop, ctx, o->verbose, &rounds[round + 1]);
	n_failed += rounds[ROUNDS_MAX + 1].n;
	for (size_t i = 0; i < N_TRANSPORTS; i++)
		if (subjects[i].transport != NULL)
			subjects[i].ops->stop(&subjects[i].transport);
	uv_run(loop, UV_RUN_DEFAULT);
	printf("%zu runs, %zu failed\n", n_runs, n_failed);
	/* Only now: a connection that was given up tells its run as long as it lives. */
	for (int round = 0; round < ROUNDS_MAX + 2; round++)
		plan_free(&rounds[round]);
	SSL_CTX_free(ctx);
	test_ca_free(&ca);
	return n_runs > 0 ? n_failed : 1;
}

/* ------------------------------------------------------------------ for people */

static void families_print(void)
{
	size_t n_all = 0;
	puts("| family | cases | over TLS, too | of what |\n|---|---|---|---|");
	for (size_t i = 0; conformance_families[i] != NULL; i++) {
		const struct conformance_family *f = conformance_families[i];
		size_t n_tls = 0;
		for (size_t k = 0; k < f->n; k++)
			n_tls += f->cases[k].tls;
		printf("| %s | %zu | %zu | %s |\n", f->name, f->n, n_tls, f->about);
		n_all += f->n;
	}
	printf("| all | %zu | | |\n\n", n_all);
}

#define REASONS_MAX 64

/* Why a transport does otherwise, each reason once; gives how many. */
static size_t reasons_of(const char *name, const char *reasons[REASONS_MAX])
{
	size_t n = 0;
	for (size_t i = 0; conformance_families[i] != NULL; i++)
		for (size_t k = 0; k < conformance_families[i]->n; k++) {
			const char *why =
				case_difference(&conformance_families[i]->cases[k], name)->why;
			size_t at = 0;
			while (why != NULL && at < n && strcmp(reasons[at], why) != 0)
				at++;
			if (why != NULL && at == n && n < REASONS_MAX)
				reasons[n++] = why;
		}
	return n;
}

static void cases_print(const struct conformance_family *f, const char *name, const char *why)
{
	const char *some[3];
	size_t n = 0;
	for (size_t k = 0; k < f->n; k++) {
		const char *reason = case_difference(&f->cases[k], name)->why;
		if (reason == NULL || strcmp(reason, why) != 0)
			continue;
		if (n < 3)
			some[n] = f->cases[k].name;
		n++;
	}
	if (n == f->n)
		printf(" *%s*: all.", f->name);
	else if (n > 3)
		printf(" *%s*: %zu.", f->name, n);
	for (size_t k = 0; k < n && n <= 3 && n < f->n; k++)
		printf("%s%s%s%s%s", k == 0 ? " *" : "; ", k == 0 ? f->name : "",
		       k == 0 ? "*: " : "", some[k], k + 1 == n ? "." : "");
}

static void differences_print(const char *name)
{
	const char *reasons[REASONS_MAX];
	const size_t n = reasons_of(name, reasons);
	if (n == 0) {
		printf("`%s` does in every case as the RFC says.\n", name);
		return;
	}
	printf("| what `%s` does otherwise | cases |\n|---|---|\n", name);
	for (size_t r = 0; r < n; r++) {
		printf("| %s |", reasons[r]);
		for (size_t i = 0; conformance_families[i] != NULL; i++)
			cases_print(conformance_families[i], name, reasons[r]);
		puts(" |");
	}
	putchar('\n');
}

static int document(const char *path)
{
	char line[1024];
	bool marked = false;
	FILE *file = fopen(path, "r");
	if (file == NULL) {
		perror(path);
		return EXIT_FAILURE;
	}
	while (!marked && fgets(line, sizeof line, file) != NULL) {
		fputs(line, stdout);
		marked = strncmp(line, MARKER, strlen(MARKER)) == 0;
	}
	fclose(file);
	putchar('\n');
	families_print();
	differences_print("lws");
	differences_print("direct");
	return marked ? EXIT_SUCCESS : EXIT_FAILURE;
}

static bool options_parse(struct options *o, int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const bool more = i + 1 < argc;
		if (strcmp(argv[i], "-v") == 0)
			o->verbose = true;
		else if (strcmp(argv[i], "--transport") == 0 && more)
			o->transport = argv[++i];
		else if (strcmp(argv[i], "--only") == 0 && more)
			o->only = argv[++i];
		else if (strcmp(argv[i], "--document") == 0 && more)
			o->document = argv[++i];
		else if (strcmp(argv[i], "--seeds") == 0 && more)
			o->seeds = argv[++i];
		else
			return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	struct options o = { .verbose = false };
	uv_loop_t loop;
	uv_timer_t tick;
	if (!options_parse(&o, argc, argv)) {
		fputs("usage: conformance [-v] [--transport NAME] [--only TEXT]\n"
		      "       conformance --document FILE | --seeds DIRECTORY\n",
		      stderr);
		return 2;
	}
	if (o.document != NULL)
		return document(o.document);
	if (o.seeds != NULL)
		return seeds_write(o.seeds) ? EXIT_SUCCESS : EXIT_FAILURE;
	signal(SIGPIPE, SIG_IGN);
	uv_loop_init(&loop);
	uv_timer_init(&loop, &tick);
	uv_timer_start(&tick, on_tick, TICK_MS, TICK_MS);
	uv_unref((uv_handle_t *)&tick);
	const size_t n_failed = all_run(&loop, &o);
	uv_close((uv_handle_t *)&tick, NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	if (uv_loop_close(&loop) != 0) {
		puts("handles are left in the loop");
		return EXIT_FAILURE;
	}
	return n_failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
