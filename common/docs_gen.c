/* docs_gen - prints docs/CONFIGURATION.md or docs/METRICS.md from the tables they come from.
 * `cmake --build --preset dev --target docs` writes both; check.docs compares them. */
#include "common/config_keys.h"
#include "common/metrics.h"

#include <ctype.h>
#include <string.h>

static void print_programs(unsigned programs)
{
	bool first = true;
	for (size_t i = 0; i < bc_n_programs; i++)
		if (programs & bc_programs[i].program) {
			printf("%s`%s`", first ? "" : ", ", bc_programs[i].name);
			first = false;
		}
}

/* In a cell a '|' would end it, and <...> reads as HTML. */
static void print_cell(const char *text)
{
	for (; *text; text++)
		if (*text == '|')
			fputs("\\|", stdout);
		else if (*text == '<')
			fputs("&lt;", stdout);
		else if (*text == '*')
			fputs("\\*", stdout);
		else
			putchar(*text);
}

static void print_key(const struct bc_key_row *row)
{
	static const char *const types[] = {
		[BC_TYPE_TEXT] = "text",     [BC_TYPE_WORD] = "one of",
		[BC_TYPE_INT] = "number",    [BC_TYPE_BOOL] = "true or false",
		[BC_TYPE_DURATION] = "time", [BC_TYPE_LIST] = "list",
	};
	char env[BC_ENV_NAME_MAX], bounds[BC_BOUNDS_MAX];
	bc_key_env_name(row, env);
	bc_key_bounds(row, bounds);
	printf("### `%s`\n\n", row->key);
	putchar(toupper((unsigned char)row->help[0]));
	print_cell(row->help + 1);
	printf(".\n\n| | |\n|---|---|\n| type | %s", types[row->type]);
	if (row->type == BC_TYPE_WORD) {
		fputs(" `", stdout);
		print_cell(row->unit);
		fputs("`", stdout);
	} else if (row->type == BC_TYPE_INT && row->unit[0] != '\0')
		printf(" of %s", row->unit);
	printf("%s%s |\n| default | ", bounds[0] ? ", " : "", bounds);
	if (row->fallback == NULL)
		printf("none: it must be given, for example `%s`",
		       bc_key_example((enum bc_key)(row - bc_keys)));
	else if (row->fallback[0] == '\0')
		printf("empty");
	else
		printf("`%s`", row->fallback);
	printf(" |\n| flag, environment | `--%s`, `%s` |\n| read by | ", row->flag, env);
	print_programs(row->programs);
	printf("%s |\n\n", row->changes == BC_CHANGES_RUNTIME ? "; may change while it runs" : "");
}

static void print_configuration(void)
{
	printf("# Configuration\n\n"
	       "<!-- made by docs_gen from common/config.def; edit that and build the target "
	       "`docs` -->\n\n"
	       "A setting comes from, in this order: a flag, the environment, the YAML file of\n"
	       "`--config FILE` (or `BOOKCAST_CONFIG`), its default. `--check` reads everything, "
	       "tells\n"
	       "every error with its file, line, key, value and what would be right, prints what "
	       "would\n"
	       "be used and where each value comes from, and ends.\n\n"
	       "In the file, dots may be nesting: `feed: { silent_after: 5s }` is "
	       "`feed.silent_after: "
	       "5s`.\n"
	       "Times are written with a unit: `500ms`, `5s`, `10m`, `1h`. Lists are YAML lists; "
	       "in a flag\n"
	       "or the environment their items have commas between. One file may hold the settings "
	       "of\n"
	       "several programs. A key that is unknown, or there twice, is an error.\n\n");
	for (size_t g = 0; g < bc_n_key_groups; g++) {
		bool titled = false;
		for (int i = 0; i < BC_N_KEYS; i++) {
			if (bc_key_group(&bc_keys[i]) != &bc_key_groups[g])
				continue;
			if (!titled)
				printf("## %s\n\n", bc_key_groups[g].title);
			titled = true;
			print_key(&bc_keys[i]);
		}
	}
}

