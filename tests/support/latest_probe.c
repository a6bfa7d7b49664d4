/* latest_probe - what bookcast_latest() and bookcast_state() say, in lines that can be compared.
 * Used by tests/integration/latest_test.py.
 *
 *   latest_probe CACHE-ENDPOINT        then lines of "exchange symbol channel" on stdin
 *
 * A line of answer each: result, where from, state, reason, since, age, proven, epoch, seq, and all
 * of the message; the last field is the number of answers out of memory so far. */
#include "subscribers/libbookcast/include/bookcast.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static void print_decimal(bookcast_decimal d)
{
	char text[BOOKCAST_DECIMAL_MAX];
	printf("%s,", bookcast_decimal_text(d, text));
}

static void print_levels(const bookcast_level *levels, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		print_decimal(levels[i].price);
		print_decimal(levels[i].quantity);
	}
	printf("|");
}

static void print_body(const bookcast_message *m)
{
	switch (m->channel) {
	case BOOKCAST_BOOK:
	case BOOKCAST_BBO:
		print_levels(m->body.book.bids, m->body.book.n_bids);
		print_levels(m->body.book.asks, m->body.book.n_asks);
		break;
	case BOOKCAST_TRADE:
		print_decimal(m->body.trade.price);
		print_decimal(m->body.trade.quantity);
		printf("%d,%s", m->body.trade.side, m->body.trade.trade_id);
		break;
	case BOOKCAST_TICKER:
		print_decimal(m->body.ticker.last);
		print_decimal(m->body.ticker.quote_volume);
		print_decimal(m->body.ticker.change);
		break;
	case BOOKCAST_CANDLE:
		printf("%s,%" PRId64 ",%d,", m->body.candle.interval, m->body.candle.ts_open,
		       m->body.candle.closed);
		print_decimal(m->body.candle.close);
		print_decimal(m->body.candle.volume);
		break;
	case BOOKCAST_INSTRUMENT:
		printf("%s,%s,%s,", m->body.instrument.base, m->body.instrument.quote,
		       m->body.instrument.unified);
		print_decimal(m->body.instrument.tick);
		break;
	case BOOKCAST_STATE:
		printf("%d", m->body.state.previous);
		break;
	default:
		printf("?");
	}
}

static void answer(bookcast *bus, const char *exchange, const char *symbol, const char *channel)
{
	static const char *const sources[] = { "gateway", "cache", "here", "memory" };
	const bookcast_message *m;
	bookcast_condition c = { .age_ns = BOOKCAST_NEVER, .proven_ns = BOOKCAST_NEVER };
	bookcast_counters counters;
	int rc = bookcast_latest(bus, exchange, symbol, channel, &m);
	if (rc != BOOKCAST_OK) {
		printf("%d none\n", rc);
		return;
	}
	printf("%d %s %s %s %" PRId64 " ", rc, sources[m->source], bookcast_state_word(m->state),
	       bookcast_reason_word(m->reason), m->since);
	printf("%" PRIu64 " %" PRIu64 " %s %s %s %d:%" PRIu64 " %" PRId64 " %" PRId64 " %" PRId64
	       " %u ",
	       m->epoch, m->seq, m->topic, m->exchange, m->symbol, m->has_exchange_seq,
	       m->exchange_seq, m->ts_exchange, m->ts_recv, m->ts_publish, m->flags);
	print_body(m);
	rc = bookcast_state(bus, exchange, symbol, channel, &c);
	bookcast_stats(bus, &counters, sizeof counters);
	printf(" %d %s %s %" PRId64 " %" PRId64 " %" PRId64 " %" PRIu64 "\n", rc,
	       bookcast_state_word(c.state), bookcast_reason_word(c.reason), c.since, c.age_ns,
	       c.proven_ns, counters.from_memory);
}

int main(int argc, char **argv)
{
	char line[512], exchange[128], symbol[128], channel[64];
	bookcast *bus = bookcast_connect(argc > 1 ? argv[1] : NULL);
	if (bus == NULL)
		return 1;
	puts("{}"); /* the line that says it is ready */
	fflush(stdout);
	while (fgets(line, sizeof line, stdin) != NULL) {
		if (sscanf(line, "%127s %127s %63s", exchange, symbol, channel) == 3)
			answer(bus, exchange, symbol, channel);
		else
			puts("?");
		fflush(stdout);
	}
	bookcast_close(&bus);
	return 0;
}
