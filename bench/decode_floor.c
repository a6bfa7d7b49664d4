#include "bench/decode_floor.h"

#include <string.h>

/* The text must go on with the literal. */
#define PASS(p, literal) \
	(memcmp((p), (literal), sizeof(literal) - 1) == 0 ? (p) + sizeof(literal) - 1 : NULL)
#define NEED(p, literal)                              \
	do {                                          \
		if (((p) = PASS(p, literal)) == NULL) \
			return false;                 \
	} while (0)

static inline const char *whole(const char *p, uint64_t *out)
{
	uint64_t v = 0;
	while ((unsigned char)(*p - '0') < 10)
		v = v * 10 + (unsigned char)(*p++ - '0');
	*out = v;
	return p;
}

static inline const char *time_ms(const char *p, int64_t *out)
{
	uint64_t v;
	p = whole(p, &v);
	*out = (int64_t)v;
	return p;
}

static inline const char *text(const char *p, bc_str *out) /* up to the next quote */
{
	out->p = p;
	while (*p != '"')
		p++;
	out->n = (size_t)(p - out->p);
	return p;
}

static inline const char *past(const char *p, char c)
{
	while (*p != c)
		p++;
	return p;
}

/* ------------------------------------------------------------------ Upbit */

/* The same function twice, with the names of either format. */
#define UPBIT_BOOK_READER(name, TY, CD, TMS, TAS, TBS, OBU, AP, BP, AS, BS) \
	static bool name(bc_str frame, struct decoded *out)                 \
	{                                                                   \
		const char *p = frame.p;                                    \
		bc_decimal total;                                           \
		uint32_t n = 0;                                             \
		out->kind = DECODED_BOOK;                                   \
		NEED(p, "{\"" TY "\":\"orderbook\",\"" CD "\":\"");         \
		p = text(p, &out->symbol);                                  \
		NEED(p, "\",\"" TMS "\":");                                 \
		p = time_ms(p, &out->time_ms);                              \
		NEED(p, ",\"" TAS "\":");                                   \
		p = decoded_decimal(p, &total);                             \
		NEED(p, ",\"" TBS "\":");                                   \
		p = decoded_decimal(p, &total);                             \
		NEED(p, ",\"" OBU "\":[");                                  \
		for (;; n++, p++) {                                         \
			NEED(p, "{\"" AP "\":");                            \
			p = decoded_decimal(p, &out->asks[n].price);        \
			NEED(p, ",\"" BP "\":");                            \
			p = decoded_decimal(p, &out->bids[n].price);        \
			NEED(p, ",\"" AS "\":");                            \
			p = decoded_decimal(p, &out->asks[n].quantity);     \
			NEED(p, ",\"" BS "\":");                            \
			p = decoded_decimal(p, &out->bids[n].quantity);     \
			NEED(p, "}");                                       \
			if (*p != ',')                                      \
				break;                                      \
		}                                                           \
		out->n_bids = out->n_asks = n + 1;                          \
		return *p == ']';                                           \
	}

UPBIT_BOOK_READER(upbit_book, "type", "code", "timestamp", "total_ask_size", "total_bid_size",
		  "orderbook_units", "ask_price", "bid_price", "ask_size", "bid_size")
UPBIT_BOOK_READER(upbit_book_simple, "ty", "cd", "tms", "tas", "tbs", "obu", "ap", "bp", "as", "bs")

static bool upbit_trade(bc_str frame, struct decoded *out)
{
	const char *p = frame.p;
	out->kind = DECODED_TRADE;
	NEED(p, "{\"type\":\"trade\",\"code\":\"");
	p = text(p, &out->symbol);
	NEED(p, "\",\"timestamp\":");
	p = time_ms(p, &out->time_ms);
	NEED(p, ",\"trade_date\":\"");
	p += sizeof "2026-11-21" - 1;
	NEED(p, "\",\"trade_time\":\"");
	p += sizeof "14:40:59" - 1;
	NEED(p, "\",\"trade_timestamp\":");
	p = past(p, ',');
	NEED(p, ",\"trade_price\":");
	p = decoded_decimal(p, &out->values[0]);
	NEED(p, ",\"trade_volume\":");
	p = decoded_decimal(p, &out->values[1]);
	NEED(p, ",\"ask_bid\":\"");
	out->sell = *p == 'A';
	p += 3;
	NEED(p, "\",\"prev_closing_price\":");
	p = past(p, ',');
	NEED(p, ",\"change\":\"");
	p = past(p, '"');
	NEED(p, "\",\"change_price\":");
	p = past(p, ',');
	NEED(p, ",\"sequential_id\":");
	out->id = (bc_str){ p, 0 };
	p = past(p, ',');
	out->id.n = (size_t)(p - out->id.p);
	return PASS(p, ",\"best_ask_price\":") != NULL;
}

static bool upbit_ticker(bc_str frame, struct decoded *out)
{
	const char *p = frame.p;
	out->kind = DECODED_TICKER;
	NEED(p, "{\"type\":\"ticker\",\"code\":\"");
	p = text(p, &out->symbol);
	NEED(p, "\",\"opening_price\":");
	p = decoded_decimal(p, &out->values[1]);
	NEED(p, ",\"high_price\":");
	p = decoded_decimal(p, &out->values[2]);
	NEED(p, ",\"low_price\":");
	p = decoded_decimal(p, &out->values[3]);
	NEED(p, ",\"trade_price\":");
	p = decoded_decimal(p, &out->values[0]);
	for (int i = 0; i < 4; i++) /* to the change with its sign */
		p = past(p + 1, ',');
	NEED(p, ",\"signed_change_price\":");
	p = decoded_decimal(p, &out->values[6]);
	for (int i = 0; i < 18; i++) /* to the time */
		p = past(p + 1, ',');
	NEED(p, ",\"timestamp\":");
	p = time_ms(p, &out->time_ms);
	NEED(p, ",\"acc_trade_price_24h\":");
	p = decoded_decimal(p, &out->values[5]);
	NEED(p, ",\"acc_trade_volume_24h\":");
	p = decoded_decimal(p, &out->values[4]);
	return *p == ',';
}

