/* binance_fields.c - the keys of every object Binance sends, and how their values are read. */
#include "publisher/exchanges/binance.h"

/* ------------------------------------------------------------------ levels */

/* ["61837.63000000","3.78826000"] as it is usually written; NULL: it is written otherwise, or ends
 * too close to the end of the text, or is wrong. */
static inline const char *usual_level(const char *p, const char *end, bc_level *out)
{
	if (end - p < 4 || p[0] != '[' || p[1] != '"')
		return NULL;
	p = bc_json_plain_at(p + 2, end, &out->price);
	if (p == NULL || end - p < 4 || memcmp(p, "\",\"", 3) != 0)
		return NULL;
	p = bc_json_plain_at(p + 3, end, &out->quantity);
	return p != NULL && end - p > 2 && memcmp(p, "\"]", 2) == 0 ? p + 2 : NULL;
}

struct side_words {
	const char *side, *price, *quantity;
};
static const struct side_words bid_words = { "bids", "bids.price", "bids.quantity" };
static const struct side_words ask_words = { "asks", "asks.price", "asks.quantity" };

/* One number of a level. False: the level has ended, or cannot be used. */
static bool read_part(struct bc_reader *r, const char *what, bc_decimal *out)
{
	bc_str token = { NULL, 0 };
	const char *at;
	bc_status status;

	if (!bc_cursor_item(&r->j)) {
		bc_reader_refuse_words(r, what, " is missing");
		return false;
	}
	at = r->j.p;
	status = bc_read_quoted(r, out);
	if (status == BC_OK)
		return true;
	token = (bc_str){ at, (size_t)(r->j.p - at) };
	if (token.n == 0)
		bc_cursor_skip(&r->j, &token);
	bc_reader_refuse(r, status, bc_str_of(what), token);
	return false;
}

static void read_level(struct bc_reader *r, const struct side_words *words, bc_level *out)
{
	bc_str token;
	bool whole;

	if (!bc_cursor_array(&r->j)) {
		if (bc_cursor_skip(&r->j, &token))
			bc_reader_refuse(r, BC_EPARSE, bc_str_of(words->side), token);
		return;
	}
	whole = read_part(r, words->price, &out->price) &&
		read_part(r, words->quantity, &out->quantity);
	if (!whole && r->j.error != NULL)
		return;
	while (bc_cursor_item(&r->j)) /* a third, empty item was seen in old answers */
		bc_cursor_skip(&r->j, NULL);
}

/* Reads a side as the exchange orders it; a quantity of 0 deletes. */
static bc_status read_side(struct bc_reader *r, const struct side_words *words, bc_level *levels,
			   uint32_t *n_levels)
{
	bc_level *level = levels, *last = levels + BINANCE_MAX_LEVELS;
	struct bc_cursor *j = &r->j;

	*n_levels = 0;
	if (!bc_cursor_array(j))
		return BC_EPARSE;
	while (bc_cursor_item_is(j, '[') || bc_cursor_item(j)) {
		const char *after;
		if (level == last) {
			bc_reader_refuse(r, BC_ERANGE, bc_str_of(words->side), (bc_str){ NULL, 0 });
			bc_cursor_skip(j, NULL);
			continue;
		}
		after = usual_level(j->p, j->end, level);
		if (after != NULL)
			j->p = after;
		else
			read_level(r, words, level);
		if (r->refused)
			continue;
		if (level->price.mantissa <= 0)
			bc_reader_refuse_words(r, words->price, " is not above zero");
		level++;
	}
	*n_levels = (uint32_t)(level - levels);
	return BC_OK;
}

static bc_status read_bids(struct bc_reader *r, void *slot)
{
	struct binance *b = r->self;
	return read_side(r, &bid_words, b->bids, slot);
}

static bc_status read_asks(struct bc_reader *r, void *slot)
{
	struct binance *b = r->self;
	return read_side(r, &ask_words, b->asks, slot);
}

/* ------------------------------------------------------------------ values of our own */

