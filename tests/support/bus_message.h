/* bus_message.h - messages as a gateway publishes them, for tests of those who read the bus. */
#ifndef BC_TESTS_BUS_MESSAGE_H
#define BC_TESTS_BUS_MESSAGE_H

#include "proto/codec.h"
#include "proto/topic.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bus_message {
	char frame[4096]; /* topic, NUL, payload */
	bc_str topic, payload;
	size_t n_frame;
};

/* Body and envelope as given; the channel is the topic's. */
static inline struct bus_message *bus_message_encode(struct bus_message *out, const char *topic,
						     struct bc_message *m)
{
	struct bc_topic parts;
	size_t n = strlen(topic), len = 0;
	memcpy(out->frame, topic, n + 1);
	int channel = -1;
	if (bc_topic_split(bc_str_of(topic), &parts) == BC_OK)
		channel = bc_channel_of(parts.channel);
	if (channel < 0) {
		fprintf(stderr, "%s is no topic\n", topic);
		abort();
	}
	m->envelope.channel = (enum bc_channel)channel;
	bc_status rc = bc_message_encode(m, (uint8_t *)out->frame + n + 1,
					 sizeof out->frame - n - 1, &len);
	if (rc != BC_OK) {
		fprintf(stderr, "%s: %s\n", topic, bc_status_text(rc));
		abort();
	}
	out->topic = (bc_str){ out->frame, n };
	out->payload = (bc_str){ out->frame + n + 1, len };
	out->n_frame = n + 1 + len;
	return out;
}

static inline struct bc_envelope bus_envelope(uint64_t epoch, uint64_t seq, enum bc_state state)
{
	return (struct bc_envelope){ .epoch = epoch,
				     .seq = seq,
				     .exchange_seq = BC_SEQ_NONE,
				     .ts_exchange = { BC_TIME_UNKNOWN },
				     .ts_recv = { (int64_t)seq },
				     .ts_publish = { (int64_t)seq },
				     .state = state,
				     .since = { 1 } };
}

/* A book whose best bid is `price`. */
static inline struct bc_message bus_book(struct bc_envelope e, int64_t price, bc_level levels[2])
{
	struct bc_message m = { .envelope = e };
	levels[0] = (bc_level){ { price, 0 }, { 1, 0 } };
	levels[1] = (bc_level){ { price + 1, 0 }, { 2, 0 } };
	m.body.book = (struct bc_book){ &levels[0], &levels[1], 1, 1 };
	return m;
}

static inline struct bc_message bus_heartbeat(struct bc_envelope e, const char *instance,
					      uint64_t symbols_version, const char *endpoint)
{
	struct bc_message m = { .envelope = e };
	m.body.heartbeat = (struct bc_heartbeat){ .instance = bc_str_of(instance),
						  .version = BC_STR("0.1.0"),
						  .shard_count = 1,
						  .pid = 42,
						  .started = { 7 },
						  .interval_ns = BC_NS_PER_S,
						  .n_endpoints = 1,
						  .symbols_version = symbols_version };
	m.body.heartbeat.endpoints[0] = bc_str_of(endpoint);
	return m;
}

/* The list is borrowed from list_bytes[512]. */
static inline struct bc_message bus_symbols(struct bc_envelope e, uint64_t version,
					    const bc_str *symbols, uint32_t n, uint8_t *list_bytes)
{
	struct bc_message m = { .envelope = e };
	m.body.state.symbols_version = version;
	if (bc_list_encode(symbols, n, list_bytes, 512, &m.body.state.symbols) != BC_OK) {
		fprintf(stderr, "bus_symbols: too many\n");
		abort();
	}
	return m;
}

#endif
