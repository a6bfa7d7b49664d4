/* upbit_fields.c - the keys of every object Upbit sends, and how their values are read. */
#include "publisher/exchanges/upbit.h"

/* ------------------------------------------------------------------ levels */

enum part { ASK_PRICE, BID_PRICE, ASK_SIZE, BID_SIZE, N_PARTS };

struct unit_key {
	struct bc_json_name name;
	enum part part;
};

/* In the order in which each dialect writes them. */
static const struct unit_key unit_keys[][N_PARTS] = {
	[UPBIT_DEFAULT] = { { BC_JSON_NAME("ask_price"), ASK_PRICE },
			    { BC_JSON_NAME("bid_price"), BID_PRICE },
			    { BC_JSON_NAME("ask_size"), ASK_SIZE },
			    { BC_JSON_NAME("bid_size"), BID_SIZE } },
	[UPBIT_SIMPLE] = { { BC_JSON_NAME("ap"), ASK_PRICE },
			   { BC_JSON_NAME("bp"), BID_PRICE },
			   { BC_JSON_NAME("as"), ASK_SIZE },
			   { BC_JSON_NAME("bs"), BID_SIZE } },
	[UPBIT_REST] = { { BC_JSON_NAME("bid_price"), BID_PRICE },
			 { BC_JSON_NAME("bid_size"), BID_SIZE },
			 { BC_JSON_NAME("ask_price"), ASK_PRICE },
			 { BC_JSON_NAME("ask_size"), ASK_SIZE } },
};

static const char *const part_words[N_PARTS] = {
	[ASK_PRICE] = "orderbook_units.ask_price",
	[BID_PRICE] = "orderbook_units.bid_price",
	[ASK_SIZE] = "orderbook_units.ask_size",
	[BID_SIZE] = "orderbook_units.bid_size",
};

/* The part whose key comes next; N_PARTS: the object has ended. Unknown keys are passed over. */
static enum part next_part(struct bc_cursor *j, enum upbit_dialect dialect, size_t usual)
{
	const struct unit_key *keys = unit_keys[dialect];
	bc_str key;

	if (usual < N_PARTS && bc_cursor_key_is(j, &keys[usual].name))
		return keys[usual].part;
	while (bc_cursor_key(j, &key)) {
		for (size_t i = 0; i < N_PARTS; i++) {
			const struct bc_json_name *name = &keys[i].name;
			if (bc_cursor_is(key, (bc_str){ name->quoted + 1, name->n - 3u }))
				return keys[i].part;
		}
		bc_cursor_skip(j, NULL);
	}
	return N_PARTS;
}

/* A key and its number. NULL: not as they are usually written. */
static inline __attribute__((always_inline)) const char *usual_pair(const char *p, const char *end,
								    char before,
								    const struct unit_key *key,
								    bc_decimal v[N_PARTS])
{
	if (p == NULL || *p != before)
		return NULL;
	p = bc_json_name_at(p + 1, end, &key->name);
	return p == NULL ? NULL : bc_json_plain_at(p, end, &v[key->part]);
}

/* A unit as it is usually written, all in one go; NULL: it is written otherwise, or ends too close
 * to the end of the text, or is wrong. Inlined with constant keys. */
static inline __attribute__((always_inline)) const char *
usual_unit(const char *p, const char *end, const struct unit_key keys[N_PARTS],
	   bc_decimal v[N_PARTS])
{
	p = usual_pair(p, end, '{', &keys[0], v);
	p = usual_pair(p, end, ',', &keys[1], v);
	p = usual_pair(p, end, ',', &keys[2], v);
	p = usual_pair(p, end, ',', &keys[3], v);
	return p != NULL && *p == '}' ? p + 1 : NULL;
}

