/* encode_floor.h - the message of a book written by hand: the floors of bc_message_encode().
 *
 * Both write the same bytes as the codec. Neither checks anything: that there is room, that values
 * are known, fit, or are whole at the exponents. */
#ifndef BENCH_ENCODE_FLOOR_H
#define BENCH_ENCODE_FLOOR_H

#include "proto/message.h"

#define ENCODE_FLOOR_LEVELS 64

/* A book whose prices and quantities stand at the message's exponents already. */
struct ready_book {
	int32_t price_exponent, quantity_exponent;
	uint32_t n_bids, n_asks;
	struct {
		uint64_t price, quantity;
	} bids[ENCODE_FLOOR_LEVELS], asks[ENCODE_FLOOR_LEVELS];
};

size_t encode_ready(const struct bc_envelope *e, const struct ready_book *book, uint8_t *out);

/* Of decimals at any exponents, in normal form: finds the exponents and multiplies, too. */
size_t encode_decimals(const struct bc_envelope *e, const struct bc_book *book, uint8_t *out);

/* Makes the one of the other. */
void ready_book_of(const struct bc_book *book, struct ready_book *out);

#endif
