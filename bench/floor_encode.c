/* floor_encode.c - proto/README.md's book message, byte by byte. */
#include "bench/floor.h"
#include "proto/power_of_ten.h"

#include <string.h>

static inline char *big(char *p, uint64_t v)
{
	v = __builtin_bswap64(v);
	*p = (char)0xcf;
	memcpy(p + 1, &v, sizeof v);
	return p + 9;
}

static inline char *integer(char *p, int64_t value)
{
	uint64_t v = (uint64_t)value;
	if (v < 128) {
		*p = (char)v;
		return p + 1;
	}
	if (v > UINT32_MAX)
		return big(p, v);
	uint32_t word = __builtin_bswap32((uint32_t)v);
	*p = (char)0xce;
	memcpy(p + 1, &word, sizeof word);
	return p + 5;
}

static inline char *exponent(char *p, int32_t e)
{
	if (e < -32) {
		p[0] = (char)0xd0;
		p[1] = (char)e;
		return p + 2;
	}
	*p = (char)e; /* a small integer, positive or negative */
	return p + 1;
}

static char *side(char *p, const struct floor_book *b, const struct floor_number *price,
		  const struct floor_number *size)
{
	p[0] = (char)0xdc;
	p[1] = 0;
	p[2] = (char)(2 * b->n);
	p += 3;
	for (size_t i = 0; i < b->n; i++) {
		p = integer(p, price[i].mantissa *
				       (int64_t)bc_power_of_ten[price[i].exponent - b->price_exp]);
		p = integer(p, size[i].mantissa *
				       (int64_t)bc_power_of_ten[size[i].exponent - b->qty_exp]);
	}
	return p;
}

static char *bytes(char *p, const void *from, size_t n)
{
	memcpy(p, from, n);
	return p + n;
}

static char *envelope(char *p, const struct floor_head *h, uint8_t channel,
		      const struct floor_stamp *s)
{
	p = bytes(p, "\0\x93\x01\x9b", 4); /* version 1, envelope of 11 */
	*p++ = (char)channel;
	p = big(p, s->epoch);
	p = integer(p, (int64_t)s->seq);
	*p++ = (char)0xc0; /* no number of the exchange */
	p = big(p, (uint64_t)h->ts_ms * 1000000);
	p = big(p, (uint64_t)s->recv_ns);
	p = big(p, (uint64_t)s->publish_ns);
	p = bytes(p, "\x02\x00", 2); /* live, for no reason */
	p = big(p, (uint64_t)s->since_ns);
	*p++ = 0; /* no flags */
	return p;
}

size_t floor_encode(const struct floor_book *b, const struct floor_stamp *s, char *out)
{
	char *p = bytes(out, "upbit.", 6);
	p = bytes(p, b->head.code, b->head.n_code);
	p = bytes(p, ".book", 5);
	p = envelope(p, &b->head, 0, s);
	*p++ = (char)0x94; /* body of 4 */
	p = exponent(p, b->price_exp);
	p = exponent(p, b->qty_exp);
	p = side(p, b, b->bid_price, b->bid_size);
	p = side(p, b, b->ask_price, b->ask_size);
	return (size_t)(p - out);
}

size_t floor_encode_trade(const struct floor_trade *t, const struct floor_stamp *s, char *out)
{
	char *p = bytes(out, "upbit.", 6);
	p = bytes(p, t->head.code, t->head.n_code);
	p = bytes(p, ".trade", 6);
	p = envelope(p, &t->head, 2, s);
	*p++ = (char)0x96; /* body of 6 */
	p = exponent(p, t->price.exponent);
	p = exponent(p, t->quantity.exponent);
	p = integer(p, t->price.mantissa);
	p = integer(p, t->quantity.mantissa);
	*p++ = t->bought ? 1 : 2;
	*p++ = (char)(0xa0 + t->n_id); /* below 32 */
	p = bytes(p, t->id, t->n_id);
	return (size_t)(p - out);
}
