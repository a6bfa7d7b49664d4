/* counts.c - what a bus counts and measures, in the public form. */
#include "subscribers/libbookcast/bus.h"

#include "common/clock.h"

#include <string.h>

void bookcast_stats(const bookcast *bus, bookcast_counters *counters, size_t size)
{
	const struct bc_board *board = bc_client_board(bus->client);
	const struct bc_board_stats *s = bc_board_stats(board);
	const struct bc_client_counters *c = bc_client_counters(bus->client);
	const struct bc_gateways *set = bc_board_gateways(board);
	bookcast_counters all = { .messages = s->messages,
				  .bytes = s->bytes,
				  .gaps = c->gaps,
				  .lost = c->lost,
				  .repaired = c->repaired,
				  .duplicates = c->duplicates,
				  .unreadable = s->bad,
				  .questions = c->questions,
				  .unanswered = c->unanswered,
				  .from_memory = bus->n_from_memory,
				  .arbitrated = c->arbitrated,
				  .filled = c->filled };
	bc_mono_time now = bc_boot_now();
	for (size_t i = 0; i < bc_gateways_count(set); i++) {
		const struct bc_gateway *g = bc_gateways_at(set, i);
		all.gateways += !g->replaced;
		all.gone += !g->replaced && bc_gateway_gone(g, now);
	}
	memset(counters, 0, size);
	memcpy(counters, &all, size < sizeof all ? size : sizeof all);
}

int bookcast_audit(bookcast *bus, const char *exchange, const char *symbol, const char *channel,
		   bookcast_account *account, size_t size)
{
	char text[BC_TOPIC_MAX + 1];
	struct bc_account a;
	bc_str topic;
	if (exchange == NULL) {
		bc_client_audit_all(bus->client, &a);
	} else {
		int result = bus_topic(bus, exchange, symbol, channel, text, &topic);
		if (result != BOOKCAST_OK)
			return result;
		if (bc_client_audit(bus->client, topic, &a) != BC_OK)
			return bus_fail(bus, BOOKCAST_ENOTFOUND, "%s is not subscribed", text);
	}
	const bookcast_account all = { a.published, a.received,  a.lost,
				       a.conflated, a.redundant, a.waiting };
	memset(account, 0, size);
	memcpy(account, &all, size < sizeof all ? size : sizeof all);
	return BOOKCAST_OK;
}

void bookcast_latency(const bookcast *bus, bookcast_hop *hop, size_t size)
{
	struct bc_hop now;
	bc_client_latency(bus->client, &now);
	const struct bc_quantiles *q = &now.quantiles;
	const bookcast_hop all = { .count = q->count,
				   .negative = q->negative,
				   .p50_ns = q->p50_ns,
				   .p90_ns = q->p90_ns,
				   .p99_ns = q->p99_ns,
				   .p999_ns = q->p999_ns,
				   .max_ns = q->max_ns,
				   .window_ns = now.window_ns };
	memset(hop, 0, size);
	memcpy(hop, &all, size < sizeof all ? size : sizeof all);
}
