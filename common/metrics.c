#include "common/metrics.h"

#include "common/config.h"
#include "common/text.h"
#include "common/version.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

const struct bc_metric_row bc_metric_rows[BC_N_METRICS] = {
#define BC_METRIC(id, programs, kind, name, labels, help) \
	[BC_METRIC_##id] = { programs, BC_METRIC_##kind, name, labels, help },
#include "common/metrics.def"
};

const struct bc_histogram_row bc_histogram_rows[BC_N_HISTOGRAMS] = {
#define BC_HISTOGRAM(id, programs, name, labels, help) \
	[BC_METRIC_##id] = { programs, name, labels, help },
#include "common/metrics.def"
};

/* ------------------------------------------------------------------ labels */

static void add_label(struct bc_text *t, const char *name, const char *value)
{
	if (value == NULL || value[0] == '\0')
		return;
	bc_text_addf(t, "%s%s=\"", t->n > 0 ? "," : "", name);
	for (; *value; value++) /* what the format escapes, and nothing else */
		bc_text_addf(t,
			     *value == '\n'                    ? "\\n"
			     : *value == '"' || *value == '\\' ? "\\%c"
							       : "%c",
			     *value);
	bc_text_add(t, BC_STR("\""));
}

void bc_metrics_init(struct bc_metrics *m, unsigned program, const char *name, const char *exchange,
		     const char *instance)
{
	struct bc_text t = bc_text_on(m->labels, sizeof m->labels);
	for (int i = 0; i < BC_N_METRICS; i++)
		atomic_init(&m->values[i], 0);
	atomic_init(&m->beat_ns, 0);
	memset((void *)m->histograms, 0, sizeof m->histograms);
	m->programs = program;
	m->program = name;
	add_label(&t, "exchange", exchange);
	add_label(&t, "instance", instance);
	if (t.cut) /* half a label would spoil every line */
		m->labels[0] = '\0';
}

/* ------------------------------------------------------------------ the table */

static void add_head(struct bc_text *t, const char *name, const char *kind, const char *help)
{
	bc_text_addf(t, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, kind);
}

/* suffix and bound are those of a histogram's series; "": none. */
static void add_series(struct bc_text *t, const struct bc_metrics *m, const char *name,
		       const char *suffix, const char *labels, const char *bound)
{
	const char *const all[] = { m->labels, labels, bound };
	const char *before = "{";
	bc_text_addf(t, "%s%s", name, suffix);
	for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
		if (all[i][0] == '\0')
			continue;
		bc_text_addf(t, "%s%s", before, all[i]);
		before = ",";
	}
	bc_text_add(t, *before == ',' ? BC_STR("} ") : BC_STR(" "));
}

static void add_rows(struct bc_text *t, const struct bc_metrics *m)
{
	const char *last = "";
	for (int i = 0; i < BC_N_METRICS; i++) {
		const struct bc_metric_row *row = &bc_metric_rows[i];
		unsigned long long value = bc_metric_get(m, (enum bc_metric)i);
		if (!(row->programs & m->programs))
			continue;
		if (strcmp(row->name, last) != 0)
			add_head(t, row->name, row->kind == BC_METRIC_COUNTER ? "counter" : "gauge",
				 row->help);
		last = row->name;
		add_series(t, m, row->name, "", row->labels, "");
		if (row->kind == BC_METRIC_GAUGE_NS && value > INT64_MAX)
			value = 0; /* BC_TIME_UNKNOWN: never, which an alert takes for long ago */
		if (row->kind == BC_METRIC_GAUGE_NS)
			bc_text_addf(t, "%llu.%09llu\n", value / 1000000000, value % 1000000000);
		else
			bc_text_addf(t, "%llu\n", value);
	}
}

/* ------------------------------------------------------------------ histograms */

static void add_seconds(struct bc_text *t, uint64_t ns)
{
	bc_text_addf(t, "%llu.%09llu", (unsigned long long)(ns / 1000000000),
		     (unsigned long long)(ns % 1000000000));
}

static void add_buckets(struct bc_text *t, const struct bc_metrics *m,
			const struct bc_histogram_row *row, const struct bc_tally *tally)
{
	char bound[48];
	uint64_t below = 0;
	uint32_t next = 0;
	for (unsigned bits = BC_METRIC_FIRST_BOUND; bits <= BC_METRIC_LAST_BOUND; bits++) {
		const uint64_t ns = UINT64_C(1) << bits;
		for (const uint32_t end = bc_histogram_bucket((int64_t)ns) + 1; next < end; next++)
			below += tally->counts[next];
		struct bc_text b = bc_text_on(bound, sizeof bound);
		bc_text_add(&b, BC_STR("le=\""));
		add_seconds(&b, ns);
		bc_text_add(&b, BC_STR("\""));
		add_series(t, m, row->name, "_bucket", row->labels, bound);
		bc_text_addf(t, "%llu\n", (unsigned long long)below);
	}
	add_series(t, m, row->name, "_bucket", row->labels, "le=\"+Inf\"");
	bc_text_addf(t, "%llu\n", (unsigned long long)tally->count);
}

static void add_histograms(struct bc_text *t, const struct bc_metrics *m)
{
	const char *last = "";
	for (int i = 0; i < BC_N_HISTOGRAMS; i++) {
		const struct bc_histogram_row *row = &bc_histogram_rows[i];
		struct bc_tally tally;
		if (!(row->programs & m->programs) || m->histograms[i] == NULL)
			continue;
		if (strcmp(row->name, last) != 0)
			add_head(t, row->name, "histogram", row->help);
		last = row->name;
		bc_histogram_read(m->histograms[i], &tally);
		add_buckets(t, m, row, &tally);
		add_series(t, m, row->name, "_sum", row->labels, "");
		add_seconds(t, tally.sum);
		bc_text_add(t, BC_STR("\n"));
		add_series(t, m, row->name, "_count", row->labels, "");
		bc_text_addf(t, "%llu\n", (unsigned long long)tally.count);
	}
}

/* ------------------------------------------------------------------ the process */

/* Only calls that are safe from any thread; what /proc does not tell is left out. */
static void add_memory(struct bc_text *t)
{
	char line[128], *resident;
	FILE *f = fopen("/proc/self/statm", "re");
	if (f != NULL && fgets(line, sizeof line, f) != NULL &&
	    (resident = strchr(line, ' ')) != NULL) { /* size resident ... in pages */
		add_head(t, "process_resident_memory_bytes", "gauge",
			 "memory of the process in RAM");
		bc_text_addf(t, "process_resident_memory_bytes %llu\n",
			     strtoull(resident, NULL, 10) *
				     (unsigned long long)sysconf(_SC_PAGESIZE));
	}
	if (f != NULL)
		fclose(f);
}

static void add_fds(struct bc_text *t)
{
	unsigned open = 0;
	struct rlimit limit;
	DIR *dir = opendir("/proc/self/fd");
	if (dir == NULL)
		return;
	for (struct dirent *e; (e = readdir(dir)) != NULL;)
		open += e->d_name[0] != '.';
	closedir(dir);
	add_head(t, "process_open_fds", "gauge", "open file descriptors");
	bc_text_addf(t, "process_open_fds %u\n", open - 1); /* without the one that counts */
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
		add_head(t, "process_max_fds", "gauge", "file descriptors it may open");
		bc_text_addf(t, "process_max_fds %llu\n", (unsigned long long)limit.rlim_cur);
	}
}

static void add_cpu(struct bc_text *t)
{
	struct rusage use;
	if (getrusage(RUSAGE_SELF, &use) != 0)
		return;
	unsigned long long us =
		(unsigned long long)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) * 1000000 +
		(unsigned long long)(use.ru_utime.tv_usec + use.ru_stime.tv_usec);
	add_head(t, "process_cpu_seconds_total", "counter", "CPU time used, user and system");
	bc_text_addf(t, "process_cpu_seconds_total %llu.%06llu\n", us / 1000000, us % 1000000);
}

size_t bc_metrics_print(const struct bc_metrics *m, char *out, size_t cap)
{
	if (cap == 0)
		return 0;
	struct bc_text t = bc_text_on(out, cap);
	add_head(&t, "bookcast_build_info", "gauge", "1; its labels say what was built");
	bc_text_addf(&t, "bookcast_build_info{program=\"%s\",version=\"%s\",git=\"%s\"} 1\n",
		     m->program, bc_version, bc_version_git);
	add_rows(&t, m);
	add_histograms(&t, m);
	add_memory(&t);
	add_fds(&t);
	add_cpu(&t);
	return t.cut ? 0 : t.n;
}
