/* floor_scan.c - an order book of Upbit to integers, by stepping over what is known to stand there.
 */
#include "bench/floor.h"

#include <string.h>

/* A text that stands there, and how long it is. */
struct part {
	const char *text;
	size_t n;
};
#define PART(text)                     \
	{                              \
		text, sizeof(text) - 1 \
	}

/* In the order in which they come. */
static const struct dialect {
	struct part book, trade, time, ask_price, bid_price, ask_size, bid_size;
	struct part price, volume, taker, id;
} dialects[] = {
	{ PART("{\"type\":\"orderbook\",\"code\":\""), PART("{\"type\":\"trade\",\"code\":\""),
	  PART("\",\"timestamp\":"), PART("[{\"ask_price\":"), PART(",\"bid_price\":"),
	  PART(",\"ask_size\":"), PART(",\"bid_size\":"), PART("\"trade_price\":"),
	  PART(",\"trade_volume\":"), PART(",\"ask_bid\":\""), PART("\"sequential_id\":") },
	{ PART("{\"ty\":\"orderbook\",\"cd\":\""), PART("{\"ty\":\"trade\",\"cd\":\""),
	  PART("\",\"tms\":"), PART("[{\"ap\":"), PART(",\"bp\":"), PART(",\"as\":"),
	  PART(",\"bs\":"), PART("\"tp\":"), PART(",\"tv\":"), PART(",\"ab\":\""),
	  PART("\"sid\":") },
};

static const char *integer(const char *p, int64_t *out)
{
	uint64_t m = 0;
	for (; (unsigned)(*p - '0') < 10; p++)
		m = 10 * m + (uint64_t)(*p - '0');
	*out = (int64_t)m;
	return p;
}

/* Digits, a fraction, an exponent, as Java prints a double: 1.16539E8. */
static inline const char *number(const char *p, struct floor_number *out, int32_t *lowest)
{
	uint64_t m = 0;
	int32_t exponent = 0;
	for (; (unsigned)(*p - '0') < 10; p++)
		m = 10 * m + (uint64_t)(*p - '0');
	if (*p == '.') {
		const char *point = ++p;
		for (; (unsigned)(*p - '0') < 10; p++)
			m = 10 * m + (uint64_t)(*p - '0');
		exponent = (int32_t)(point - p);
	}
	if (*p == 'E') {
		int64_t power;
		bool below = p[1] == '-';
		p = integer(p + 1 + (below || p[1] == '+'), &power);
		exponent += (int32_t)(below ? -power : power);
	}
	*out = (struct floor_number){ (int64_t)m, exponent };
	if (exponent < *lowest)
		*lowest = exponent;
	return p;
}

static bool begins(const char *text, size_t n, const struct part *head)
{
	return n > head->n && memcmp(text, head->text, head->n) == 0;
}

/* Code and time, after the head; the character behind them. */
static const char *head(const struct dialect *d, const char *p, struct floor_head *out)
{
	out->code = p;
	while (*p != '"')
		p++;
	out->n_code = (size_t)(p - out->code);
	return integer(p + d->time.n, &out->ts_ms);
}

static bool scan_book(const struct dialect *d, const char *text, size_t n, struct floor_book *b)
{
	const char *p = head(d, text + d->book.n, &b->head);
	p = memchr(p, '[', (size_t)(text + n - p));
	if (p == NULL)
		return false;
	b->price_exp = b->qty_exp = INT32_MAX;
	for (b->n = 0; b->n < FLOOR_LEVELS && p[1] == '{'; b->n++) {
		size_t i = b->n;
		p = number(p + d->ask_price.n, &b->ask_price[i], &b->price_exp);
		p = number(p + d->bid_price.n, &b->bid_price[i], &b->price_exp);
		p = number(p + d->ask_size.n, &b->ask_size[i], &b->qty_exp);
		p = number(p + d->bid_size.n, &b->bid_size[i], &b->qty_exp) + 1;
	}
	return b->n > 0;
}

static bool scan_trade(const struct dialect *d, const char *text, size_t n, struct floor_trade *t)
{
	const char *p = head(d, text + d->trade.n, &t->head);
	int32_t none = 0;
	p = memmem(p, (size_t)(text + n - p), d->price.text, d->price.n);
	if (p == NULL)
		return false;
	p = number(p + d->price.n, &t->price, &none);
	p = number(p + d->volume.n, &t->quantity, &none) + d->taker.n;
	t->bought = *p == 'B';
	p = memmem(p, (size_t)(text + n - p), d->id.text, d->id.n);
	if (p == NULL)
		return false;
	t->id = p + d->id.n;
	for (p = t->id; (unsigned)(*p - '0') < 10;)
		p++;
	t->n_id = (size_t)(p - t->id);
	return true;
}

enum floor_kind floor_scan(const char *text, size_t n, struct floor_message *out)
{
	const struct dialect *d = &dialects[n > 4 && text[4] == '"'];
	if (begins(text, n, &d->book) && scan_book(d, text, n, &out->book))
		return FLOOR_BOOK;
	if (begins(text, n, &d->trade) && scan_trade(d, text, n, &out->trade))
		return FLOOR_TRADE;
	return FLOOR_OTHER;
}
