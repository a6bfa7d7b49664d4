/* Whatever the bus brings: each history is in order, holds an id and a candle once, is no longer
 * than it may be, has a topic on the board, and all of them stay within their bytes.
 *
 * Input: as fuzz_board: records of one byte (time passed, in tenths of a second), two bytes of
 * length (little endian), and a bus frame of that length. */
#include "common/board.h"
#include "proto/codec.h"
#include "subscribers/cache/rings.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_TOPICS = 8, TRADES = 5, CANDLES = 4, MAX_BYTES = 16384 };

static void require(bool good)
{
	if (!good)
		abort();
}

static struct bc_message decoded(const struct cache_ring *ring, size_t i)
{
	struct bc_message m;
	require(bc_message_decode(cache_ring_at(ring, i), &m, NULL, 0) == BC_OK);
	return m;
}

static void check_ring(const struct cache_ring *ring)
{
	size_t n = cache_ring_count(ring);
	for (size_t i = 0; i < n; i++) {
		struct bc_message m = decoded(ring, i);
		bool trade = m.envelope.channel == BC_CHANNEL_TRADE;
		require(trade || m.envelope.channel == BC_CHANNEL_CANDLE);
		require(n <= (trade ? TRADES : CANDLES));
		for (size_t k = 0; k < i; k++) {
			struct bc_message before = decoded(ring, k);
			require(before.envelope.channel == m.envelope.channel);
			if (trade)
				require(m.body.trade.trade_id.n == 0 ||
					!bc_str_equal(m.body.trade.trade_id,
						      before.body.trade.trade_id));
			else
				require(before.body.candle.ts_open.ns < m.body.candle.ts_open.ns);
		}
	}
}

static void check(struct bc_board *board, const struct cache_rings *rings)
{
	bc_str topics[MAX_TOPICS];
	size_t n = bc_board_list(board, BC_STR(""), topics, MAX_TOPICS), with_history = 0;
	require(cache_rings_bytes(rings) <= MAX_BYTES);
	for (size_t i = 0; i < n; i++) {
		const struct cache_ring *ring = cache_rings_find(rings, topics[i]);
		if (ring == NULL)
			continue;
		with_history++;
		check_ring(ring);
	}
	require(with_history == cache_rings_count(rings));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct bc_board_limits limits = { MAX_TOPICS, 65536, BC_NS_PER_S };
	const struct cache_rings_limits history = { TRADES, CANDLES, MAX_BYTES };
	struct bc_board *board = bc_board_new(&limits);
	struct cache_rings *rings = cache_rings_new(&history);
	struct bc_board_taken taken;
	bc_mono_time now = { BC_NS_PER_S };
	bc_str topic, payload;
	require(board != NULL && rings != NULL);
	bc_board_on_forgotten(board, cache_rings_forget, rings);
	while (size >= 3) {
		size_t n = data[1] + 256u * data[2];
		now.ns += data[0] * (BC_NS_PER_S / 10);
		data += 3;
		size -= 3;
		n = n < size ? n : size;
		if (bc_frame_split(data, n, &topic, &payload) == BC_OK &&
		    bc_board_take(board, topic, payload, now, &taken) == BC_OK)
			cache_rings_take(rings, topic, payload, taken.message);
		bc_board_tick(board, now);
		check(board, rings);
		data += n;
		size -= n;
	}
	bc_board_free(&board);
	cache_rings_free(&rings);
	return 0;
}
