/* An array of pieces that grows and never moves, and memory for large arrays. */
#include "common/blocks.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define PIECE 192
#define MANY  20000u /* blocks beyond 2 MB, which ask for huge pages */

Test(blocks, pieces_stay_where_they_are_and_do_not_overlap)
{
	struct bc_blocks b = { .piece_bytes = PIECE };
	static void *first[MANY];
	for (uint32_t i = 0; i < MANY; i++) {
		cr_assert_eq(bc_blocks_reserve(&b, i + 1), BC_OK);
		cr_assert_gt(b.capacity, i);
		first[i] = bc_blocks_at(&b, i);
		cr_assert_eq((uintptr_t)first[i] % BC_CACHE_LINE, 0, "piece %u", i);
		memset(first[i], (int)(i % 251), PIECE);
	}
	for (uint32_t i = 0; i < MANY; i++) {
		const unsigned char *piece = bc_blocks_at(&b, i);
		cr_assert_eq(piece, first[i], "piece %u has moved", i);
		for (size_t k = 0; k < PIECE; k++)
			cr_assert_eq(piece[k], i % 251, "piece %u, byte %zu", i, k);
	}
	cr_expect_leq(b.capacity, 2 * MANY + BC_BLOCKS_FIRST);
	bc_blocks_free(&b);
	cr_expect_eq(b.capacity, 0);
	cr_expect_eq(b.piece_bytes, PIECE);
}

Test(blocks, no_more_than_can_be_counted)
{
	struct bc_blocks b = { .piece_bytes = BC_CACHE_LINE, .n = BC_BLOCKS_MAX };
	cr_expect_eq(bc_blocks_reserve(&b, 1), BC_ERANGE);
}

Test(blocks, large_memory_is_moved_with_what_is_in_it)
{
	static const size_t sizes[] = {
		0, 1, 100, ((size_t)2 << 20) - 1, (size_t)2 << 20, ((size_t)5 << 20) + 3
	};
	unsigned char *p = NULL;
	for (size_t i = 0, kept = 0; i < sizeof sizes / sizeof *sizes; i++) {
		p = bc_large_move(p, kept, sizes[i]);
		cr_assert_not_null(p);
		cr_assert_eq((uintptr_t)p % BC_CACHE_LINE, 0);
		for (size_t k = 0; k < kept; k++)
			cr_assert_eq(p[k], k % 251, "byte %zu of %zu", k, kept);
		for (size_t k = kept; k < sizes[i]; k++)
			p[k] = (unsigned char)(k % 251);
		kept = sizes[i];
	}
	free(p);
	cr_expect_null(bc_large_alloc(SIZE_MAX), "rounded up it would be nothing");
}