/* A name begins with these; behind it stand the labels of its rows. */
static void print_name(const char *name, const char *kind, unsigned programs, const char *help)
{
	printf("| `%s` | %s | ", name, kind);
	print_programs(programs);
	printf(" | ");
	print_cell(help);
	printf(" |");
}

static void print_labels(const char *labels, bool first)
{
	if (labels[0] != '\0')
		printf("%s `%s`", first ? "" : ",", labels);
}

static void print_metric(const struct bc_metric_row *row, bool first)
{
	static const char *const kinds[] = { "counter", "gauge", "gauge" };
	if (first)
		print_name(row->name, kinds[row->kind], row->programs, row->help);
	print_labels(row->labels, first);
}

/* One line a name, its series at the end. */
static void print_histograms(void)
{
	for (int i = 0; i < BC_N_HISTOGRAMS; i++) {
		const struct bc_histogram_row *row = &bc_histogram_rows[i];
		const bool first = i == 0 || strcmp(row->name, row[-1].name) != 0;
		if (first && i > 0)
			printf(" |\n");
		if (first)
			print_name(row->name, "histogram", row->programs, row->help);
		print_labels(row->labels, first);
	}
	printf(" |\n\nA histogram has %d bounds, 1.024 us to 17.2 s, each twice the one before "
	       "(powers "
	       "of two in\n"
	       "ns, at which the counts are exact), `_sum` and `_count` since the start. Only news "
	       "is "
	       "counted:\n"
	       "no welcome, no repetition for a new state, nothing that came by REST or was the "
	       "state "
	       "at a\n"
	       "subscription. Where the clocks of two hosts differ, a delay may be below 0; then "
	       "it is "
	       "in no\n"
	       "histogram but in `bookcast_negative_delays_total`, and the others are wrong by as "
	       "much. "
	       "One\n"
	       "record costs the feed about 2 ns. The last minute alone, as quantiles, is what\n"
	       "`bookcast latency` prints.\n",
	       BC_METRIC_LAST_BOUND - BC_METRIC_FIRST_BOUND + 1);
}

static void print_metrics(void)
{
	printf("# Metrics\n\n"
	       "<!-- made by docs_gen from common/metrics.def; edit that and build the target "
	       "`docs` -->\n\n"
	       "`metrics.listen: 127.0.0.1:9100` (`--metrics`) serves, from a thread that only "
	       "reads\n"
	       "atomics and never touches the feed:\n\n"
	       "| path | answer |\n|---|---|\n"
	       "| `/metrics` | Prometheus text format 0.0.4 |\n"
	       "| `/readyz` | 200 when the data can be used, else 503 with the reasons |\n"
	       "| `/livez` | 200 while the event loop turns; 503 after 10 s without |\n\n"
	       "Every series of a gateway has the labels `exchange` and `instance`. There is no "
	       "label for\n"
	       "the symbol: `bookcast list` and `bookcast health` answer for single symbols.\n\n"
	       "| name | kind | of | meaning | labels |\n|---|---|---|---|---|\n");
	for (int i = 0; i < BC_N_METRICS; i++) {
		bool first =
			i == 0 || strcmp(bc_metric_rows[i].name, bc_metric_rows[i - 1].name) != 0;
		if (first && i > 0)
			printf(" |\n");
		print_metric(&bc_metric_rows[i], first);
	}
	printf(" |\n");
	print_histograms();
	printf("\nBesides, of every program: `bookcast_build_info` (labels `program`, "
	       "`version`,\n"
	       "`git`), `process_resident_memory_bytes`, `process_open_fds`, `process_max_fds`,\n"
	       "`process_cpu_seconds_total`.\n");
}

int main(int argc, char **argv)
{
	if (argc == 2 && strcmp(argv[1], "configuration") == 0)
		print_configuration();
	else if (argc == 2 && strcmp(argv[1], "metrics") == 0)
		print_metrics();
	else {
		fprintf(stderr, "docs_gen: configuration or metrics?\n");
		return 1;
	}
	return fflush(stdout) == 0 ? 0 : 1;
}
