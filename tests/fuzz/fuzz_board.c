/* Whatever the bus brings, in whatever order: what the board calls fit was proven some time, no age
 * is negative, what is listed can be had, and the bounds hold.
 *
 * Input: records of one byte (time passed, in tenths of a second), two bytes of length (little
 * endian), and a bus frame of that length. */
#include "common/board.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_TOPICS = 16, MAX_BYTES = 4096 };

static void require(bool good)
{
	if (!good)
		abort();
}

static void check(struct bc_board *board, bc_mono_time now)
{
	bc_str topics[MAX_TOPICS];
	struct bc_board_answer a;
	size_t n = bc_board_list(board, BC_STR(""), topics, MAX_TOPICS);
	require(n <= MAX_TOPICS && n == bc_board_topics(board));
	require(bc_board_bytes(board) <= MAX_BYTES);
	for (size_t i = 0; i < n; i++) {
		bc_board_get(board, topics[i], now, &a);
		require(a.status == BC_BOARD_OK && a.payload.n > 0);
		require(a.age_ns >= 0 && a.proven_ns >= 0);
		require(!bc_state_fit(a.state) || a.proven_ns != BC_AGE_NEVER);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct bc_board_limits limits = { MAX_TOPICS, MAX_BYTES, BC_NS_PER_S };
	struct bc_board *board = bc_board_new(&limits);
	struct bc_board_taken taken;
	bc_mono_time now = { BC_NS_PER_S };
	char prefix[BC_TOPIC_MAX + 1];
	bc_str topic, payload;
	require(board != NULL);
	while (size >= 3) {
		size_t n = data[1] + 256u * data[2];
		now.ns += data[0] * (BC_NS_PER_S / 10);
		data += 3;
		size -= 3;
		n = n < size ? n : size;
		if (bc_frame_split(data, n, &topic, &payload) == BC_OK) {
			if (bc_board_take(board, topic, payload, now, &taken) == BC_OK)
				require(taken.message != NULL && taken.gateway != NULL);
		} else {
			bc_board_bad_frame(board);
		}
		while (bc_board_wants(board, prefix))
			require(strlen(prefix) <= BC_TOPIC_MAX);
		bc_board_tick(board, now);
		check(board, now);
		data += n;
		size -= n;
	}
	bc_board_free(&board);
	return 0;
}
