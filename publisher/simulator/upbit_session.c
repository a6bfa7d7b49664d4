/* upbit_session.c - one WebSocket connection: what it asked for and what it was told. */
#include "publisher/simulator/upbit.h"

#include <stdlib.h>
#include <string.h>

#define SENDS_PER_S    5
#define SENDS_PER_MIN  100
#define GRID_NS        (100 * BC_NS_PER_MS)
#define CANDLE_GRID_NS BC_NS_PER_S
#define UP_FIRST_NS    (6 * BC_NS_PER_S) /* measured: 5.8 to 7.5 s after PING */
#define UP_EVERY_NS    (10 * BC_NS_PER_S)
#define ERROR_CLOSE_NS (150 * BC_NS_PER_MS)

struct session {
	struct upbit_stream *streams;
	size_t n_streams, cap_streams;
	enum upbit_format format;
	json_t *subscribed; /* array: what LIST_SUBSCRIPTIONS answers */
	struct sim_limit per_s, per_min;
	int64_t next_up_ns; /* monotonic; 0: no PING was seen */
	bool closing;
	struct sim_buffer text; /* of the frame being written */
};

void *upbit_session_new(void *state)
{
	struct session *s = calloc(1, sizeof *s);

	(void)state;
	if (s == NULL)
		return NULL;
	s->subscribed = json_array();
	if (s->subscribed == NULL) {
		free(s);
		return NULL;
	}
	sim_limit_init(&s->per_s, SENDS_PER_S, BC_NS_PER_S);
	sim_limit_init(&s->per_min, SENDS_PER_MIN, 60 * BC_NS_PER_S);
	return s;
}

void upbit_session_free(void *session)
{
	struct session *s = session;

	if (s == NULL)
		return;
	free(s->streams);
	json_decref(s->subscribed);
	sim_buffer_free(&s->text);
	free(s);
}

bool upbit_subscribed(const void *session)
{
	const struct session *s = session;

	return json_array_size(s->subscribed) > 0;
}

/* ------------------------------------------------------------------ answering it */

static void send_text(struct session *s, const struct sim_sink *sink)
{
	if (!s->text.failed)
		sink->reply(sink->self, (bc_str){ s->text.data, s->text.n });
	sim_buffer_clear(&s->text);
}

static void send_refusal(struct session *s, const struct upbit_refusal *r,
			 const struct sim_sink *sink)
{
	struct sim_buffer message = { NULL, 0, 0, false };

	sim_buffer_text(&s->text, "{\"error\":{\"name\":");
	sim_buffer_json(&s->text, bc_str_of(r->name));
	sim_buffer_text(&s->text, ",\"message\":");
	sim_buffer_text(&message, r->word != NULL ? r->word : "");
	sim_buffer_text(&message, r->message);
	s->text.failed |= message.failed;
	sim_buffer_json(&s->text, (bc_str){ message.data, message.n });
	sim_buffer_free(&message);
	sim_buffer_text(&s->text, "}}");
	send_text(s, sink);
	s->closing = true;
	sink->close(sink->self, WS_CLOSE_NORMAL, ERROR_CLOSE_NS);
}

/* {"method":..,"result":[{"type":..,"codes":[..],"level":0}],"ticket":..}, or its SIMPLE keys. */
static void send_subscriptions(struct session *s, const char *ticket, const struct sim_sink *sink)
{
	bool simple = s->format == UPBIT_SIMPLE || s->format == UPBIT_SIMPLE_LIST;
	const json_t *entry;
	size_t i;

	sim_buffer_printf(&s->text, "{\"%s\":\"LIST_SUBSCRIPTIONS\",\"%s\":[",
			  simple ? "mthd" : "method", simple ? "rslt" : "result");
	json_array_foreach(s->subscribed, i, entry)
	{
		const json_t *level = json_object_get(entry, "level");
		char *codes = json_dumps(json_object_get(entry, "codes"), JSON_COMPACT);
		char *number = level != NULL ? json_dumps(level, JSON_ENCODE_ANY) : NULL;

		sim_buffer_printf(&s->text, "%s{\"%s\":\"%s\",\"%s\":", i > 0 ? "," : "",
				  simple ? "ty" : "type",
				  json_string_value(json_object_get(entry, "type")),
				  simple ? "cds" : "codes");
		sim_buffer_text(&s->text, codes != NULL ? codes : "[]");
		if (number != NULL)
			sim_buffer_printf(&s->text, ",\"%s\":%s", simple ? "lv" : "level", number);
		sim_buffer_char(&s->text, '}');
		free(codes);
		free(number);
	}
	sim_buffer_printf(&s->text, "],\"%s\":", simple ? "tckt" : "ticket");
	sim_buffer_json(&s->text, bc_str_of(ticket));
	sim_buffer_char(&s->text, '}');
	send_text(s, sink);
}

/* The new request takes the place of the old one as a whole. */
static void replace(struct session *s, struct upbit_subscribe *q)
{
	free(s->streams);
	s->streams = q->streams;
	s->n_streams = q->n_streams;
	s->cap_streams = q->cap_streams;
	json_decref(s->subscribed);
	s->subscribed = q->subscribed;
	q->streams = NULL;
	q->subscribed = NULL;
}

