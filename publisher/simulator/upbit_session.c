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
#define MAX_STREAMS    20000 /* a request; far above the 855 codes one socket was seen to carry */

/* One code of one data type. */
struct stream {
	struct upbit_frame frame; /* its constant part */
	bool want_snapshot, want_realtime;
	bool told_gone;
	uint64_t cursor; /* book sequence or number of trades that was sent last */
	int64_t slot;    /* of the grid in which it was sent last */
};

struct session {
	struct stream *streams;
	size_t n_streams, cap_streams;
	enum upbit_format format;
	json_t *subscribed; /* array: what LIST_SUBSCRIPTIONS answers */
	struct sim_limit per_s, per_min;
	int64_t next_up_ns; /* monotonic; 0: no PING was seen */
	bool closing;
	struct sim_buffer text; /* of the frame being written */
};

/* A request while it is read; becomes the session's if all of it is good. */
struct request {
	const struct sim_world *world;
	const char *ticket, *method;
	enum upbit_format format;
	struct stream *streams;
	size_t n_streams, cap_streams;
	json_t *subscribed;
};

struct refusal {
	const char *name, *message; /* name NULL: none */
	char text[160];
};

#define NO_TICKET_TEXT    "티켓이 존재하지 않거나, 유효하지 않습니다."
#define WRONG_FORMAT_TEXT "Format 이 맞지 않습니다."

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

/* ------------------------------------------------------------------ reading a request */

static bool refuse(struct refusal *r, const char *name, const char *message)
{
	*r = (struct refusal){ .name = name, .message = message };
	return false;
}

static bool refuse_word(struct refusal *r, const char *word, const char *what)
{
	r->name = "INVALID_PARAM";
	snprintf(r->text, sizeof r->text, "%.60s 은 지원하지 않는 %s입니다.", word, what);
	r->message = r->text;
	return false;
}

static const struct {
	const char *word;
	enum upbit_type type;
	enum upbit_interval interval;
} types[] = {
	{ "ticker", UPBIT_TICKER, 0 },
	{ "trade", UPBIT_TRADE, 0 },
	{ "orderbook", UPBIT_ORDERBOOK, 0 },
	{ "candle.1s", UPBIT_CANDLE, UPBIT_1S },
	{ "candle.1m", UPBIT_CANDLE, UPBIT_1M },
	{ "candle.3m", UPBIT_CANDLE, UPBIT_3M },
	{ "candle.5m", UPBIT_CANDLE, UPBIT_5M },
	{ "candle.10m", UPBIT_CANDLE, UPBIT_10M },
	{ "candle.15m", UPBIT_CANDLE, UPBIT_15M },
	{ "candle.30m", UPBIT_CANDLE, UPBIT_30M },
	{ "candle.60m", UPBIT_CANDLE, UPBIT_60M },
	{ "candle.240m", UPBIT_CANDLE, UPBIT_240M },
};

static bool find_type(const char *word, size_t *at)
{
	for (*at = 0; *at < sizeof types / sizeof *types; ++*at)
		if (strcmp(types[*at].word, word) == 0)
			return true;
	return false;
}

/* Pages say Boolean, older ones String; both spellings of the key are in use. */
static bool flag_of(const json_t *object, const char *name, const char *legacy)
{
	const json_t *value = json_object_get(object, name);

	if (value == NULL)
		value = json_object_get(object, legacy);
	if (json_is_string(value))
		return strcmp(json_string_value(value), "true") == 0;
	return json_is_true(value);
}

/* The grouping that `level` asks for, number or string; false: this symbol has no such one. */
static bool level_of(const json_t *object, const struct market_spec *spec, size_t *level)
{
	const json_t *value = json_object_get(object, "level");
	char *text;
	bc_decimal want = { 0, 0 };
	bc_status rc = BC_OK;

	*level = 0;
	if (value == NULL)
		return true;
	if (json_is_string(value)) {
		rc = bc_decimal_parse(json_string_value(value), json_string_length(value), &want);
	} else {
		text = json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(15));
		if (text == NULL)
			return false;
		rc = bc_decimal_parse(text, strlen(text), &want);
		free(text);
	}
	if (rc != BC_OK)
		return false;
	if (bc_decimal_is_zero(want))
		return true;
	for (*level = 1; *level < UPBIT_N_LEVELS; ++*level)
		if (upbit_has_levels(spec) &&
		    bc_decimal_compare(upbit_level(spec, *level), want) == 0)
			return true;
	return false;
}