/* What an object calls itself has to be what its stream carries. */
static bc_status read_event(struct bc_reader *r, void *slot)
{
	bc_str word;

	(void)slot;
	if (!bc_cursor_string(&r->j, &word))
		return BC_EPARSE;
	return bc_cursor_is(word, binance_event_word(r->self)) ? BC_OK : BC_EPARSE;
}

/* A number or a word, as it is written: codes may be below zero. */
static bc_status read_code(struct bc_reader *r, void *slot)
{
	if (bc_cursor_peek(&r->j) == BC_JSON_STRING)
		return bc_read_message(r, slot);
	return bc_cursor_number(&r->j, slot) ? BC_OK : BC_EPARSE;
}

#define ROW(word, how, where, must)                                                                \
	{                                                                                          \
		.name = { BC_JSON_NAME(word), BC_JSON_NAME(word) }, .what = (word), .read = (how), \
		.slot = offsetof(struct binance_message, where), .need = (must)                    \
	}
#define KNOWN(word)                                                                \
	{                                                                          \
		.name = { BC_JSON_NAME(word), BC_JSON_NAME(word) }, .what = (word) \
	} /* there, and of no use here */

#define EVENT      ROW("e", read_event, symbol, BC_OPTIONAL)
#define EVENT_TIME ROW("E", bc_read_ms, event_time, BC_OPTIONAL)
#define TRADE_TIME ROW("T", bc_read_ms, trade_time, BC_OPTIONAL)
#define SYMBOL     ROW("s", bc_read_text, symbol, BC_OPTIONAL) /* else the stream's name says it */
#define FAMILY     ROW("st", bc_read_raw, family, BC_OPTIONAL)

/* ------------------------------------------------------------------ frames */

static const struct bc_field depth_rows[] = {
	EVENT,
	EVENT_TIME,
	KNOWN("T"),
	SYMBOL,
	KNOWN("ps"),
	ROW("U", bc_read_number, first_seq, BC_REQUIRED),
	ROW("u", bc_read_number, last_seq, BC_REQUIRED),
	ROW("pu", bc_read_number, prev_seq, BC_REQUIRED_IN(BINANCE_USDM)),
	ROW("b", read_bids, n_bids, BC_REQUIRED),
	ROW("a", read_asks, n_asks, BC_REQUIRED),
	FAMILY,
};

/* Spot has a shape of its own; on USD-M it is that of a change. */
static const struct bc_field partial_rows[] = {
	EVENT,
	EVENT_TIME,
	KNOWN("T"),
	SYMBOL,
	KNOWN("ps"),
	KNOWN("U"),
	ROW("u", bc_read_number, last_seq, BC_REQUIRED_IN(BINANCE_USDM)),
	KNOWN("pu"),
	ROW("b", read_bids, n_bids, BC_REQUIRED_IN(BINANCE_USDM)),
	ROW("a", read_asks, n_asks, BC_REQUIRED_IN(BINANCE_USDM)),
	FAMILY,
	ROW("lastUpdateId", bc_read_number, last_seq, BC_REQUIRED_IN(BINANCE_SPOT)),
	ROW("bids", read_bids, n_bids, BC_REQUIRED_IN(BINANCE_SPOT)),
	ROW("asks", read_asks, n_asks, BC_REQUIRED_IN(BINANCE_SPOT)),
};

static const struct bc_field bbo_rows[] = {
	EVENT,
	ROW("u", bc_read_number, last_seq, BC_REQUIRED),
	SYMBOL,
	KNOWN("ps"),
	ROW("b", bc_read_quoted, bid.price, BC_REQUIRED),
	ROW("B", bc_read_quoted, bid.quantity, BC_REQUIRED),
	ROW("a", bc_read_quoted, ask.price, BC_REQUIRED),
	ROW("A", bc_read_quoted, ask.quantity, BC_REQUIRED),
	KNOWN("T"),
	EVENT_TIME,
	FAMILY,
};

