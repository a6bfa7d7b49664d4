/* metrics.h - counters and gauges of a process, from one table (metrics.def).
 *
 * A metric is a relaxed atomic: the loop adds, a second thread reads and prints Prometheus text
 * format 0.0.4. docs/METRICS.md is made from the table. */
#ifndef BC_METRICS_H
#define BC_METRICS_H

#include "common/histogram.h"

enum bc_metric {
#define BC_METRIC(id, ...) BC_METRIC_##id,
#include "common/metrics.def"
	BC_N_METRICS
};

enum bc_metric_histogram {
#define BC_HISTOGRAM(id, ...) BC_METRIC_##id,
#include "common/metrics.def"
	BC_N_HISTOGRAMS
};

enum bc_metric_kind { BC_METRIC_COUNTER, BC_METRIC_GAUGE, BC_METRIC_GAUGE_NS };

struct bc_metric_row {
	unsigned programs; /* enum bc_program, OR-ed */
	enum bc_metric_kind kind;
	const char *name, *labels, *help;
};
extern const struct bc_metric_row bc_metric_rows[BC_N_METRICS];

struct bc_histogram_row {
	unsigned programs;
	const char *name, *labels, *help;
};
extern const struct bc_histogram_row bc_histogram_rows[BC_N_HISTOGRAMS];

struct bc_metrics {
	const struct bc_histogram *histograms[BC_N_HISTOGRAMS]; /* borrowed; NULL: not printed */
	_Atomic uint64_t values[BC_N_METRICS];
	_Atomic int64_t beat_ns; /* monotonic; of the loop's last sign of life */
	char labels[160];        /* of every series: exchange="upbit",instance="0" */
	const char *program;     /* of bookcast_build_info */
	unsigned programs;       /* whose rows are printed */
};

/* program: enum bc_program. exchange and instance NULL or empty: no such label. */
void bc_metrics_init(struct bc_metrics *m, unsigned program, const char *name, const char *exchange,
		     const char *instance);

static inline void bc_metric_add(struct bc_metrics *m, enum bc_metric id, uint64_t n)
{
	atomic_fetch_add_explicit(&m->values[id], n, memory_order_relaxed);
}

static inline void bc_metric_set(struct bc_metrics *m, enum bc_metric id, uint64_t value)
{
	atomic_store_explicit(&m->values[id], value, memory_order_relaxed);
}

/* Before the server starts: h is read by its thread, as long as that runs. */
static inline void bc_metric_histogram(struct bc_metrics *m, enum bc_metric_histogram id,
				       const struct bc_histogram *h)
{
	m->histograms[id] = h;
}

static inline uint64_t bc_metric_get(const struct bc_metrics *m, enum bc_metric id)
{
	return atomic_load_explicit(&m->values[id], memory_order_relaxed);
}

/* The loop turns: call it about once a second from a timer of the loop. /livez goes by it. */
static inline void bc_metrics_beat(struct bc_metrics *m, bc_mono_time now)
{
	atomic_store_explicit(&m->beat_ns, now.ns, memory_order_relaxed);
}
#define BC_BEAT_MAX (10 * BC_NS_PER_S) /* without a beat for longer: not alive */

/* Histograms are told at these bounds, 1.024 us to 17.2 s: powers of two in ns, where the edges of
 * bc_histogram lie, so that every number is exact. */
#define BC_METRIC_FIRST_BOUND 10
#define BC_METRIC_LAST_BOUND  34

/* Writes the text into out[cap], NUL terminated; returns its length, or 0 if cap is too small.
 * Besides the rows: bookcast_build_info and what /proc tells of this process. */
size_t bc_metrics_print(const struct bc_metrics *m, char *out, size_t cap);

/* Serves GET /metrics, /readyz and /livez on "address:port" from a thread of its own; port 0 takes
 * a free one. The address is numeric, IPv6 in brackets. Whoever reaches it can read it, so it
 * should be loopback unless the network is trusted. At most 32 connections, 10 s each.
 * BC_EINVAL: not an address; BC_EBUSY: taken; BC_EIO: else. error[] says it for people. */
struct bc_metrics_server;
/* ready() runs on the server's thread: it may read atomics only. It writes the reasons why not
 * into why[cap] and returns false; /readyz is then 503 with that text. */
typedef bool bc_ready_fn(void *self, char *why, size_t cap);
bc_status bc_metrics_serve(struct bc_metrics_server **out, const struct bc_metrics *m,
			   const char *listen, bc_ready_fn *ready, void *self, char *error,
			   size_t error_cap);
/* "address:port" as it was given, with the real port; lives as long as the server. */
const char *bc_metrics_address(const struct bc_metrics_server *server);
/* Would bc_metrics_serve() understand it? "" is off, and good. */
bool bc_metrics_address_good(const char *listen);
#define BC_METRICS_ADDRESS_HINT "an address such as 127.0.0.1:9100 or [::1]:0; empty: off"
void bc_metrics_stop(struct bc_metrics_server **server); /* waits for its thread */

#endif