/* "KRW-BTC.15": the code, and how many levels; anything but 1, 5, 15 gives all. */
static bc_str code_of(const char *text, size_t *units)
{
	const char *dot = strrchr(text, '.');
	bc_str code = bc_str_of(text);

	*units = UPBIT_UNITS_MAX;
	if (dot == NULL)
		return code;
	code.n = (size_t)(dot - text);
	if (strcmp(dot, ".1") == 0 || strcmp(dot, ".5") == 0 || strcmp(dot, ".15") == 0)
		*units = (size_t)atoi(dot + 1);
	return code;
}

static struct stream *new_stream(struct request *q)
{
	if (q->n_streams == q->cap_streams) {
		size_t cap = q->cap_streams == 0 ? 64 : q->cap_streams * 2;
		struct stream *streams = realloc(q->streams, cap * sizeof *streams);

		if (streams == NULL)
			return NULL;
		q->streams = streams;
		q->cap_streams = cap;
	}
	q->streams[q->n_streams] = (struct stream){ .slot = -1 };
	return &q->streams[q->n_streams++];
}

/* Number of what a stream of this type has told so far. */
static uint64_t position(const struct market *m, const struct upbit_frame *f)
{
	return f->type == UPBIT_ORDERBOOK ? market_seq(m, f->symbol)
					  : market_n_trades(m, f->symbol);
}

/* An unknown code, another case, a grouping that is not there: silence, as measured. */
static bool read_code(struct request *q, const json_t *object, size_t type, const char *text,
		      struct refusal *r)
{
	bool only_snapshot = flag_of(object, "is_only_snapshot", "isOnlySnapshot");
	bool only_realtime = flag_of(object, "is_only_realtime", "isOnlyRealtime");
	struct upbit_frame f = { .type = types[type].type, .interval = types[type].interval };
	bc_str code = code_of(text, &f.units);
	struct stream *stream;

	if (!market_find(q->world->market, code, &f.symbol) ||
	    market_delisted(q->world->market, f.symbol))
		return true;
	if (f.type == UPBIT_ORDERBOOK &&
	    !level_of(object, market_spec(q->world->market, f.symbol), &f.level))
		return true;
	stream = q->n_streams < MAX_STREAMS ? new_stream(q) : NULL;
	if (stream == NULL)
		return refuse(r, "INVALID_PARAM", "too many codes");
	stream->frame = f;
	stream->want_snapshot = !only_realtime || only_snapshot;
	stream->want_realtime = !only_snapshot;
	stream->cursor = position(q->world->market, &f);
	return true;
}

/* Remembers a data type for LIST_SUBSCRIPTIONS. */
static bool remember(struct request *q, const json_t *object, size_t type)
{
	json_t *codes = json_deep_copy(json_object_get(object, "codes"));
	json_t *entry = json_pack("{s:s,s:o}", "type", types[type].word, "codes", codes);
	const json_t *level = json_object_get(object, "level");

	if (entry == NULL)
		return false;
	if (types[type].type == UPBIT_ORDERBOOK)
		json_object_set_new(entry, "level",
				    level != NULL ? json_deep_copy(level) : json_integer(0));
	return json_array_append_new(q->subscribed, entry) == 0;
}

static bool read_type(struct request *q, const json_t *object, struct refusal *r)
{
	const json_t *word = json_object_get(object, "type");
	const json_t *codes = json_object_get(object, "codes");
	const json_t *code;
	size_t type, i;

	if (!json_is_string(word))
		return refuse(r, "NO_TYPE", "타입이 존재하지 않습니다.");
	if (!find_type(json_string_value(word), &type))
		return refuse_word(r, json_string_value(word), "타입");
	if (!json_is_array(codes) || json_array_size(codes) == 0)
		return refuse(r, "NO_CODES", "코드가 존재하지 않습니다.");
	json_array_foreach(codes, i, code)
	{
		if (!json_is_string(code))
			return refuse(r, "WRONG_FORMAT", WRONG_FORMAT_TEXT);
		if (!read_code(q, object, type, json_string_value(code), r))
			return false;
	}
	if (!remember(q, object, type))
		return refuse(r, "INVALID_PARAM", "out of memory");
	return true;
}

static bool read_format(struct request *q, const json_t *value, struct refusal *r)
{
	static const char *const words[] = { [UPBIT_DEFAULT] = "DEFAULT",
					     [UPBIT_SIMPLE] = "SIMPLE",
					     [UPBIT_JSON_LIST] = "JSON_LIST",
					     [UPBIT_SIMPLE_LIST] = "SIMPLE_LIST" };
	const char *word = json_is_string(value) ? json_string_value(value) : "?";

	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcmp(words[i], word) == 0) {
			q->format = (enum upbit_format)i;
			return true;
		}
	return refuse_word(r, word, "포맷");
}

