/* binance_session.c - one WebSocket connection: its streams, its limits, its life. */
#include "publisher/simulator/binance.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CLOSE_GOING_AWAY 1001
#define CLOSE_POLICY     1008
#define PATH_MAX_BYTES   HTTP_HEAD_MAX

void *binance_session_new(void *state)
{
	struct binance_session *s = calloc(1, sizeof *s);

	if (s == NULL)
		return NULL;
	s->state = state;
	sim_limit_init(&s->messages, s->state->messages_per_s, BC_NS_PER_S);
	return s;
}

void binance_session_free(void *session)
{
	struct binance_session *s = session;

	if (s == NULL)
		return;
	free(s->streams);
	binance_changes_free(&s->scratch);
	sim_buffer_free(&s->text);
	sim_buffer_free(&s->payload);
	free(s);
}

bool binance_subscribed(const void *session)
{
	const struct binance_session *s = session;

	return s->n_streams > 0;
}

size_t binance_n_streams(const void *session)
{
	const struct binance_session *s = session;

	return s->n_streams;
}

bool binance_wants(const void *session, bc_str stream)
{
	const struct binance_session *s = session;

	if (s->closing || s->state->silent[s->route])
		return false;
	for (size_t i = 0; i < s->n_streams; i++)
		if (binance_stream_covers(&s->streams[i], stream))
			return true;
	return false;
}

static void end(struct binance_session *s, uint16_t code, const struct sim_sink *sink)
{
	s->closing = true;
	sink->close(sink->self, code, 0);
}

/* ------------------------------------------------------------------ the beginning */

/* The streams of the path or the query; nobody is told of those that make no sense. */
static void subscribe_list(struct binance_session *s, const struct sim_world *world, bc_str list)
{
	while (list.n > 0) {
		const char *slash = memchr(list.p, '/', list.n);
		size_t n = slash != NULL ? (size_t)(slash - list.p) : list.n;

		binance_subscribe(s, world, (bc_str){ list.p, n });
		n += slash != NULL;
		list.p += n;
		list.n -= n;
	}
}

void binance_opened(void *session, const struct sim_world *world, const struct http_request *r,
		    const struct sim_sink *sink)
{
	struct binance_session *s = session;
	char text[PATH_MAX_BYTES];
	bc_str streams = { NULL, 0 };

	(void)sink;
	s->opened_ns = world->mono.ns;
	s->pinged_ns = world->mono.ns;
	binance_path(s->state->dialect, r->path, &s->route, &s->combined, &streams);
	s->micro = !s->state->dialect->usdm &&
		   http_query(r, "timeUnit", text, sizeof text) == BC_OK &&
		   (strcmp(text, "MICROSECOND") == 0 || strcmp(text, "microsecond") == 0);
	subscribe_list(s, world, streams);
	if (s->combined && http_query(r, "streams", text, sizeof text) == BC_OK)
		subscribe_list(s, world, bc_str_of(text));
}

/* ------------------------------------------------------------------ what the client sends */

/* Pings, pongs and messages count alike. */
static bool admit(struct binance_session *s, const struct sim_world *world,
		  const struct sim_sink *sink)
{
	if (s->closing)
		return false;
	if (sim_limit_take(&s->messages, world->mono) || world->forgiving)
		return true;
	end(s, CLOSE_POLICY, sink);
	return false;
}

void binance_control(void *session, const struct sim_world *world, enum ws_opcode opcode,
		     bc_str payload, const struct sim_sink *sink)
{
	struct binance_session *s = session;

	if (!admit(s, world, sink) || opcode != WS_PONG)
		return;
	if (s->pong_due_ns != 0 && bc_str_is(payload, s->ping))
		s->pong_due_ns = 0; /* any other pong is allowed and proves nothing */
}

void binance_message(void *session, const struct sim_world *world, bc_str text,
		     const struct sim_sink *sink)
{
	struct binance_session *s = session;

	if (admit(s, world, sink))
		binance_answer(s, world, text, sink);
}

/* ------------------------------------------------------------------ its life */