static const struct bc_field trade_rows[] = {
	EVENT,
	EVENT_TIME,
	TRADE_TIME,
	SYMBOL,
	ROW("t", bc_read_id, id, BC_REQUIRED),
	ROW("p", bc_read_quoted, price, BC_REQUIRED),
	ROW("q", bc_read_quoted, quantity, BC_REQUIRED),
	ROW("X", bc_read_text, order_type, BC_OPTIONAL),
	ROW("m", bc_read_flag, buyer_is_maker, BC_REQUIRED),
	KNOWN("M"),
	FAMILY,
};

/* Also of REST, without `e`, `E` and `s`. */
static const struct bc_field agg_trade_rows[] = {
	EVENT,
	EVENT_TIME,
	SYMBOL,
	ROW("a", bc_read_id, id, BC_REQUIRED),
	ROW("p", bc_read_quoted, price, BC_REQUIRED),
	ROW("q", bc_read_quoted, quantity, BC_REQUIRED),
	KNOWN("nq"),
	KNOWN("f"),
	KNOWN("l"),
	TRADE_TIME,
	ROW("m", bc_read_flag, buyer_is_maker, BC_REQUIRED),
	KNOWN("M"),
	FAMILY,
};

static const struct bc_field ticker_rows[] = {
	EVENT,
	EVENT_TIME,
	SYMBOL,
	ROW("p", bc_read_quoted_statistic, change, BC_OPTIONAL),
	KNOWN("P"),
	KNOWN("w"),
	KNOWN("x"),
	ROW("c", bc_read_quoted, price, BC_OPTIONAL),
	KNOWN("Q"),
	KNOWN("b"),
	KNOWN("B"),
	KNOWN("a"),
	KNOWN("A"),
	ROW("o", bc_read_quoted_statistic, open, BC_OPTIONAL),
	ROW("h", bc_read_quoted_statistic, high, BC_OPTIONAL),
	ROW("l", bc_read_quoted_statistic, low, BC_OPTIONAL),
	ROW("v", bc_read_quoted_statistic, volume, BC_OPTIONAL),
	ROW("q", bc_read_quoted_statistic, quote_volume, BC_OPTIONAL),
	KNOWN("O"),
	KNOWN("C"),
	KNOWN("F"),
	KNOWN("L"),
	KNOWN("n"),
	KNOWN("ps"),
	FAMILY,
};

static const struct bc_field candle_rows[] = {
	ROW("t", bc_read_ms, opened, BC_REQUIRED),
	KNOWN("T"),
	KNOWN("s"),
	ROW("i", bc_read_text, interval, BC_REQUIRED),
	KNOWN("f"),
	KNOWN("L"),
	ROW("o", bc_read_quoted, open, BC_REQUIRED),
	ROW("c", bc_read_quoted, price, BC_REQUIRED),
	ROW("h", bc_read_quoted, high, BC_REQUIRED),
	ROW("l", bc_read_quoted, low, BC_REQUIRED),
	ROW("v", bc_read_quoted_statistic, volume, BC_OPTIONAL),
	KNOWN("n"),
	ROW("x", bc_read_flag, closed, BC_REQUIRED),
	ROW("q", bc_read_quoted_statistic, quote_volume, BC_OPTIONAL),
	KNOWN("V"),
	KNOWN("Q"),
	KNOWN("B"),
};

static bc_status read_inner(struct bc_reader *r, const struct bc_fields *fields)
{
	struct binance *b = r->self;

	if (!bc_cursor_object(&r->j))
		return BC_EPARSE;
	bc_fields_read(r, fields, b->market->dialect, &b->m);
	return BC_OK;
}

static bc_status read_candle(struct bc_reader *r, void *slot)
{
	static const struct bc_fields inner = BC_FIELDS(candle_rows);

	(void)slot;
	return read_inner(r, &inner);
}

static const struct bc_field kline_rows[] = {
	EVENT, EVENT_TIME, SYMBOL, ROW("k", read_candle, opened, BC_REQUIRED), FAMILY,
};

/* ------------------------------------------------------------------ what is not market data */

#define CODE ROW("code", read_code, code, BC_OPTIONAL)
#define TEXT ROW("msg", bc_read_message, text, BC_OPTIONAL)

static const struct bc_field error_rows[] = { CODE, TEXT };