/* One object of the array; their order does not matter. */
static bool read_object(struct request *q, const json_t *object, struct refusal *r)
{
	const json_t *ticket = json_object_get(object, "ticket");
	const json_t *method = json_object_get(object, "method");
	const json_t *format = json_object_get(object, "format");

	if (!json_is_object(object))
		return refuse(r, "WRONG_FORMAT", WRONG_FORMAT_TEXT);
	if (ticket != NULL && (!json_is_string(ticket) || json_string_length(ticket) == 0))
		return refuse(r, "NO_TICKET", NO_TICKET_TEXT);
	if (ticket != NULL)
		q->ticket = json_string_value(ticket);
	if (method != NULL) {
		q->method = json_is_string(method) ? json_string_value(method) : "?";
		if (strcmp(q->method, "LIST_SUBSCRIPTIONS") != 0)
			return refuse_word(r, q->method, "메소드");
	}
	if (format != NULL && !read_format(q, format, r))
		return false;
	if (json_object_get(object, "type") != NULL || json_object_get(object, "codes") != NULL)
		return read_type(q, object, r);
	return true;
}

static bool read_request(struct request *q, const json_t *array, struct refusal *r)
{
	const json_t *object;
	size_t i;

	if (!json_is_array(array))
		return refuse(r, "WRONG_FORMAT", WRONG_FORMAT_TEXT);
	json_array_foreach(array, i, object) if (!read_object(q, object, r)) return false;
	if (q->ticket == NULL)
		return refuse(r, "NO_TICKET", NO_TICKET_TEXT);
	if (q->method == NULL && json_array_size(q->subscribed) == 0)
		return refuse(r, "NO_TYPE", "타입이 존재하지 않습니다.");
	return true;
}

/* ------------------------------------------------------------------ answering it */

static void send_text(struct session *s, const struct sim_sink *sink)
{
	if (!s->text.failed)
		sink->reply(sink->self, (bc_str){ s->text.data, s->text.n });
	sim_buffer_clear(&s->text);
}

static void send_refusal(struct session *s, const struct refusal *r, const struct sim_sink *sink)
{
	sim_buffer_text(&s->text, "{\"error\":{\"name\":");
	sim_buffer_json(&s->text, bc_str_of(r->name));
	sim_buffer_text(&s->text, ",\"message\":");
	sim_buffer_json(&s->text, bc_str_of(r->message));
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
static void replace(struct session *s, struct request *q)
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
	struct request q = { .world = world, .subscribed = json_array() };
	struct refusal refusal = { .name = NULL };
	json_t *array = json_loadb(text.p, text.n, JSON_REJECT_DUPLICATES, NULL);

	if (q.subscribed == NULL || !read_request(&q, array, &refusal)) {
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
	if (sim_limit_take(&s->per_s, world->mono) && sim_limit_take(&s->per_min, world->mono)) {
		handle(s, world, text, sink);
		return;
	}
	send_refusal(s,
		     &(struct refusal){ .name = "Too Many Requests",
					.message = "요청 수 제한을 초과했습니다." },
		     sink);
}

/* ------------------------------------------------------------------ data */

static void send_frame(struct session *s, const struct sim_world *world, struct stream *stream,
		       bool snapshot, size_t trade, const struct sim_sink *sink)
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
static void send_trades(struct session *s, const struct sim_world *world, struct stream *stream,
			uint64_t n, const struct sim_sink *sink)
{
	uint64_t behind = n - stream->cursor;

	if (behind > MARKET_TRADES_KEPT)
		behind = MARKET_TRADES_KEPT;
	while (behind-- > 0)
		send_frame(s, world, stream, false, (size_t)behind, sink);
}

/* Spreads the symbols over the grid, so that not all books come in the same instant. */
static bool slot_is_due(struct stream *stream, const struct sim_world *world)
{
	int64_t grid = stream->frame.type == UPBIT_CANDLE ? CANDLE_GRID_NS : GRID_NS;
	int64_t shift = (int64_t)(stream->frame.symbol % 10) * (GRID_NS / 10);
	int64_t slot = (world->now.ns + shift) / grid;

	if (slot == stream->slot)
		return false;
	stream->slot = slot;
	return true;
}

static void tick_stream(struct session *s, const struct sim_world *world, struct stream *stream,
			bool flush, const struct sim_sink *sink)
{
	struct upbit_frame *f = &stream->frame;
	uint64_t now = position(world->market, f);
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
