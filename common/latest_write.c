/* latest_write.c - the places of topics, and their messages. */
#include "common/latest_writer.h"

#include "common/blocks.h"
#include "proto/codec.h"

#include <stdlib.h>
#include <string.h>

#define TOPIC_USUAL 24 /* bytes */

/* ------------------------------------------------------------------ one slot */

/* Bytes in whole words, the last one filled up with zeros. Returns the next free word. */
static words put_bytes(words at, bc_str bytes)
{
	uint64_t piece;
	size_t i = 0;
	for (; i + 8 <= bytes.n; i += 8) {
		memcpy(&piece, bytes.p + i, 8);
		store(at++, piece);
	}
	if (i == bytes.n)
		return at;
	piece = 0;
	memcpy(&piece, bytes.p + i, bytes.n - i);
	store(at++, piece);
	return at;
}

static words payload_of(words slot)
{
	return &slot[BC_SLOT_TOPIC + (topic_bytes(slot) + 7) / 8];
}

static void clear_slot(words slot, bc_str topic)
{
	open_slot(slot);
	for (unsigned i = BC_SLOT_SIZES; i < BC_SLOT_TOPIC; i++)
		store(&slot[i], 0);
	store(&slot[BC_SLOT_SIZES], topic.n);
	store(&slot[BC_SLOT_PROVEN], (uint64_t)BC_TIME_UNKNOWN);
	put_bytes(&slot[BC_SLOT_TOPIC], topic);
	close_slot(slot);
}

/* ------------------------------------------------------------------ topics come and go */

static bc_status number_reserve(struct bc_latest_writer *w, uint32_t number)
{
	uint32_t room = w->n_numbers == 0 ? 256 : w->n_numbers;
	while (room <= number && room < UINT32_MAX / 2)
		room *= 2;
	if (room == w->n_numbers)
		return BC_OK;
	struct latest_numbered *by_number = realloc(w->by_number, room * sizeof *by_number);
	if (by_number == NULL)
		return BC_ENOMEM;
	memset(by_number + w->n_numbers, 0, (room - w->n_numbers) * sizeof *by_number);
	w->by_number = by_number;
	w->n_numbers = room;
	return BC_OK;
}

/* A hole of just this size: symbols have the same topics, so there mostly is one. 0: none. */
static uint64_t take_hole(struct bc_latest_writer *w, uint64_t room)
{
	for (size_t i = w->n_holes; i-- > 0;) {
		if (w->holes[i].room != room)
			continue;
		uint64_t units = w->holes[i].units;
		w->holes[i] = w->holes[--w->n_holes];
		return units;
	}
	return 0;
}

static bc_status find_room(struct bc_latest_writer *w, uint64_t room, uint64_t *units)
{
	char why[BC_LATEST_PATH_MAX + 64];
	bool hole = (*units = take_hole(w, room)) != 0;
	bc_status rc = latest_reserve(w, hole ? 0 : room, why, sizeof why);
	if (hole && rc != BC_OK)
		w->holes[w->n_holes++] = (struct hole){ *units, room };
	if (hole || rc != BC_OK)
		return rc;
	*units = w->next / BC_LATEST_UNIT;
	w->next += room;
	return BC_OK;
}

/* The other topics of a symbol point to its state topic. */
static void point_to_states(struct bc_latest_writer *w, const struct bc_topic *of, uint64_t units)
{
	for (unsigned c = 0; c < BC_N_CHANNELS; c++) {
		for (unsigned i = 0; i < (c == BC_CHANNEL_CANDLE ? BC_N_INTERVALS : 1); i++) {
			char text[BC_TOPIC_MAX + 1];
			size_t n;
			if (c == BC_CHANNEL_STATE ||
			    bc_topic_make(of->exchange, of->symbol, (enum bc_channel)c,
					  (enum bc_interval)i, text, &n) != BC_OK)
				continue;
			uint64_t other = latest_find(w, (bc_str){ text, n });
			if (other == 0)
				continue;
			words slot = slot_of(w, other);
			open_slot(slot);
			store(&slot[BC_SLOT_STATES], units);
			close_slot(slot);
		}
	}
}