/* False: the unit cannot be used and the message is refused. */
static bool read_unit(struct bc_reader *r, enum upbit_dialect dialect, bc_decimal v[N_PARTS])
{
	unsigned seen = 0;
	enum part part;
	bc_str token = { NULL, 0 };

	if (!bc_cursor_object(&r->j)) {
		bc_cursor_skip(&r->j, &token);
		bc_reader_refuse(r, BC_EPARSE, BC_STR("orderbook_units"), token);
		return false;
	}
	for (size_t i = 0; (part = next_part(&r->j, dialect, i)) != N_PARTS; i++) {
		bc_status status = bc_cursor_decimal(&r->j, &v[part], &token);
		if (status == BC_EPARSE && !bc_cursor_skip(&r->j, &token))
			return false;
		if (status == BC_OK && v[part].mantissa < 0)
			status = BC_EPARSE;
		if (status != BC_OK)
			bc_reader_refuse(r, status, bc_str_of(part_words[part]), token);
		if ((seen >> part & 1) != 0)
			bc_reader_refuse_words(r, part_words[part], " comes twice");
		seen |= 1u << part;
	}
	for (size_t i = 0; i < N_PARTS && seen != (1u << N_PARTS) - 1 && r->j.error == NULL; i++)
		if ((seen >> i & 1) == 0)
			bc_reader_refuse_words(r, part_words[i], " is missing");
	return !r->refused && r->j.error == NULL;
}

/* Adds a level unless it is padding. */
static inline bool add_level(bc_level *side, uint32_t *n, bc_decimal price, bc_decimal quantity)
{
	if (price.mantissa == 0 || quantity.mantissa == 0)
		return false;
	side[*n].price = price;
	side[(*n)++].quantity = quantity;
	return true;
}

static bc_status read_units(struct bc_reader *r, void *slot)
{
	struct upbit *u = r->self;

	(void)slot; /* the levels are the adapter's own arrays */
	u->n_bids = u->n_asks = 0;
	if (!bc_cursor_array(&r->j))
		return BC_EPARSE;
	for (size_t i = 0; bc_cursor_item_is(&r->j, '{') || bc_cursor_item(&r->j); i++) {
		bc_decimal v[N_PARTS];
		bc_level *ask, *bid;
		const char *after =
			u->dialect == UPBIT_SIMPLE
				? usual_unit(r->j.p, r->j.end, unit_keys[UPBIT_SIMPLE], v)
				: usual_unit(r->j.p, r->j.end, unit_keys[UPBIT_DEFAULT], v);
		if (i == UPBIT_MAX_UNITS)
			bc_reader_refuse(r, BC_ERANGE, BC_STR("orderbook_units"),
					 (bc_str){ NULL, 0 });
		if (after != NULL)
			r->j.p = after;
		else if (!read_unit(r, u->dialect, v))
			continue;
		if (r->refused)
			continue;
		ask = &u->asks[u->n_asks];
		bid = &u->bids[u->n_bids];
		if (add_level(u->asks, &u->n_asks, v[ASK_PRICE], v[ASK_SIZE]) && ask > u->asks &&
		    !upbit_is_above(ask->price, ask[-1].price))
			bc_reader_refuse_words(r, part_words[ASK_PRICE], " is not in order");
		if (add_level(u->bids, &u->n_bids, v[BID_PRICE], v[BID_SIZE]) && bid > u->bids &&
		    !upbit_is_above(bid[-1].price, bid->price))
			bc_reader_refuse_words(r, part_words[BID_PRICE], " is not in order");
	}
	return BC_OK;
}

/* ------------------------------------------------------------------ keys, channel by channel */

static bc_status read_side(struct bc_reader *r, void *slot)
{
	enum bc_side *side = slot;
	bc_str word;

	if (!bc_cursor_string(&r->j, &word))
		return BC_EPARSE;
	if (bc_cursor_is(word, BC_STR("ASK")))
		*side = BC_SIDE_SELL; /* the taker sold */
	else if (bc_cursor_is(word, BC_STR("BID")))
		*side = BC_SIDE_BUY;
	else
		return BC_EPARSE;
	return BC_OK;
}

