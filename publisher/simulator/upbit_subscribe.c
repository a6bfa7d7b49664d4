/* upbit_subscribe.c - reads one request: what it asks for, or why it is refused. */
#include "publisher/simulator/upbit.h"

#include <stdlib.h>
#include <string.h>

#define MAX_STREAMS 60000 /* a request; far above the 855 codes one socket was seen to carry */

#define NO_TICKET_TEXT    "티켓이 존재하지 않거나, 유효하지 않습니다."
#define WRONG_FORMAT_TEXT "Format 이 맞지 않습니다."

static bool refuse(struct upbit_refusal *r, const char *name, const char *message)
{
	*r = (struct upbit_refusal){ .name = name, .message = message };
	return false;
}

/* "nope 은 지원하지 않는 타입입니다." */
static bool refuse_word(struct upbit_refusal *r, const char *word, const char *message)
{
	*r = (struct upbit_refusal){ .name = "INVALID_PARAM", .word = word, .message = message };
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
	static const struct {
		const char *suffix;
		size_t units;
	} depths[] = { { "1", 1 }, { "5", 5 }, { "15", 15 } };
	const char *dot = strrchr(text, '.');
	bc_str code = bc_str_of(text);

	*units = UPBIT_UNITS_MAX;
	if (dot == NULL)
		return code;
	code.n = (size_t)(dot - text);
	for (size_t i = 0; i < sizeof depths / sizeof *depths; i++)
		if (strcmp(dot + 1, depths[i].suffix) == 0)
			*units = depths[i].units;
	return code;
}

static struct upbit_stream *new_stream(struct upbit_subscribe *q)
{
	if (q->n_streams == q->cap_streams) {
		size_t cap = q->cap_streams == 0 ? 64 : q->cap_streams * 2;
		struct upbit_stream *streams = realloc(q->streams, cap * sizeof *streams);

		if (streams == NULL)
			return NULL;
		q->streams = streams;
		q->cap_streams = cap;
	}
	q->streams[q->n_streams] = (struct upbit_stream){ .slot = -1 };
	return &q->streams[q->n_streams++];
}

/* Number of what a stream of this type has told so far. */
uint64_t upbit_position(const struct market *m, const struct upbit_frame *f)
{
	return f->type == UPBIT_ORDERBOOK ? market_seq(m, f->symbol)
					  : market_n_trades(m, f->symbol);
}

/* An unknown code, another case, a grouping that is not there: silence, as measured. */
static bool read_code(struct upbit_subscribe *q, const json_t *object, size_t type,
		      const char *text, struct upbit_refusal *r)
{
	bool only_snapshot = flag_of(object, "is_only_snapshot", "isOnlySnapshot");
	bool only_realtime = flag_of(object, "is_only_realtime", "isOnlyRealtime");
	struct upbit_frame f = { .type = types[type].type, .interval = types[type].interval };
	bc_str code = code_of(text, &f.units);
	struct upbit_stream *stream;

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
	stream->cursor = upbit_position(q->world->market, &f);
	return true;
}

/* Remembers a data type for LIST_SUBSCRIPTIONS. */
static bool remember(struct upbit_subscribe *q, const json_t *object, size_t type)
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

static bool read_type(struct upbit_subscribe *q, const json_t *object, struct upbit_refusal *r)
{
	const json_t *word = json_object_get(object, "type");
	const json_t *codes = json_object_get(object, "codes");
	const json_t *code;
	size_t type, i;

	if (!json_is_string(word))
		return refuse(r, "NO_TYPE", "타입이 존재하지 않습니다.");
	if (!find_type(json_string_value(word), &type))
		return refuse_word(r, json_string_value(word), " 은 지원하지 않는 타입입니다.");
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

static bool read_format(struct upbit_subscribe *q, const json_t *value, struct upbit_refusal *r)
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
	return refuse_word(r, word, " 은 지원하지 않는 포맷입니다.");
}

/* One object of the array; their order does not matter. */
static bool read_object(struct upbit_subscribe *q, const json_t *object, struct upbit_refusal *r)
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
			return refuse_word(r, q->method, " 은 지원하지 않는 메소드입니다.");
	}
	if (format != NULL && !read_format(q, format, r))
		return false;
	if (json_object_get(object, "type") != NULL || json_object_get(object, "codes") != NULL)
		return read_type(q, object, r);
	return true;
}

bool upbit_read_request(struct upbit_subscribe *q, const json_t *array, struct upbit_refusal *r)
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
