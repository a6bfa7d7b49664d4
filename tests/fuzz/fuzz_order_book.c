/* Any sequence of loads and changes, four bytes each, leaves the book equal to a naive one.
 *
 *   byte 0  what to do; byte 1 the price, around 128; byte 2 its extra digits; byte 3 the quantity
 */
#include "tests/support/naive_book.h"

static void demand(bool ok)
{
	if (!ok)
		abort();
}

static bc_level level_of(const uint8_t *d)
{
	static const int64_t tens[] = { 1, 10, 100, 1000 };
	unsigned digits = d[2] & 3;
	return (bc_level){
		{ d[1] * tens[digits] + (d[2] >> 2) % tens[digits], -(int32_t)digits },
		{ d[3] >> 2, -(int32_t)(d[3] & 3) },
	};
}

/* The naive book as it is makes a snapshot that any book must take. */
static void load(struct naive_book *want, struct bc_order_book *got, uint8_t how)
{
	static bc_level bids[NAIVE_MAX], asks[NAIVE_MAX];
	struct bc_book snapshot = { bids, asks, want->sides[BC_BIDS].n, want->sides[BC_ASKS].n };
	memcpy(bids, want->sides[BC_BIDS].levels, snapshot.n_bids * sizeof *bids);
	memcpy(asks, want->sides[BC_ASKS].levels, snapshot.n_asks * sizeof *asks);
	if (how & 1 && snapshot.n_bids > 0)
		snapshot.n_bids--;
	demand(bc_order_book_load(got, &snapshot, how & 2, how & 4) == BC_OK);
	naive_load(want, &snapshot, how & 2, how & 4);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct naive_book want;
	struct bc_order_book *got;
	if (size < 1)
		return 0;
	memset(&want, 0, sizeof want);
	want.max_levels = 1 + data[0] % 64;
	demand(bc_order_book_new(&got, want.max_levels) == BC_OK);
	for (size_t i = 1; i + 4 <= size && i < 4096; i += 4) {
		bc_level level = level_of(data + i);
		struct bc_delta delta = { .bids = &level, .asks = &level };
		if (data[i] >= 0xf0) {
			load(&want, got, data[i]);
		} else {
			delta.n_bids = data[i] & 1;
			delta.n_asks = !delta.n_bids;
			demand(bc_order_book_apply(got, &delta) == BC_OK);
			naive_apply(&want, &delta);
		}
		demand(naive_differs(&want, got) == NULL);
	}
	bc_order_book_free(&got);
	return 0;
}