#define NAMES(d, s) .name = { BC_JSON_NAME(d), BC_JSON_NAME(s), BC_JSON_NAME(d) }, .what = (d)
#define KNOWN(d, s)         \
	{                   \
		NAMES(d, s) \
	} /* there, and of no use here */
#define ROW(d, s, how, where, must)                                                        \
	{                                                                                  \
		NAMES(d, s), .read = (how), .slot = offsetof(struct upbit_message, where), \
			     .need = (must)                                                \
	}
#define CODE(must)                                                                            \
	{                                                                                     \
		.name = { BC_JSON_NAME("code"), BC_JSON_NAME("cd"), BC_JSON_NAME("market") }, \
		.what = "code", .read = bc_read_text,                                         \
		.slot = offsetof(struct upbit_message, code), .need = (must)                  \
	}
#define TIMESTAMP ROW("timestamp", "tms", bc_read_ms, timestamp, BC_REQUIRED)
#define STREAM    ROW("stream_type", "st", bc_read_text, stream, BC_OPTIONAL)

static const struct bc_field book_rows[] = {
	KNOWN("type", "ty"),
	CODE(BC_REQUIRED),
	TIMESTAMP,
	KNOWN("total_ask_size", "tas"),
	KNOWN("total_bid_size", "tbs"),
	ROW("orderbook_units", "obu", read_units, price, BC_REQUIRED),
	STREAM,
	KNOWN("level", "lv"),
};

static const struct bc_field trade_rows[] = {
	KNOWN("type", "ty"),
	CODE(BC_REQUIRED),
	TIMESTAMP,
	KNOWN("trade_date", "td"),
	KNOWN("trade_time", "ttm"),
	KNOWN("trade_timestamp", "ttms"),
	ROW("trade_price", "tp", bc_read_positive, price, BC_REQUIRED),
	ROW("trade_volume", "tv", bc_read_positive, quantity, BC_REQUIRED),
	ROW("ask_bid", "ab", read_side, side, BC_REQUIRED),
	KNOWN("prev_closing_price", "pcp"),
	KNOWN("change", "c"),
	KNOWN("change_price", "cp"),
	ROW("sequential_id", "sid", bc_read_id, id, BC_REQUIRED),
	KNOWN("best_ask_price", "bap"),
	KNOWN("best_ask_size", "bas"),
	KNOWN("best_bid_price", "bbp"),
	KNOWN("best_bid_size", "bbs"),
	STREAM,
};

static const struct bc_field ticker_rows[] = {
	KNOWN("type", "ty"),
	CODE(BC_REQUIRED),
	ROW("opening_price", "op", bc_read_statistic, open, BC_OPTIONAL),
	ROW("high_price", "hp", bc_read_statistic, high, BC_OPTIONAL),
	ROW("low_price", "lp", bc_read_statistic, low, BC_OPTIONAL),
	ROW("trade_price", "tp", bc_read_decimal, price, BC_OPTIONAL),
	KNOWN("prev_closing_price", "pcp"),
	KNOWN("acc_trade_price", "atp"),
	KNOWN("change", "c"),
	KNOWN("change_price", "cp"),
	ROW("signed_change_price", "scp", bc_read_statistic, change, BC_OPTIONAL),
	KNOWN("change_rate", "cr"),
	KNOWN("signed_change_rate", "scr"),
	KNOWN("ask_bid", "ab"),
	KNOWN("trade_volume", "tv"),
	KNOWN("acc_trade_volume", "atv"),
	KNOWN("trade_date", "tdt"),
	KNOWN("trade_time", "ttm"),
	KNOWN("trade_timestamp", "ttms"),
	KNOWN("acc_ask_volume", "aav"),
	KNOWN("acc_bid_volume", "abv"),
	KNOWN("highest_52_week_price", "h52wp"),
	KNOWN("highest_52_week_date", "h52wdt"),
	KNOWN("lowest_52_week_price", "l52wp"),
	KNOWN("lowest_52_week_date", "l52wdt"),
	ROW("market_state", "ms", bc_read_text, market, BC_OPTIONAL),
	KNOWN("is_trading_suspended", "its"),
	KNOWN("delisting_date", "dd"),
	KNOWN("market_warning", "mw"),
	TIMESTAMP,
	ROW("acc_trade_price_24h", "atp24h", bc_read_statistic, quote_volume, BC_OPTIONAL),
	ROW("acc_trade_volume_24h", "atv24h", bc_read_statistic, volume, BC_OPTIONAL),
	STREAM,
};