/* Documented flat, {"code":2,"msg":"..."}, and seen as {"error":{...},"id":1}. */
static bc_status read_error(struct bc_reader *r, void *slot)
{
	static const struct bc_fields inner = BC_FIELDS(error_rows);

	(void)slot;
	return read_inner(r, &inner);
}

static const struct bc_field control_rows[] = {
	ROW("result", bc_read_raw, text, BC_OPTIONAL),
	ROW("error", read_error, code, BC_OPTIONAL),
	CODE,
	TEXT,
	ROW("id", read_code, id, BC_OPTIONAL),
};

/* ------------------------------------------------------------------ REST */

static const struct bc_field snapshot_rows[] = {
	ROW("lastUpdateId", bc_read_number, last_seq, BC_REQUIRED),
	EVENT_TIME,
	KNOWN("T"),
	ROW("bids", read_bids, n_bids, BC_REQUIRED),
	ROW("asks", read_asks, n_asks, BC_REQUIRED),
};

static const struct bc_field rest_trade_rows[] = {
	ROW("id", bc_read_id, id, BC_REQUIRED),
	ROW("price", bc_read_quoted, price, BC_REQUIRED),
	ROW("qty", bc_read_quoted, quantity, BC_REQUIRED),
	KNOWN("quoteQty"),
	ROW("time", bc_read_ms, trade_time, BC_OPTIONAL),
	ROW("isBuyerMaker", bc_read_flag, buyer_is_maker, BC_REQUIRED),
	KNOWN("isBestMatch"),
};

/* As the stream's, with its names written out; whose it is stands in it. */
static const struct bc_field rest_ticker_rows[] = {
	ROW("symbol", bc_read_text, symbol, BC_REQUIRED),
	ROW("priceChange", bc_read_quoted_statistic, change, BC_OPTIONAL),
	KNOWN("priceChangePercent"),
	KNOWN("weightedAvgPrice"),
	KNOWN("prevClosePrice"),
	ROW("lastPrice", bc_read_quoted, price, BC_REQUIRED),
	KNOWN("lastQty"),
	KNOWN("bidPrice"),
	KNOWN("bidQty"),
	KNOWN("askPrice"),
	KNOWN("askQty"),
	ROW("openPrice", bc_read_quoted_statistic, open, BC_OPTIONAL),
	ROW("highPrice", bc_read_quoted_statistic, high, BC_OPTIONAL),
	ROW("lowPrice", bc_read_quoted_statistic, low, BC_OPTIONAL),
	ROW("volume", bc_read_quoted_statistic, volume, BC_OPTIONAL),
	ROW("quoteVolume", bc_read_quoted_statistic, quote_volume, BC_OPTIONAL),
	KNOWN("openTime"),
	ROW("closeTime", bc_read_ms, event_time, BC_OPTIONAL),
	KNOWN("firstId"),
	KNOWN("lastId"),
	KNOWN("count"),
};

struct filter {
	bc_str type;
	bc_decimal tick, lot;
};
#define FILTER_ROW(word, how, where, must)                                                         \
	{                                                                                          \
		.name = { BC_JSON_NAME(word), BC_JSON_NAME(word) }, .what = (word), .read = (how), \
		.slot = offsetof(struct filter, where), .need = (must)                             \
	}
static const struct bc_field filter_rows[] = {
	FILTER_ROW("filterType", bc_read_text, type, BC_REQUIRED),
	FILTER_ROW("tickSize", bc_read_quoted, tick, BC_OPTIONAL),
	FILTER_ROW("stepSize", bc_read_quoted, lot, BC_OPTIONAL),
};

/* A step of zero says that there is none. */
static void take_step(bc_str type, const char *wanted, bc_decimal step, bc_decimal *out)
{
	if (bc_cursor_is(type, bc_str_of(wanted)) && bc_decimal_known(step) && step.mantissa > 0)
		*out = bc_decimal_normal(step);
}

