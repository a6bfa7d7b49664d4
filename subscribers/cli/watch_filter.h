/* watch_filter.h - what `bookcast watch` was asked to show.
 *
 *   upbit                    everything of an exchange (as does "upbit.")
 *   upbit.KRW-BTC            everything of a symbol
 *   upbit.KRW-BTC.book       one topic
 *   'upbit.KRW-*' '*.book'   a shell pattern, of exchange.symbol or of the whole topic
 *
 * Gateways' own topics (upbit.@0.heartbeat) are shown only where '@' was written. */
#ifndef CLI_WATCH_FILTER_H
#define CLI_WATCH_FILTER_H

#include "subscribers/cli/cli.h"

struct watch_filter {
	enum { FILTER_TOPIC, FILTER_PREFIX, FILTER_PATTERN } kind;
	char text[BC_TOPIC_MAX + 8];
	bool own_topics; /* '@' was written */
};

/* Reads one argument; asks the cache for a unified name. */
enum cli_status watch_filter_read(struct cli *cli, const char *argument, struct watch_filter *out);
/* What to subscribe to: a prefix, or (FILTER_TOPIC) the whole topic. */
bc_str watch_filter_subscription(const struct watch_filter *f);
/* The exchange it is about; empty: any. */
bc_str watch_filter_exchange(const struct watch_filter *f);
bool watch_filter_shows(const struct watch_filter *f, bc_str topic, const struct bc_topic *parts);

#endif