static const struct bc_field candle_rows[] = {
	KNOWN("type", "ty"),
	CODE(BC_REQUIRED),
	ROW("candle_date_time_utc", "cdttmu", bc_read_utc, opened, BC_REQUIRED),
	KNOWN("candle_date_time_kst", "cdttmk"),
	ROW("opening_price", "op", bc_read_decimal, open, BC_REQUIRED),
	ROW("high_price", "hp", bc_read_decimal, high, BC_REQUIRED),
	ROW("low_price", "lp", bc_read_decimal, low, BC_REQUIRED),
	ROW("trade_price", "tp", bc_read_decimal, price, BC_REQUIRED),
	ROW("candle_acc_trade_volume", "catv", bc_read_statistic, volume, BC_OPTIONAL),
	ROW("candle_acc_trade_price", "catp", bc_read_statistic, quote_volume, BC_OPTIONAL),
	TIMESTAMP,
	STREAM,
};

static const struct bc_field market_rows[] = { CODE(BC_REQUIRED) };

static const struct bc_field tick_rows[] = {
	CODE(BC_REQUIRED),
	KNOWN("quote_currency", "quote_currency"),
	ROW("tick_size", "tick_size", bc_read_quoted, tick, BC_REQUIRED),
};

/* Of a type that is not ours: only whose it is. */
static const struct bc_field other_rows[] = { KNOWN("type", "ty"), CODE(BC_OPTIONAL) };

static const struct bc_field status_rows[] = {
	ROW("status", "status", bc_read_message, name, BC_REQUIRED),
};

static const struct bc_field subscriptions_rows[] = {
	KNOWN("method", "mthd"),
	ROW("result", "rslt", bc_read_raw, text, BC_REQUIRED),
	ROW("ticket", "tckt", bc_read_id, id, BC_OPTIONAL),
};

static const struct bc_field error_inner_rows[] = {
	ROW("name", "name", bc_read_id, name, BC_REQUIRED), /* REST: the HTTP status */
	ROW("message", "message", bc_read_message, text, BC_OPTIONAL),
};

static bc_status read_error(struct bc_reader *r, void *slot)
{
	static const struct bc_fields inner = BC_FIELDS(error_inner_rows);
	struct upbit *u = r->self;

	(void)slot;
	if (!bc_cursor_object(&r->j))
		return BC_EPARSE;
	bc_fields_read(r, &inner, UPBIT_DEFAULT, &u->m);
	return BC_OK;
}

static const struct bc_field error_rows[] = {
	ROW("error", "error", read_error, name, BC_REQUIRED),
};

const struct bc_fields upbit_fields[UPBIT_N_OBJECTS] = {
	[UPBIT_BOOK] = BC_FIELDS(book_rows),
	[UPBIT_TRADE] = BC_FIELDS(trade_rows),
	[UPBIT_TICKER] = BC_FIELDS(ticker_rows),
	[UPBIT_CANDLE] = BC_FIELDS(candle_rows),
	[UPBIT_MARKET] = BC_FIELDS(market_rows),
	[UPBIT_TICK] = BC_FIELDS(tick_rows),
	[UPBIT_STATUS] = BC_FIELDS(status_rows),
	[UPBIT_SUBSCRIPTIONS] = BC_FIELDS(subscriptions_rows),
	[UPBIT_ERROR] = BC_FIELDS(error_rows),
	[UPBIT_OTHER] = BC_FIELDS(other_rows),
};
