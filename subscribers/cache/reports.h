/* reports.h - what the cache says about itself and the gateways: JSON of docs/CACHE-PROTOCOL.md.
 *
 * Pure: the board and a time in, text out. Threads one. */
#ifndef CACHE_REPORTS_H
#define CACHE_REPORTS_H

#include "common/json_writer.h"
#include "common/board.h"
#include "subscribers/cache/delays.h"
#include "subscribers/cache/rings.h"

/* What the reports need beside the board. */
struct cache_about {
	bc_mono_time started;
	struct bc_board_limits limits;
	const struct cache_rings *rings;
	const struct cache_delays *delays; /* NULL: not measured */
	uint64_t requests, bad_requests, clients_dropped;
};

struct cache_tally {
	size_t gateways, gone;     /* replaced ones are neither */
	size_t fit, unfit;         /* symbols on their lists; halted ones are neither */
	uint64_t missing, orphans; /* shards that nobody is; symbols that nobody lists */
};

/* Looks at every symbol. */
struct cache_tally cache_tally(struct bc_board *board, bc_mono_time now);

typedef void cache_report_fn(struct bc_board *board, const struct cache_about *about,
			     bc_mono_time now, struct bc_json_writer *w);

cache_report_fn cache_report_gateways, cache_report_health, cache_report_stats,
	cache_report_latency;

/* report_shards.c: an object of who serves what of an exchange; the member "lines" of a gateway,
 * the other instances of its shard. */
void cache_put_ownership(const struct bc_gateways *set, const char *exchange, bc_mono_time now,
			 struct bc_json_writer *w);
/* How many shards those that are alive miss, and how many symbols they want that nobody has. */
void cache_count_missing(const struct bc_gateways *set, const char *exchange, bc_mono_time now,
			 uint64_t *missing, uint64_t *orphans);
void cache_put_lines(const struct bc_gateways *set, const struct bc_gateway *gateway,
		     bc_mono_time now, struct bc_json_writer *w);

#endif