static void tick_life(struct binance_session *s, const struct sim_world *world,
		      const struct sim_sink *sink)
{
	int64_t now = world->mono.ns;

	if (now - s->opened_ns >= s->state->life_ns) {
		end(s, CLOSE_GOING_AWAY, sink);
		return;
	}
	if (sink->ping == NULL)
		return;
	if (s->pong_due_ns != 0 && now >= s->pong_due_ns) {
		end(s, CLOSE_POLICY, sink);
		return;
	}
	if (now - s->pinged_ns < s->state->ping_ns)
		return;
	s->pinged_ns = now;
	snprintf(s->ping, sizeof s->ping, "%lld", (long long)(world->now.ns / BC_NS_PER_MS));
	if (s->pong_due_ns == 0)
		s->pong_due_ns = now + s->state->pong_ns;
	sink->ping(sink->self, bc_str_of(s->ping));
}

void binance_shutdown(void *session, const struct sim_world *world, int64_t after_ns,
		      const struct sim_sink *sink)
{
	struct binance_session *s = session;

	sim_buffer_clear(&s->text);
	sim_buffer_text(&s->text, s->combined ? "{\"stream\":\"!serverShutdown\",\"data\":" : "");
	sim_buffer_printf(&s->text, "{\"e\":\"serverShutdown\",\"E\":%lld}%s",
			  (long long)binance_time(world, world->now, s->micro),
			  s->combined ? "}" : "");
	if (!s->text.failed)
		sink->reply(sink->self, (bc_str){ s->text.data, s->text.n });
	sim_buffer_clear(&s->text);
	sink->close(sink->self, CLOSE_GOING_AWAY, after_ns);
}

/* ------------------------------------------------------------------ data */

/* Sends what is in s->payload. */
static void send_payload(struct binance_session *s, const struct sim_world *world,
			 const struct binance_stream *stream, const struct sim_sink *sink)
{
	const struct sim_buffer *out = &s->payload;

	if (s->combined) {
		sim_buffer_text(&s->text, "{\"stream\":");
		sim_buffer_json(&s->text, bc_str_of(stream->name));
		sim_buffer_text(&s->text, ",\"data\":");
		sim_buffer_add(&s->text, s->payload.data, s->payload.n);
		sim_buffer_char(&s->text, '}');
		out = &s->text;
	}
	if (!out->failed && !s->payload.failed)
		sink->data(sink->self, bc_str_of(market_spec(world->market, stream->symbol)->name),
			   (bc_str){ out->data, out->n });
	sim_buffer_clear(&s->text);
	sim_buffer_clear(&s->payload);
}

/* Spreads the symbols over the grid, so that not all books come in the same instant. */
static bool slot_is_due(struct binance_stream *stream, const struct sim_world *world)
{
	int64_t slot;

	if (stream->every_ns == 0)
		return true;
	slot = (world->now.ns + (int64_t)(stream->symbol % 10) * (stream->every_ns / 10)) /
	       stream->every_ns;
	if (slot == stream->slot)
		return false;
	stream->slot = slot;
	return true;
}

/* The best prices, if they are not what was sent last. */
static bool best_changed(struct binance_stream *stream, const struct market *m)
{
	int64_t best[4] = { 0, 0, 0, 0 };

	for (int side = 0; side < 2; side++)
		if (market_depth(m, stream->symbol, (enum market_side)side) > 0)
			market_raw_level(m, stream->symbol, (enum market_side)side, 0,
					 &best[2 * side], &best[2 * side + 1]);
	if (memcmp(best, stream->best, sizeof best) == 0)
		return false;
	memcpy(stream->best, best, sizeof best);
	return true;
}

static void send_trades(struct binance_session *s, const struct binance_writer *w,
			const struct binance_stream *stream, uint64_t n,
			const struct sim_sink *sink)
{
	uint64_t behind = n - stream->cursor;

	if (behind > MARKET_TRADES_KEPT)
		behind = MARKET_TRADES_KEPT;
	while (behind-- > 0) {
		const struct market_trade *t =
			market_trade(w->world->market, stream->symbol, (size_t)behind);

		if (stream->kind == BINANCE_TRADE)
			binance_put_trade(w, t);
		else
			binance_put_agg_trade(w, t);
		send_payload(s, w->world, stream, sink);
	}
}