static void point(struct bc_latest_writer *w, const struct bc_topic *topic, uint64_t units)
{
	char text[BC_TOPIC_MAX + 1];
	size_t n;
	if (bc_channel_of(topic->channel) == BC_CHANNEL_STATE)
		point_to_states(w, topic, units);
	else if (bc_topic_make(topic->exchange, topic->symbol, BC_CHANNEL_STATE, 0, text, &n) ==
		 BC_OK)
		store(&slot_of(w, units)[BC_SLOT_STATES], latest_find(w, (bc_str){ text, n }));
}

bc_status bc_latest_add(struct bc_latest_writer *w, uint32_t number, bc_str text,
			size_t max_payload)
{
	struct bc_topic topic;
	uint64_t units;
	bc_status rc = bc_topic_split(text, &topic);
	if (rc == BC_OK)
		rc = number_reserve(w, number);
	if (rc == BC_OK && (w->by_number[number].units != 0 || latest_find(w, text) != 0))
		rc = BC_EDUPLICATE;
	if (rc == BC_OK && max_payload > BC_LATEST_MAX_PAYLOAD)
		max_payload = BC_LATEST_MAX_PAYLOAD; /* longer ones are left out */
	uint64_t bytes = BC_SLOT_TOPIC * 8 + (text.n + 7) / 8 * 8 + (max_payload + 7) / 8 * 8;
	uint64_t room = (bytes + BC_LATEST_UNIT - 1) / BC_LATEST_UNIT * BC_LATEST_UNIT;
	if (rc == BC_OK)
		rc = find_room(w, room, &units);
	if (rc != BC_OK) {
		w->stats.left_out++;
		return rc;
	}
	words slot = slot_of(w, units);
	store(&slot[BC_SLOT_ROOM], room);
	clear_slot(slot, text);
	point(w, &topic, units);
	latest_enter(w, text, units);
	w->by_number[number] = (struct latest_numbered){ .units = (uint32_t)units };
	w->stats.topics++;
	return BC_OK;
}

static void keep_hole(struct bc_latest_writer *w, uint64_t units, uint64_t room)
{
	if (w->n_holes == w->cap_holes) {
		size_t cap = w->cap_holes == 0 ? 64 : 2 * w->cap_holes;
		struct hole *holes = realloc(w->holes, cap * sizeof *holes);
		if (holes == NULL)
			return; /* its room is lost until the next start */
		w->holes = holes;
		w->cap_holes = cap;
	}
	w->holes[w->n_holes++] = (struct hole){ units, room };
}

void bc_latest_remove(struct bc_latest_writer *w, uint32_t number)
{
	uint64_t units = number < w->n_numbers ? w->by_number[number].units : 0;
	struct bc_topic topic;
	if (units == 0)
		return;
	words slot = slot_of(w, units);
	if (bc_topic_split(topic_of(slot), &topic) == BC_OK &&
	    bc_channel_of(topic.channel) == BC_CHANNEL_STATE)
		point_to_states(w, &topic, 0);
	latest_leave(w, topic_of(slot));
	clear_slot(slot, BC_STR(""));
	keep_hole(w, units, load(&slot[BC_SLOT_ROOM]));
	w->by_number[number] = (struct latest_numbered){ .units = 0 };
	w->stats.topics--;
}

/* ------------------------------------------------------------------ messages */

static bool is_history(words slot, const struct bc_latest_news *news)
{
	const struct bc_envelope *e = news->envelope;
	struct bc_message kept;
	uint64_t n_payload = load(&slot[BC_SLOT_SIZES]) >> 32;
	if ((e->flags & BC_FLAG_REST) == 0 || load(&slot[BC_SLOT_SEQ]) == 0)
		return false;
	struct bc_happened one = { e->ts_exchange, news->ts_open, news->trade_id };
	struct bc_happened before = { .ts_exchange = { (int64_t)load(&slot[BC_SLOT_TS_EXCHANGE]) },
				      .ts_open = { (int64_t)load(&slot[BC_SLOT_TS_OPEN]) } };
	bc_str payload = { (const char *)payload_of(slot), n_payload };
	if (e->channel == BC_CHANNEL_TRADE && bc_message_decode(payload, &kept, NULL, 0) == BC_OK)
		before.trade_id = kept.body.trade.trade_id;
	return bc_is_history(e->channel, e->flags, &one, &before);
}

