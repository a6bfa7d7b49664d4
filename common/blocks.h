/* blocks.h - memory for many things that are met in no order: an array of equal pieces that grows
 * and never moves, and arrays that are large.
 *
 * A piece is found by computing, not by a load that the next load would have to wait for. What is
 * large lies in huge pages where the kernel gives them (madvise, Linux; elsewhere, and where it
 * refuses, nothing is lost but time): with thousands of pieces nearly every one that is met is in
 * a page of its own, whose address the processor would have to look up in memory first.
 *
 * Memory  BC_BLOCKS_FIRST pieces to begin with, and as many as there are with every step; only what
 *         is written to is resident, to the next 2 MB.
 * Threads none of its own. */
#ifndef BC_BLOCKS_H
#define BC_BLOCKS_H

#include "proto/value.h"

#define BC_CACHE_LINE   64
#define BC_BLOCKS_FIRST 64u /* pieces of the first block; a power of two */
#define BC_BLOCKS_MAX   20  /* blocks: 67 million pieces */

struct bc_blocks { /* all zero but piece_bytes: empty */
	size_t piece_bytes;
	uint32_t capacity; /* pieces */
	uint32_t n;        /* blocks */
	char *blocks[BC_BLOCKS_MAX];
};

/* Room for the pieces 0 to n - 1, of whatever was there. BC_ENOMEM, BC_ERANGE: as before. */
bc_status bc_blocks_reserve(struct bc_blocks *b, uint32_t n);
void bc_blocks_free(struct bc_blocks *b);

/* i < capacity. Block k holds BC_BLOCKS_FIRST << k pieces. */
static inline void *bc_blocks_at(const struct bc_blocks *b, uint32_t i)
{
	const uint32_t place = i + BC_BLOCKS_FIRST;
	const int top = 31 - __builtin_clz(place);
	return b->blocks[top - __builtin_ctz(BC_BLOCKS_FIRST)] +
	       (place - (1u << top)) * b->piece_bytes;
}

/* `bytes`, at the beginning of a cache line, for free(3); NULL: out of memory. */
void *bc_large_alloc(size_t bytes);
/* The same with the first `kept` bytes of `old`, which is freed. NULL: old is as it was. */
void *bc_large_move(void *old, size_t kept, size_t bytes);

#endif
