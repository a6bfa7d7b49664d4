/* floor_scan.c - an order book of Upbit to integers, by stepping over what is known to stand there.
 */
#include "bench/floor.h"

#include <string.h>

#define STEP(p, text) ((p) += sizeof(text) - 1)

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

bool floor_scan(const char *text, size_t n, struct floor_book *b)
{
	static const char head[] = "{\"type\":\"orderbook\",\"code\":\"";
	const char *p = text;
	if (n < sizeof head || memcmp(text, head, sizeof head - 1) != 0)
		return false;
	STEP(p, head);
	b->code = p;
	while (*p != '"')
		p++;
	b->n_code = (size_t)(p - b->code);
	STEP(p, "\",\"timestamp\":");
	p = integer(p, &b->ts_ms);
	p = memchr(p, '[', (size_t)(text + n - p));
	if (p == NULL)
		return false;
	b->price_exp = b->qty_exp = INT32_MAX;
	for (b->n = 0; b->n < FLOOR_LEVELS && p[1] == '{'; b->n++) {
		size_t i = b->n;
		STEP(p, "[{\"ask_price\":");
		p = number(p, &b->ask_price[i], &b->price_exp);
		STEP(p, ",\"bid_price\":");
		p = number(p, &b->bid_price[i], &b->price_exp);
		STEP(p, ",\"ask_size\":");
		p = number(p, &b->ask_size[i], &b->qty_exp);
		STEP(p, ",\"bid_size\":");
		p = number(p, &b->bid_size[i], &b->qty_exp);
		STEP(p, "}");
	}
	return b->n > 0;
}
