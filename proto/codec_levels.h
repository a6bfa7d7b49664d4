/* codec_levels.h - the levels of a book, two at once where the processor can. Internal to proto/.
 *
 * Nearly all prices of a book take as many bytes as the best one does, and so do nearly all
 * quantities. Levels like that are written here; what is not like that is left to codec_book.c,
 * which writes the same bytes without this: a machine that has no AVX2 lacks nothing. */
#ifndef BC_CODEC_LEVELS_H
#define BC_CODEC_LEVELS_H

#include "proto/message.h"

/* Does this processor run bc_put_sides()? */
static inline bool bc_sides_wide(void)
{
#ifdef __x86_64__
	return __builtin_cpu_supports("avx2");
#else
	return false;
#endif
}

/* Writes bids and asks, neither of them empty, each an array of numbers at these exponents, up to
 * the first level that is not like the best bid, or has a number that is negative, of more than 62
 * bits or more than seven digits coarser than these exponents. *n_bids and *n_asks are written; an
 * array's head is written with its first level, asks after all bids. Behind p there must be room
 * for two heads and 24 bytes a level; some of it is written even where it is not part of the
 * result. Returns where that ends. */
uint8_t *bc_put_sides(uint8_t *p, const struct bc_book *book, int32_t price_exponent,
		      int32_t quantity_exponent, uint32_t *n_bids, uint32_t *n_asks);

#endif
