/* blocks.c - where large memory comes from. */
#include "common/blocks.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE_PAGE ((size_t)2 << 20)

static size_t whole(size_t bytes, size_t unit)
{
	return (bytes + unit - 1) / unit * unit;
}

void *bc_large_alloc(size_t bytes)
{
	const size_t unit = bytes >= HUGE_PAGE ? HUGE_PAGE : BC_CACHE_LINE;
	const size_t room = whole(bytes > 0 ? bytes : 1, unit);
	if (room < bytes)
		return NULL;
	void *memory = aligned_alloc(unit, room);
#ifdef MADV_HUGEPAGE
	if (memory != NULL && unit == HUGE_PAGE)
		madvise(memory, room, MADV_HUGEPAGE); /* or small ones, as before */
#endif
	return memory;
}

void *bc_large_move(void *old, size_t kept, size_t bytes)
{
	void *memory = bc_large_alloc(bytes);
	if (memory == NULL)
		return NULL;
	if (kept > 0)
		memcpy(memory, old, kept);
	free(old);
	return memory;
}

bc_status bc_blocks_reserve(struct bc_blocks *b, uint32_t n)
{
	while (b->capacity < n) {
		if (b->n == BC_BLOCKS_MAX)
			return BC_ERANGE;
		const uint32_t pieces = BC_BLOCKS_FIRST << b->n;
		char *block = bc_large_alloc(pieces * b->piece_bytes);
		if (block == NULL)
			return BC_ENOMEM;
		b->blocks[b->n++] = block;
		b->capacity += pieces;
	}
	return BC_OK;
}

void bc_blocks_free(struct bc_blocks *b)
{
	for (uint32_t i = 0; i < b->n; i++)
		free(b->blocks[i]);
	*b = (struct bc_blocks){ .piece_bytes = b->piece_bytes };
}
