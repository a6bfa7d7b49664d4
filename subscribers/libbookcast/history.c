/* history.c - trades and candles of before, as the cache has them. */
#include "subscribers/libbookcast/bus.h"

#include "common/board_frames.h"
#include "proto/codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Room for n events; what each of them holds is used again. */
static bc_status need_events(bookcast *bus, size_t n)
{
	if (n <= bus->cap_events)
		return BC_OK;
	const bookcast_message **history = calloc(n, sizeof(const bookcast_message *));
	struct presentation *events = calloc(n, sizeof *events);
	if (history == NULL || events == NULL) {
		free(history);
		free(events);
		return BC_ENOMEM;
	}
	if (bus->cap_events > 0)
		memcpy(events, bus->events, bus->cap_events * sizeof *events);
	free(bus->events);
	free(bus->history);
	bus->events = events;
	bus->history = history;
	bus->cap_events = n;
	return BC_OK;
}

static bc_status take_event(bookcast *bus, bc_str topic, const struct bc_board_answer *state,
			    bc_str payload, size_t i)
{
	struct bc_topic parts;
	bc_status rc = bc_message_decode(payload, &bus->message, NULL, 0);
	if (rc == BC_OK)
		rc = bc_topic_split(topic, &parts);
	if (rc == BC_OK && bc_channel_of(parts.channel) != (int)bus->message.envelope.channel)
		rc = BC_EPARSE;
	if (rc != BC_OK)
		return rc;
	const struct bc_client_event event = { .source = BC_FROM_CACHE,
					       .topic = topic,
					       .message = &bus->message,
					       .state = state->state,
					       .reason = state->reason,
					       .since = state->since };
	bus->history[i] = &bus->events[i].message;
	return present(&bus->events[i], &event);
}

/* What the cache answered about the history of a topic. */
static int take_history(bookcast *bus, bc_str topic, const struct bc_rpc_reply *reply)
{
	struct bc_board_answer state;
	if (reply->status == BC_RPC_BAD)
		return bus_fail(bus, BOOKCAST_EINVAL, "the cache refused: %.*s",
				reply->n_answers > 0 ? (int)reply->answers[0].n : 0,
				reply->n_answers > 0 ? reply->answers[0].p : "");
	if (reply->status != BC_RPC_OK || reply->n_answers < BC_STATE_FRAMES ||
	    bc_board_read_state(reply->answers, &state) != BC_OK)
		return bus_fail_as(bus, BC_EPARSE);
	if (state.status != BC_BOARD_OK)
		return bus_fail_status(bus, state.status, topic.p);
	size_t n = reply->n_answers - BC_STATE_FRAMES;
	bc_status rc = need_events(bus, n);
	for (size_t i = 0; i < n && rc == BC_OK; i++)
		rc = take_event(bus, topic, &state, reply->answers[BC_STATE_FRAMES + i], i);
	return rc == BC_OK ? (int)n : bus_fail_as(bus, rc);
}

static int history(bookcast *bus, bc_str verb, const char *exchange, const char *symbol,
		   const char *channel, int n, const bookcast_message *const **messages)
{
	char text[BC_TOPIC_MAX + 1], number[16];
	struct bc_rpc_reply reply;
	bc_str args[2];
	if (n < 1 || n > BC_RPC_MAX_ARGS)
		return bus_fail(bus, BOOKCAST_EINVAL, "%d: must be a number from 1 to 10000", n);
	int result = bus_topic(bus, exchange, symbol, channel, text, &args[0]);
	if (result != BOOKCAST_OK)
		return result;
	snprintf(number, sizeof number, "%d", n);
	args[1] = bc_str_of(number);
	bc_status rc = bc_client_ask(bus->client, verb, args, 2, BUS_ASK_WITHIN, &reply);
	if (rc != BC_OK)
		return bus_fail_as(bus, rc);
	result = take_history(bus, args[0], &reply);
	if (result >= 0)
		*messages = bus->history;
	return result;
}

int bookcast_trades(bookcast *bus, const char *exchange, const char *symbol, int n,
		    const bookcast_message *const **messages)
{
	return history(bus, BC_STR("TRADES"), exchange, symbol, "trade", n, messages);
}

int bookcast_candles(bookcast *bus, const char *exchange, const char *symbol, const char *interval,
		     int n, const bookcast_message *const **messages)
{
	char channel[32];
	if (interval == NULL || bc_interval_of(bc_str_of(interval)) < 0)
		return bus_fail(
			bus, BOOKCAST_EINVAL,
			"'%.20s' is no interval: 1s 1m 3m 5m 10m 15m 30m 1h 2h 4h 6h 8h 12h 1d "
			"3d 1w 1M",
			interval == NULL ? "" : interval);
	snprintf(channel, sizeof channel, "candle-%s", interval);
	return history(bus, BC_STR("CANDLES"), exchange, symbol, channel, n, messages);
}