static bool candle_is_over(const struct binance_stream *stream, const struct sim_world *world)
{
	return stream->kind == BINANCE_CANDLE && stream->open_ns != 0 &&
	       world->now.ns >=
		       stream->open_ns + binance_intervals[stream->interval].seconds * BC_NS_PER_S;
}

/* The candle it tells of; once more and closed when its time is over, then on to the newest. False:
 * nothing new. */
static bool put_candle(const struct binance_writer *w, struct binance_stream *stream)
{
	const struct market *m = w->world->market;
	int64_t length = binance_intervals[stream->interval].seconds * BC_NS_PER_S;
	struct market_candle c;
	bool over = candle_is_over(stream, w->world);

	if (over && binance_find_candle(m, stream->symbol, stream->interval, stream->open_ns, &c)) {
		stream->open_ns = 0;
	} else if (market_get_candle(m, stream->symbol, stream->interval, 0, &c)) {
		over = w->world->now.ns >= c.open_time.ns + length;
		stream->open_ns = over ? 0 : c.open_time.ns;
	} else {
		return false;
	}
	binance_put_candle(w, &c);
	return true;
}

/* Writes what the stream has to say now. False: nothing. */
static bool put_event(const struct binance_writer *w, struct binance_stream *stream)
{
	switch (stream->kind) {
	case BINANCE_DEPTH:
		return binance_put_depth(w);
	case BINANCE_PARTIAL:
		binance_put_partial(w);
		return true;
	case BINANCE_BOOK_TICKER:
		if (!best_changed(stream, w->world->market))
			return false;
		binance_put_book_ticker(w);
		return true;
	case BINANCE_TICKER:
		binance_put_ticker(w);
		return true;
	case BINANCE_MINI_TICKER:
		binance_put_mini_ticker(w);
		return true;
	case BINANCE_CANDLE:
		return put_candle(w, stream);
	default:
		return false;
	}
}

static uint64_t position(const struct market *m, const struct binance_stream *stream)
{
	return stream->kind <= BINANCE_BOOK_TICKER ? market_seq(m, stream->symbol)
						   : market_n_trades(m, stream->symbol);
}

void binance_stream_begin(struct binance_stream *stream, const struct sim_world *world)
{
	if (stream->kind == BINANCE_NOTHING)
		return;
	stream->cursor = position(world->market, stream);
	slot_is_due(stream, world);
	best_changed(stream, world->market);
}

static void tick_stream(struct binance_session *s, const struct sim_world *world,
			struct binance_stream *stream, bool flush, const struct sim_sink *sink)
{
	struct binance_writer w = { &s->payload, s->state->dialect, world,
				    stream,      s->micro,          &s->scratch };
	uint64_t now = position(world->market, stream);
	bool due = slot_is_due(stream, world);

	if (candle_is_over(stream, world)) {
		if (put_candle(&w, stream))
			send_payload(s, world, stream, sink);
		return;
	}
	if (now == stream->cursor || !(due || flush))
		return;
	if (stream->kind == BINANCE_TRADE || stream->kind == BINANCE_AGG_TRADE)
		send_trades(s, &w, stream, now, sink);
	else if (put_event(&w, stream))
		send_payload(s, world, stream, sink);
	sim_buffer_clear(&s->payload);
	stream->cursor = now;
}

void binance_tick(void *session, const struct sim_world *world, bool flush,
		  const struct sim_sink *sink)
{
	struct binance_session *s = session;

	if (!s->closing)
		tick_life(s, world, sink);
	if (s->closing || world->replay || s->state->silent[s->route])
		return;
	for (size_t i = 0; i < s->n_streams; i++)
		if (s->streams[i].kind != BINANCE_NOTHING)
			tick_stream(s, world, &s->streams[i], flush, sink);
}