/* ------------------------------------------------------------------ Binance */

/* At the first level, or at the end of an empty list; NULL: something else. */
static inline const char *side(const char *p, bc_level *levels, uint32_t *n_levels)
{
	uint32_t n = 0;
	for (; *p == '['; n++) {
		p = decoded_decimal(p + 2, &levels[n].price);
		if ((p = PASS(p, "\",\"")) == NULL)
			return NULL;
		p = decoded_decimal(p, &levels[n].quantity);
		if ((p = PASS(p, "\"]")) == NULL)
			return NULL;
		p += *p == ',';
	}
	*n_levels = n;
	return p;
}

static bool binance_partial(bc_str frame, struct decoded *out)
{
	const char *p = frame.p;
	out->kind = DECODED_BOOK;
	NEED(p, "{\"stream\":\"");
	out->symbol.p = p;
	p = past(p, '@');
	out->symbol.n = (size_t)(p - out->symbol.p);
	NEED(p, "@depth20@100ms\",\"data\":{\"lastUpdateId\":");
	p = whole(p, &out->seq[1]);
	NEED(p, ",\"bids\":[");
	if ((p = side(p, out->bids, &out->n_bids)) == NULL)
		return false;
	NEED(p, "],\"asks\":[");
	p = side(p, out->asks, &out->n_asks);
	return p != NULL && *p == ']';
}

static bool binance_diff(bc_str frame, struct decoded *out)
{
	const char *p = frame.p;
	out->kind = DECODED_CHANGE;
	NEED(p, "{\"stream\":\"");
	p = past(p, '@');
	NEED(p, "@depth@100ms\",\"data\":{\"e\":\"depthUpdate\",\"E\":");
	p = time_ms(p, &out->time_ms);
	NEED(p, ",\"s\":\"");
	p = text(p, &out->symbol);
	NEED(p, "\",\"U\":");
	p = whole(p, &out->seq[0]);
	NEED(p, ",\"u\":");
	p = whole(p, &out->seq[1]);
	NEED(p, ",\"b\":[");
	if ((p = side(p, out->bids, &out->n_bids)) == NULL)
		return false;
	NEED(p, "],\"a\":[");
	p = side(p, out->asks, &out->n_asks);
	return p != NULL && *p == ']';
}

static bool binance_agg_trade(bc_str frame, struct decoded *out)
{
	const char *p = frame.p;
	out->kind = DECODED_TRADE;
	NEED(p, "{\"stream\":\"");
	p = past(p, '@');
	NEED(p, "@aggTrade\",\"data\":{\"e\":\"aggTrade\",\"E\":");
	p = past(p, ',');
	NEED(p, ",\"s\":\"");
	p = text(p, &out->symbol);
	NEED(p, "\",\"a\":");
	out->id = (bc_str){ p, 0 };
	p = past(p, ',');
	out->id.n = (size_t)(p - out->id.p);
	NEED(p, ",\"p\":\"");
	p = decoded_decimal(p, &out->values[0]);
	NEED(p, "\",\"q\":\"");
	p = decoded_decimal(p, &out->values[1]);
	NEED(p, "\",\"f\":");
	p = past(p, ',');
	NEED(p, ",\"l\":");
	p = past(p, ',');
	NEED(p, ",\"T\":");
	p = time_ms(p, &out->time_ms);
	NEED(p, ",\"m\":");
	out->sell = *p == 't';
	return true;
}

static bool binance_bbo(bc_str frame, struct decoded *out)
{
	const char *p = frame.p;
	out->kind = DECODED_BOOK;
	NEED(p, "{\"stream\":\"");
	p = past(p, '@');
	NEED(p, "@bookTicker\",\"data\":{\"u\":");
	p = whole(p, &out->seq[1]);
	NEED(p, ",\"s\":\"");
	p = text(p, &out->symbol);
	NEED(p, "\",\"b\":\"");
	p = decoded_decimal(p, &out->bids[0].price);
	NEED(p, "\",\"B\":\"");
	p = decoded_decimal(p, &out->bids[0].quantity);
	NEED(p, "\",\"a\":\"");
	p = decoded_decimal(p, &out->asks[0].price);
	NEED(p, "\",\"A\":\"");
	p = decoded_decimal(p, &out->asks[0].quantity);
	out->n_bids = out->n_asks = 1;
	return *p == '"';
}

decode_floor_fn *decode_floor_of(const struct frame_shape *shape)
{
	static decode_floor_fn *const readers[N_FRAME_KINDS] = {
		[UPBIT_BOOK] = upbit_book,     [UPBIT_TRADE] = upbit_trade,
		[UPBIT_TICKER] = upbit_ticker, [BINANCE_PARTIAL] = binance_partial,
		[BINANCE_DIFF] = binance_diff, [BINANCE_AGG_TRADE] = binance_agg_trade,
		[BINANCE_BBO] = binance_bbo,
	};
	if (shape->simple)
		return shape->kind == UPBIT_BOOK ? upbit_book_simple : NULL;
	return readers[shape->kind];
}
