/* decoded.h - what a message says, as every reader of it must have it: compared before it is timed.
 *
 * Also for C++. Decimals are exact and may stand at any exponent: they are compared by value. */
#ifndef BENCH_DECODED_H
#define BENCH_DECODED_H

#include "proto/value.h"

#ifdef __cplusplus
extern "C" {
#endif

#define DECODED_LEVELS 5000 /* a side */
#define DECODED_VALUES 7

enum decoded_kind { DECODED_NOTHING, DECODED_BOOK, DECODED_CHANGE, DECODED_TRADE, DECODED_TICKER };

struct decoded {
	enum decoded_kind kind;
	bc_str symbol, id; /* in the message; of a symbol that only the stream names: lower case */
	int64_t time_ms;   /* -1: not said */
	uint64_t seq[3];   /* first, last, previous; 0: not said */
	bool sell;         /* the taker of a trade */
	uint32_t n_bids, n_asks;
	bc_decimal values[DECODED_VALUES]; /* trade: price, quantity; ticker: last, open, high, low,
					    * volume, quote volume, change */
	bc_level bids[DECODED_LEVELS], asks[DECODED_LEVELS];
};

/* A plain scanner of decimals: digits, point, digits, exponent. Returns where it ends. What does
 * not fit 18 digits goes the long way; what does not fit at all is BC_EXPONENT_NONE. */
const char *decoded_long_decimal(const char *p, bc_decimal *out);

static inline const char *decoded_decimal(const char *p, bc_decimal *out)
{
	const char *start = p, *point = NULL;
	bool minus = *p == '-';
	uint64_t m = 0;
	p += minus;
	while ((unsigned char)(*p - '0') < 10)
		m = m * 10 + (unsigned char)(*p++ - '0');
	if (*p == '.') {
		point = ++p;
		while ((unsigned char)(*p - '0') < 10)
			m = m * 10 + (unsigned char)(*p++ - '0');
	}
	if (p - start > 18 || (*p | 32) == 'e')
		return decoded_long_decimal(start, out);
	out->mantissa = minus ? -(int64_t)m : (int64_t)m;
	out->exponent = point != NULL ? (int32_t)(point - p) : 0;
	return p;
}

#ifdef __cplusplus
}
#endif
#endif
