/* upbit.h - what the files of the Upbit adapter share. Source: docs/exchanges/upbit.md.
 *
 * What shapes them:
 *   - every orderbook frame is the whole book; there is no sequence and no checksum
 *   - one request says everything a connection shall carry and replaces the last one; there is no
 *     acknowledgement, and codes it does not know are ignored without a word
 *   - four formats: names written out or short, objects bare or in lists; binary frames
 *   - numbers are JSON numbers in any spelling; a thin side is padded with zeros */
#ifndef BC_UPBIT_H
#define BC_UPBIT_H

#include "common/json_scan.h"
#include "publisher/exchanges/fields.h"

#define UPBIT_MAX_UNITS 200 /* pairs of a book; the exchange sends 30 */

enum upbit_dialect { UPBIT_DEFAULT, UPBIT_SIMPLE, UPBIT_REST };

/* Objects by their keys: upbit_fields.c has a table for each. */
enum upbit_object {
	UPBIT_BOOK,
	UPBIT_TRADE,
	UPBIT_TICKER,
	UPBIT_CANDLE,
	UPBIT_MARKET,
	UPBIT_TICK,
	UPBIT_STATUS,
	UPBIT_SUBSCRIPTIONS,
	UPBIT_ERROR,
	UPBIT_OTHER, /* market data of a type that is not ours */
	UPBIT_N_OBJECTS
};
extern const struct bc_fields upbit_fields[UPBIT_N_OBJECTS];

/* Their word for a candle's length, ours. */
#define UPBIT_CANDLES(X)          \
	X("1s", BC_INTERVAL_1S)   \
	X("1m", BC_INTERVAL_1M)   \
	X("3m", BC_INTERVAL_3M)   \
	X("5m", BC_INTERVAL_5M)   \
	X("10m", BC_INTERVAL_10M) \
	X("15m", BC_INTERVAL_15M) \
	X("30m", BC_INTERVAL_30M) \
	X("60m", BC_INTERVAL_1H)  \
	X("240m", BC_INTERVAL_4H)

struct upbit_message { /* what one object said; strings are borrowed */
	bc_str code;
	bc_wall_time timestamp, opened;
	bc_decimal price, quantity, open, high, low, change, volume, quote_volume, tick;
	enum bc_side side;
	bc_str id, stream, market; /* market: state of the market, in tickers */
	bc_str name, text;         /* of control messages */
};

struct upbit_channel; /* upbit_messages.c */

struct upbit {
	const char *format; /* what we ask for */
	bc_decimal group_by;
	enum upbit_object (*read_usual)(struct upbit *u, const char *bytes, size_t n); /* below */
	char pad[BC_SCAN_PAD];

	struct bc_reader reader;
	const struct upbit_channel *channel; /* of the object being read */
	enum upbit_dialect dialect;
	struct upbit_message m;
	bc_level bids[UPBIT_MAX_UNITS], asks[UPBIT_MAX_UNITS];
	uint32_t n_bids, n_asks;
	char unified[BC_TEXT_MAX + 1];
};

/* Of KRW-BTC, KRW is the quote and BTC the base. False: no such code. */
bool upbit_split_code(bc_str code, bc_str *quote, bc_str *base);

/* The adapter's on_input. */
bc_status upbit_on_input(void *state, const struct bc_input *in, const struct bc_feed_sink *sink);

/* All that is known of the object before it is read: nothing. */
void upbit_forget_message(struct upbit *u);

/* Reads a book, a trade or a ticker in its usual spelling: sets what telling it looks at.
 * UPBIT_N_OBJECTS: anything else; what was set means nothing. */
enum upbit_object upbit_read_usual(struct upbit *u, const char *bytes, size_t n);
enum upbit_object upbit_read_usual_wide(struct upbit *u, const char *bytes,
					size_t n); /* if it runs here */

/* Is price a above price b? Both are normal and not below zero. */
static inline bool upbit_is_above(bc_decimal a, bc_decimal b)
{
	int32_t apart = a.exponent - b.exponent;
	int32_t up = apart > 0 ? apart : 0, down = apart < 0 ? -apart : 0;

	if (up > 8 || down > 8 || (uint64_t)(a.mantissa | b.mantissa) >> 36 != 0)
		return bc_decimal_compare(a, b) > 0;
	return (uint64_t)a.mantissa * bc_json_tens[up] > (uint64_t)b.mantissa * bc_json_tens[down];
}

#endif