static bc_status read_filters(struct bc_reader *r, void *slot)
{
	static const struct bc_fields fields = BC_FIELDS(filter_rows);
	struct binance *b = r->self;

	(void)slot;
	if (!bc_cursor_array(&r->j))
		return BC_EPARSE;
	while (bc_cursor_item(&r->j)) {
		struct filter f = { .tick = BC_DECIMAL_NONE, .lot = BC_DECIMAL_NONE };
		bc_str token;
		if (!bc_cursor_object(&r->j)) {
			bc_cursor_skip(&r->j, &token);
			bc_reader_refuse(r, BC_EPARSE, BC_STR("filters"), token);
			continue;
		}
		bc_fields_read(r, &fields, b->market->dialect, &f);
		take_step(f.type, "PRICE_FILTER", f.tick, &b->m.tick);
		take_step(f.type, "LOT_SIZE", f.lot, &b->m.lot);
	}
	return BC_OK;
}

static const struct bc_field instrument_rows[] = {
	ROW("symbol", bc_read_text, symbol, BC_REQUIRED),
	ROW("status", bc_read_text, status, BC_REQUIRED),
	ROW("baseAsset", bc_read_text, base, BC_REQUIRED),
	ROW("quoteAsset", bc_read_text, quote, BC_REQUIRED),
	ROW("marginAsset", bc_read_text, margin, BC_REQUIRED_IN(BINANCE_USDM)),
	ROW("filters", read_filters, tick, BC_OPTIONAL),
};

/* openTime, open, high, low, close, volume, closeTime, quote volume; what follows is of no use. */
static const struct bc_field candle_places[] = {
	ROW("openTime", bc_read_ms, opened, BC_REQUIRED),
	ROW("open", bc_read_quoted, open, BC_REQUIRED),
	ROW("high", bc_read_quoted, high, BC_REQUIRED),
	ROW("low", bc_read_quoted, low, BC_REQUIRED),
	ROW("close", bc_read_quoted, price, BC_REQUIRED),
	ROW("volume", bc_read_quoted_statistic, volume, BC_REQUIRED),
	KNOWN("closeTime"),
	ROW("quoteVolume", bc_read_quoted_statistic, quote_volume, BC_REQUIRED),
};

void binance_read_candle_row(struct bc_reader *r)
{
	const size_t n_places = sizeof candle_places / sizeof *candle_places;
	struct binance *b = r->self;
	size_t i = 0;

	for (; bc_cursor_item(&r->j); i++) {
		const struct bc_field *place = i < n_places ? &candle_places[i] : NULL;
		const char *at = r->j.p;
		bc_status status = BC_OK;
		if (place != NULL && place->read != NULL)
			status = place->read(r, (char *)&b->m + place->slot);
		if (r->j.p == at)
			bc_cursor_skip(&r->j, NULL);
		if (status != BC_OK)
			bc_reader_refuse(r, status, bc_str_of(place->what),
					 (bc_str){ at, (size_t)(r->j.p - at) });
	}
	if (i < n_places)
		bc_reader_refuse_words(r, candle_places[i].what, " is missing");
}

const struct bc_fields binance_fields[BINANCE_N_OBJECTS] = {
	[BINANCE_DEPTH] = BC_FIELDS(depth_rows),
	[BINANCE_PARTIAL] = BC_FIELDS(partial_rows),
	[BINANCE_BBO] = BC_FIELDS(bbo_rows),
	[BINANCE_TRADE] = BC_FIELDS(trade_rows),
	[BINANCE_AGG_TRADE] = BC_FIELDS(agg_trade_rows),
	[BINANCE_TICKER] = BC_FIELDS(ticker_rows),
	[BINANCE_KLINE] = BC_FIELDS(kline_rows),
	[BINANCE_CONTROL] = BC_FIELDS(control_rows),
	[BINANCE_SNAPSHOT] = BC_FIELDS(snapshot_rows),
	[BINANCE_REST_TRADE] = BC_FIELDS(rest_trade_rows),
	[BINANCE_INSTRUMENT] = BC_FIELDS(instrument_rows),
	[BINANCE_REST_TICKER] = BC_FIELDS(rest_ticker_rows),
};
