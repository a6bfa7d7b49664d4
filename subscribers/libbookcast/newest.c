/* newest.c - the newest message of a topic, or its condition: out of the gateways' memory where
 * they are on this machine, else of the cache. */
#include "subscribers/libbookcast/bus.h"

#include "common/clock.h"
#include "proto/codec.h"

#include <string.h>

/* ---- what is in the gateways' memory ---- */

/* The topic, if it can be one in memory: a symbol in the exchange's own spelling. What is found
 * there is a good topic, so nothing else needs to be checked. */
static bool plain_topic(const char *exchange, const char *symbol, const char *channel,
			char out[BC_TOPIC_MAX + 1], bc_str *topic, bc_str *of)
{
	if (exchange == NULL || symbol == NULL || channel == NULL)
		return false;
	size_t n_exchange = strlen(exchange), n_symbol = strlen(symbol),
	       n_channel = strlen(channel);
	if (n_exchange > BC_TOPIC_MAX || n_symbol > BC_TOPIC_MAX || n_channel > BC_TOPIC_MAX ||
	    n_exchange + n_symbol + n_channel + 2 > BC_TOPIC_MAX ||
	    memchr(exchange, '.', n_exchange) != NULL || memchr(channel, '.', n_channel) != NULL ||
	    memchr(symbol, '/', n_symbol) != NULL)
		return false;
	char *p = mempcpy(out, exchange, n_exchange);
	*p++ = '.';
	p = mempcpy(p, symbol, n_symbol);
	*p++ = '.';
	memcpy(p, channel, n_channel + 1);
	*topic = (bc_str){ out, n_exchange + n_symbol + n_channel + 2 };
	*of = (bc_str){ out, n_exchange };
	return true;
}

/* BC_OK: the answer is there; BC_EAGAIN: to be given if the cache is silent. */
static bc_status read_memory(bookcast *bus, const char *exchange, const char *symbol,
			     const char *channel, char text[BC_TOPIC_MAX + 1], bc_str *topic,
			     struct bc_board_answer *answer)
{
	bc_str of;
	if (bus->latest == NULL || !plain_topic(exchange, symbol, channel, text, topic, &of) ||
	    bc_client_follows(bus->client, *topic))
		return BC_ENOTFOUND;
	bc_mono_time now = bc_boot_now();
	bc_status rc = latest_get(bus->latest, of, *topic, now, answer);
	if (rc == BC_EAGAIN && now.ns < bus->silent_until.ns)
		rc = BC_OK;
	bus->n_from_memory += rc == BC_OK;
	return rc;
}

/* The cache was asked and did not answer: what memory says, though it is not fit. */
static int instead_of_cache(bookcast *bus)
{
	bus->silent_until.ns = bc_boot_now().ns + BUS_ASK_WITHIN;
	bus->n_from_memory++;
	return BOOKCAST_OK;
}

/* ---- the newest message of a topic ---- */

typedef bc_status ask_fn(struct bc_client *client, bc_str topic, int64_t timeout_ns,
			 struct bc_board_answer *answer);

struct asked {
	char text[BC_TOPIC_MAX + 1];
	bc_str topic;
	struct bc_board_answer answer;
	enum bc_client_source source;
};

static int find(bookcast *bus, ask_fn *ask, bool payload, const char *exchange, const char *symbol,
		const char *channel, struct asked *a)
{
	a->source = BC_FROM_MEMORY;
	a->answer.payload.n = 0;
	bc_status here =
		read_memory(bus, exchange, symbol, channel, a->text, &a->topic, &a->answer);
	bool enough = here != BC_ENOTFOUND && (!payload || a->answer.payload.n > 0);
	if (here == BC_OK && enough)
		return BOOKCAST_OK;
	int result = bus_topic(bus, exchange, symbol, channel, a->text, &a->topic);
	if (result != BOOKCAST_OK)
		return result;
	const struct bc_board_answer memory = a->answer;
	bc_status rc = ask(bus->client, a->topic, BUS_ASK_WITHIN, &a->answer);
	if (rc != BC_OK && enough) {
		a->answer = memory;
		return instead_of_cache(bus);
	}
	if (rc != BC_OK)
		return bus_fail_as(bus, rc);
	a->source = bc_client_follows(bus->client, a->topic) ? BC_FROM_GATEWAY : BC_FROM_CACHE;
	return a->answer.status == BC_BOARD_OK ? BOOKCAST_OK
					       : bus_fail_status(bus, a->answer.status, a->text);
}

int bookcast_latest(bookcast *bus, const char *exchange, const char *symbol, const char *channel,
		    const bookcast_message **message)
{
	struct asked a;
	int result = find(bus, bc_client_get, true, exchange, symbol, channel, &a);
	if (result != BOOKCAST_OK)
		return result;
	bc_status rc =
		bc_message_decode(a.answer.payload, &bus->message, bus->levels, BUS_MAX_LEVELS);
	struct bc_client_event event = { .source = a.source,
					 .topic = a.topic,
					 .message = &bus->message,
					 .state = a.answer.state,
					 .reason = a.answer.reason,
					 .since = a.answer.since };
	if (rc == BC_OK)
		rc = present(&bus->presentation, &event);
	if (rc != BC_OK)
		return bus_fail_as(bus, rc);
	*message = &bus->presentation.message;
	return BOOKCAST_OK;
}

int bookcast_state(bookcast *bus, const char *exchange, const char *symbol, const char *channel,
		   bookcast_condition *condition)
{
	struct asked a;
	int result = find(bus, bc_client_state, false, exchange, symbol, channel, &a);
	if (result != BOOKCAST_OK)
		return result;
	*condition = (bookcast_condition){ (int)a.answer.state, (int)a.answer.reason,
					   a.answer.since.ns, a.answer.age_ns, a.answer.proven_ns };
	return BOOKCAST_OK;
}

int bookcast_fit(bookcast *bus, const char *exchange, const char *symbol, const char *channel,
		 int max_age_ms)
{
	bookcast_condition c;
	if (bookcast_state(bus, exchange, symbol, channel, &c) != BOOKCAST_OK)
		return 0;
	return bc_state_fit((unsigned)c.state) &&
	       (max_age_ms <= 0 || c.proven_ns <= max_age_ms * BC_NS_PER_MS);
}
