#include "bench/encode_floor.h"
#include "proto/power_of_ten.h"

#include <string.h>

/* The most frequent width first; each takes one store. */
static inline uint8_t *put(uint8_t *p, uint64_t v)
{
	if (v > UINT16_MAX && v <= UINT32_MAX) {
		uint32_t big = __builtin_bswap32((uint32_t)v);
		*p = 0xce;
		memcpy(p + 1, &big, sizeof big);
		return p + 5;
	}
	if (v > UINT32_MAX) {
		uint64_t big = __builtin_bswap64(v);
		*p = 0xcf;
		memcpy(p + 1, &big, sizeof big);
		return p + 9;
	}
	if (v < 128) {
		*p = (uint8_t)v;
		return p + 1;
	}
	if (v <= UINT8_MAX) {
		p[0] = 0xcc;
		p[1] = (uint8_t)v;
		return p + 2;
	}
	p[0] = 0xcd;
	p[1] = (uint8_t)(v >> 8);
	p[2] = (uint8_t)v;
	return p + 3;
}

static inline uint8_t *put_exponent(uint8_t *p, int32_t e) /* -32..127 are one byte */
{
	if (e < -32) {
		*p++ = 0xd0;
	}
	*p = (uint8_t)e;
	return p + 1;
}

static inline uint8_t *put_array(uint8_t *p, uint32_t n)
{
	if (n < 16) {
		*p = (uint8_t)(0x90 | n);
		return p + 1;
	}
	p[0] = 0xdc;
	p[1] = (uint8_t)(n >> 8);
	p[2] = (uint8_t)n;
	return p + 3;
}

static uint8_t *put_envelope(uint8_t *p, const struct bc_envelope *e)
{
	static const uint8_t head[] = { 0x93, 0x01, 0x9b };
	memcpy(p, head, sizeof head);
	p = put(p + sizeof head, (unsigned)e->channel);
	p = put(p, e->epoch);
	p = put(p, e->seq);
	p = put(p, e->exchange_seq);
	p = put(p, (uint64_t)e->ts_exchange.ns);
	p = put(p, (uint64_t)e->ts_recv.ns);
	p = put(p, (uint64_t)e->ts_publish.ns);
	p = put(p, (unsigned)e->state);
	p = put(p, (unsigned)e->reason);
	p = put(p, (uint64_t)e->since.ns);
	return put(p, e->flags);
}

size_t encode_ready(const struct bc_envelope *e, const struct ready_book *book, uint8_t *out)
{
	uint8_t *p = put_envelope(out, e);
	*p++ = 0x94;
	p = put_exponent(p, book->price_exponent);
	p = put_exponent(p, book->quantity_exponent);
	p = put_array(p, 2 * book->n_bids);
	for (uint32_t i = 0; i < book->n_bids; i++)
		p = put(put(p, book->bids[i].price), book->bids[i].quantity);
	p = put_array(p, 2 * book->n_asks);
	for (uint32_t i = 0; i < book->n_asks; i++)
		p = put(put(p, book->asks[i].price), book->asks[i].quantity);
	return (size_t)(p - out);
}

/* ------------------------------------------------------------------ the same, of decimals */

static void find_exponents(const bc_level *levels, uint32_t n, int32_t *price, int32_t *quantity)
{
	for (uint32_t i = 0; i < n; i++) {
		if (levels[i].price.exponent < *price)
			*price = levels[i].price.exponent;
		if (levels[i].quantity.exponent < *quantity)
			*quantity = levels[i].quantity.exponent;
	}
}

static inline uint64_t at(bc_decimal d, int32_t exponent)
{
	return (uint64_t)d.mantissa * bc_power_of_ten[d.exponent - exponent];
}

static uint8_t *put_levels(uint8_t *p, const bc_level *levels, uint32_t n, int32_t price,
			   int32_t quantity)
{
	p = put_array(p, 2 * n);
	for (uint32_t i = 0; i < n; i++)
		p = put(put(p, at(levels[i].price, price)), at(levels[i].quantity, quantity));
	return p;
}

size_t encode_decimals(const struct bc_envelope *e, const struct bc_book *book, uint8_t *out)
{
	int32_t price = INT32_MAX, quantity = INT32_MAX;
	find_exponents(book->bids, book->n_bids, &price, &quantity);
	find_exponents(book->asks, book->n_asks, &price, &quantity);
	uint8_t *p = put_envelope(out, e);
	*p++ = 0x94;
	p = put_exponent(p, price);
	p = put_exponent(p, quantity);
	p = put_levels(p, book->bids, book->n_bids, price, quantity);
	p = put_levels(p, book->asks, book->n_asks, price, quantity);
	return (size_t)(p - out);
}

void ready_book_of(const struct bc_book *book, struct ready_book *out)
{
	int32_t price = INT32_MAX, quantity = INT32_MAX;
	find_exponents(book->bids, book->n_bids, &price, &quantity);
	find_exponents(book->asks, book->n_asks, &price, &quantity);
	*out = (struct ready_book){ .price_exponent = price,
				    .quantity_exponent = quantity,
				    .n_bids = book->n_bids,
				    .n_asks = book->n_asks };
	for (uint32_t i = 0; i < book->n_bids; i++) {
		out->bids[i].price = at(book->bids[i].price, price);
		out->bids[i].quantity = at(book->bids[i].quantity, quantity);
	}
	for (uint32_t i = 0; i < book->n_asks; i++) {
		out->asks[i].price = at(book->asks[i].price, price);
		out->asks[i].quantity = at(book->asks[i].quantity, quantity);
	}
}