static void put_payload(struct bc_latest_writer *w, words slot, bc_str payload)
{
	uint64_t n_topic = topic_bytes(slot);
	uint64_t used = BC_SLOT_TOPIC * 8 + (n_topic + 7) / 8 * 8;
	uint64_t room = load(&slot[BC_SLOT_ROOM]) - used;
	if (payload.n > room || payload.n > BC_LATEST_MAX_PAYLOAD) {
		w->stats.too_long++;
		payload.n = 0;
	}
	store(&slot[BC_SLOT_SIZES], n_topic | (uint64_t)payload.n << 32);
	put_bytes(&slot[BC_SLOT_TOPIC + (n_topic + 7) / 8], payload);
}

static void put_data(struct bc_latest_writer *w, words slot, bc_mono_time now,
		     const struct bc_latest_news *news)
{
	const struct bc_envelope *e = news->envelope;
	if (load(&slot[BC_SLOT_SEQ]) == 0 || (e->flags & BC_FLAG_STATE) == 0)
		store(&slot[BC_SLOT_CHANGED], (uint64_t)now.ns);
	store(&slot[BC_SLOT_EXCHANGE_SEQ], e->exchange_seq);
	store(&slot[BC_SLOT_TS_EXCHANGE], (uint64_t)e->ts_exchange.ns);
	store(&slot[BC_SLOT_TS_RECV], (uint64_t)e->ts_recv.ns);
	store(&slot[BC_SLOT_TS_OPEN], (uint64_t)news->ts_open.ns);
	put_payload(w, slot, news->payload);
}

/* As the board does it: a fit message proves what it says; when the state is no longer fit, what
 * heartbeats have proved until now is noted. */
static void put_word(struct bc_latest_writer *w, words slot, bc_mono_time now,
		     const struct bc_envelope *e)
{
	int64_t proven = (int64_t)load(&slot[BC_SLOT_PROVEN]);
	bool was_fit = load(&slot[BC_SLOT_SEQ]) != 0 &&
		       bc_state_fit((unsigned)(load(&slot[BC_SLOT_WORD]) & 0xff));
	if (was_fit && !bc_state_fit(e->state) && w->heard > proven)
		proven = w->heard;
	if (bc_state_fit_if_rest(e->state))
		proven = now.ns;
	store(&slot[BC_SLOT_PROVEN], (uint64_t)proven);
	store(&slot[BC_SLOT_SEQ], e->seq);
	store(&slot[BC_SLOT_WORD], (uint64_t)e->state | (uint64_t)e->reason << 8 |
					   (uint64_t)e->channel << 16 | (uint64_t)e->flags << 32);
	store(&slot[BC_SLOT_SINCE], (uint64_t)e->since.ns);
}

void bc_latest_soon(const struct bc_latest_writer *w, uint32_t number)
{
	if (number < w->n_numbers)
		__builtin_prefetch(&w->by_number[number], 1);
}

void bc_latest_next(const struct bc_latest_writer *w, uint32_t number)
{
	if (number >= w->n_numbers || w->by_number[number].units == 0)
		return;
	const struct latest_numbered n = w->by_number[number];
	const char *slot = (const char *)slot_of(w, n.units);
	const size_t bytes = BC_SLOT_TOPIC * sizeof(uint64_t) + TOPIC_USUAL + n.payload;
	for (size_t at = 0; at < bytes; at += BC_CACHE_LINE)
		__builtin_prefetch(slot + at, 1);
}

void bc_latest_put(struct bc_latest_writer *w, bc_mono_time now, uint32_t number,
		   const struct bc_latest_news *news)
{
	uint64_t units = number < w->n_numbers ? w->by_number[number].units : 0;
	const struct bc_envelope *e = news->envelope;
	if (units == 0)
		return;
	w->by_number[number].payload = (uint32_t)news->payload.n;
	words slot = slot_of(w, units);
	bool welcome = (e->flags & BC_FLAG_WELCOME) != 0;
	if (welcome &&
	    (load(&slot[BC_SLOT_SIZES]) >> 32 != 0 || load(&slot[BC_SLOT_SEQ]) != e->seq))
		return; /* it is there */
	bool history = !welcome && is_history(slot, news);
	open_slot(slot);
	if (welcome)
		put_payload(w, slot, news->payload);
	else if (!history)
		put_data(w, slot, now, news);
	if (!welcome)
		put_word(w, slot, now, e);
	close_slot(slot);
}

void bc_latest_beat(struct bc_latest_writer *w, bc_mono_time now)
{
	w->heard = now.ns;
	store(&header_of(w->bytes)->heard, (uint64_t)now.ns);
}
