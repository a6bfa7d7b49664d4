/* stream_probe - what bookcast_recv() hands out, a line of JSON each, as it comes. Used by
 * tests/integration/ab_lines_test.py.
 *
 *   stream_probe CACHE-ENDPOINT exchange/symbol/channel...      until stdin ends or SIGTERM
 *
 * {"topic":..,"epoch":..,"seq":..,"lost":..,"number":..,"ts":..,"source":..,"state":..,"reason":..,
 *  "flags":..,"fit":..,"id":..|"bid":..}; now and then, and at the end {"counters":{..}}. */
#include "subscribers/libbookcast/include/bookcast.h"

#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

static void print_message(bookcast *bus, const bookcast_message *m)
{
	char text[BOOKCAST_DECIMAL_MAX] = "";
	const char *channel = strrchr(m->topic, '.') + 1;
	printf("{\"topic\":\"%s\",\"epoch\":%" PRIu64 ",\"seq\":%" PRIu64 ",\"lost\":%" PRIu64
	       ",\"number\":%" PRId64 ",\"ts\":%" PRId64 ",\"source\":%d,\"state\":\"%s\","
	       "\"reason\":\"%s\",\"flags\":%u,\"fit\":%d",
	       m->topic, m->epoch, m->seq, m->n_lost,
	       m->has_exchange_seq ? (int64_t)m->exchange_seq : -1, m->ts_exchange, m->source,
	       bookcast_state_word(m->state), bookcast_reason_word(m->reason), m->flags,
	       bookcast_fit(bus, m->exchange, m->symbol, channel, 0));
	if (m->channel == BOOKCAST_TRADE)
		printf(",\"id\":\"%s\"", m->body.trade.trade_id);
	if (m->channel == BOOKCAST_BOOK && m->body.book.n_bids > 0)
		printf(",\"bid\":\"%s\"", bookcast_decimal_text(m->body.book.bids[0].price, text));
	printf("}\n");
}

static void print_counters(const bookcast *bus)
{
	bookcast_counters c;
	bookcast_stats(bus, &c, sizeof c);
	printf("{\"counters\":{\"lost\":%" PRIu64 ",\"gaps\":%" PRIu64 ",\"arbitrated\":%" PRIu64
	       ",\"filled\":%" PRIu64 ",\"gateways\":%" PRIu64 ",\"gone\":%" PRIu64 "}}\n",
	       c.lost, c.gaps, c.arbitrated, c.filled, c.gateways, c.gone);
	fflush(stdout);
}

static int subscribe(bookcast *bus, char *what)
{
	const char *exchange = strtok(what, "/"), *symbol = strtok(NULL, "/");
	return bookcast_subscribe(bus, exchange, symbol, strtok(NULL, "/"));
}

int main(int argc, char **argv)
{
	bookcast *bus = argc < 3 ? NULL : bookcast_connect(argv[1]);
	const bookcast_message *m;
	struct pollfd in = { .fd = 0, .events = POLLIN };
	if (bus == NULL)
		return 1;
	for (int i = 2; i < argc; i++)
		if (subscribe(bus, argv[i]) != BOOKCAST_OK) {
			fprintf(stderr, "%s: %s\n", argv[i], bookcast_error(bus));
			return 1;
		}
	printf("{\"ready\":true}\n");
	fflush(stdout);
	while (poll(&in, 1, 0) == 0) {
		int n = 0, rc = bookcast_recv(bus, 100, &m);
		for (; rc == BOOKCAST_MESSAGE && ++n < 1000; rc = bookcast_recv(bus, 0, &m))
			print_message(bus, m);
		if (rc < 0)
			return 1;
		print_counters(bus);
	}
	bookcast_close(&bus);
	return 0;
}
