/* metrics.h - counters and gauges of a process, from one table (metrics.def).
 *
 * A metric is a relaxed atomic: the loop adds, a second thread reads and prints Prometheus text
 * format 0.0.4. docs/METRICS.md is made from the table. */
#ifndef BC_METRICS_H
#define BC_METRICS_H

#include "proto/value.h"

#include <stdatomic.h>

enum bc_metric {
#define BC_METRIC(id, ...) BC_METRIC_##id,
#include "common/metrics.def"
#undef BC_METRIC
	BC_N_METRICS
};

struct bc_metrics {
	_Atomic uint64_t values[BC_N_METRICS];
	char labels[160]; /* of every series: exchange="upbit",instance="0" */
	unsigned programs; /* enum bc_program: whose rows are printed */
};

static inline void bc_metric_add(struct bc_metrics *m, enum bc_metric id, uint64_t n)
{
	atomic_fetch_add_explicit(&m->values[id], n, memory_order_relaxed);
}

static inline void bc_metric_set(struct bc_metrics *m, enum bc_metric id, uint64_t value)
{
	atomic_store_explicit(&m->values[id], value, memory_order_relaxed);
}

static inline uint64_t bc_metric_get(const struct bc_metrics *m, enum bc_metric id)
{
	return atomic_load_explicit(&m->values[id], memory_order_relaxed);
}

/* Writes the text into out[cap]; returns its length, or 0 if cap is too small. */
size_t bc_metrics_print(const struct bc_metrics *m, char *out, size_t cap);

/* Serves GET /metrics, /readyz and /livez on "address:port" from a thread of its own. */
struct bc_metrics_server;
/* ready() runs on the server's thread: it may read atomics only. It writes the reasons why not
 * into why[cap] and returns false; /readyz is then 503 with that text. */
typedef bool bc_ready_fn(void *self, char *why, size_t cap);
bc_status bc_metrics_serve(struct bc_metrics_server **out, const struct bc_metrics *m,
			   const char *listen, bc_ready_fn *ready, void *self, char *error,
			   size_t error_cap);
uint16_t bc_metrics_port(const struct bc_metrics_server *server);
void bc_metrics_stop(struct bc_metrics_server **server);

#endif