static void handle(struct session *s, const struct sim_world *world, bc_str text,
		   const struct sim_sink *sink)
{
	struct upbit_subscribe q = { .world = world, .subscribed = json_array() };
	struct upbit_refusal refusal = { "INVALID_PARAM", NULL, "out of memory" };
	json_t *array = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, NULL);

	if (q.subscribed == NULL || !upbit_read_request(&q, array, &refusal)) {
		send_refusal(s, &refusal, sink);
	} else {
		s->format = q.format; /* of everything on this socket, from now on */
		if (q.method != NULL)
			send_subscriptions(s, q.ticket, sink);
		else
			replace(s, &q);
	}
	json_decref(array);
	json_decref(q.subscribed);
	free(q.streams);
}

void upbit_message(void *session, const struct sim_world *world, bc_str text,
		   const struct sim_sink *sink)
{
	struct session *s = session;

	if (s->closing)
		return;
	if (bc_str_is(text, "PING")) {
		if (s->next_up_ns == 0)
			s->next_up_ns = world->mono.ns + UP_FIRST_NS;
		return;
	}
	if (world->forgiving ||
	    (sim_limit_take(&s->per_s, world->mono) && sim_limit_take(&s->per_min, world->mono))) {
		handle(s, world, text, sink);
		return;
	}
	send_refusal(s,
		     &(struct upbit_refusal){ .name = "Too Many Requests",
					      .message = "요청 수 제한을 초과했습니다." },
		     sink);
}

/* ------------------------------------------------------------------ data */

static void send_frame(struct session *s, const struct sim_world *world,
		       struct upbit_stream *stream, bool snapshot, size_t trade,
		       const struct sim_sink *sink)
{
	const struct market_spec *spec = market_spec(world->market, stream->frame.symbol);
	struct upbit_frame f = stream->frame;

	f.format = s->format;
	f.snapshot = snapshot;
	f.trade = trade;
	if (f.type == UPBIT_ORDERBOOK && !snapshot && *world->crossed > 0) {
		f.crossed = true;
		--*world->crossed;
	}
	upbit_write_frame(&s->text, world, &f);
	if (!s->text.failed)
		sink->data(sink->self, bc_str_of(spec->name), (bc_str){ s->text.data, s->text.n });
	sim_buffer_clear(&s->text);
}

/* Trades go out one by one, oldest first; what the market forgot meanwhile is lost. */
static void send_trades(struct session *s, const struct sim_world *world,
			struct upbit_stream *stream, uint64_t n, const struct sim_sink *sink)
{
	uint64_t behind = n - stream->cursor;

	if (behind > MARKET_TRADES_KEPT)
		behind = MARKET_TRADES_KEPT;
	while (behind-- > 0)
		send_frame(s, world, stream, false, (size_t)behind, sink);
}

/* Spreads the symbols over the grid, so that not all books come in the same instant. */
static bool slot_is_due(struct upbit_stream *stream, const struct sim_world *world)
{
	int64_t grid = stream->frame.type == UPBIT_CANDLE ? CANDLE_GRID_NS : GRID_NS;
	int64_t shift = (int64_t)(stream->frame.symbol % 10) * (GRID_NS / 10);
	int64_t slot = (world->now.ns + shift) / grid;

	if (slot == stream->slot)
		return false;
	stream->slot = slot;
	return true;
}

static void tick_stream(struct session *s, const struct sim_world *world,
			struct upbit_stream *stream, bool flush, const struct sim_sink *sink)
{
	struct upbit_frame *f = &stream->frame;
	uint64_t now = upbit_position(world->market, f);
	bool gone = market_delisted(world->market, f->symbol); /* nothing will come after this */
	bool due;

	if (stream->want_snapshot) {
		stream->want_snapshot = false;
		send_frame(s, world, stream, true, 0, sink);
		stream->cursor = now;
		stream->told_gone = gone;
		return;
	}
	if (!stream->want_realtime)
		return;
	if (f->type == UPBIT_TRADE) {
		send_trades(s, world, stream, now, sink);
		stream->cursor = now;
		return;
	}
	due = stream->cursor != now && (slot_is_due(stream, world) || flush || gone);
	if (f->type == UPBIT_TICKER && gone && !stream->told_gone)
		due = true; /* its state is news even without a trade */
	if (!due)
		return;
	send_frame(s, world, stream, false, 0, sink);
	stream->cursor = now;
	stream->told_gone = gone;
}

static void tick_up(struct session *s, const struct sim_world *world, const struct sim_sink *sink)
{
	if (s->next_up_ns == 0 || world->mono.ns < s->next_up_ns)
		return;
	s->next_up_ns += UP_EVERY_NS;
	sink->reply(sink->self, BC_STR("{\"status\":\"UP\"}"));
}

void upbit_tick(void *session, const struct sim_world *world, bool flush,
		const struct sim_sink *sink)
{
	struct session *s = session;

	if (s->closing)
		return;
	tick_up(s, world, sink);
	for (size_t i = 0; !world->replay && i < s->n_streams; i++)
		tick_stream(s, world, &s->streams[i], flush, sink);
}
