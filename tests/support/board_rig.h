/* board_rig.h - a board, a clock, and what gateways say to it. */
#ifndef BC_TESTS_BOARD_RIG_H
#define BC_TESTS_BOARD_RIG_H

#include "common/board.h"
#include "tests/support/bus_message.h"

#include <criterion/criterion.h>

#define BOOK  "upbit.KRW-BTC.book"
#define STATE "upbit.KRW-BTC.state"
#define TRADE "upbit.KRW-BTC.trade"

static struct bc_board *board;
static bc_mono_time now;

static inline void open_board(void)
{
	const struct bc_board_limits limits = { 1000, 1 << 20, 600 * BC_NS_PER_S };
	cr_assert((board = bc_board_new(&limits)) != NULL);
	now.ns = 1000 * BC_NS_PER_S;
}

static inline void close_board(void)
{
	bc_board_free(&board);
}

static inline void later(double seconds)
{
	now.ns += (int64_t)(seconds * 1e9);
}

static inline bc_status take(const char *topic, struct bc_message m)
{
	struct bus_message b;
	bus_message_encode(&b, topic, &m);
	return bc_board_take(board, b.topic, b.payload, now, NULL);
}

static inline bc_status book_of(const char *topic, struct bc_envelope e, int64_t price)
{
	bc_level levels[2];
	return take(topic, bus_book(e, price, levels));
}

static inline bc_status book(uint64_t epoch, uint64_t seq, enum bc_state state)
{
	return book_of(BOOK, bus_envelope(epoch, seq, state), (int64_t)seq);
}

static inline void heartbeat(const char *instance, uint64_t epoch, uint64_t seq,
			     enum bc_state state)
{
	char topic[64];
	snprintf(topic, sizeof topic, "upbit.@%s.heartbeat", instance);
	take(topic, bus_heartbeat(bus_envelope(epoch, seq, state), instance, 1, "ipc:///x"));
}

static inline void symbols(const char *instance, uint64_t epoch, uint64_t version, const char *a,
			   const char *b)
{
	char topic[64];
	uint8_t bytes[512];
	bc_str list[2] = { bc_str_of(a), bc_str_of(b) };
	uint32_t n = a == NULL ? 0 : b == NULL ? 1 : 2;
	snprintf(topic, sizeof topic, "upbit.@%s.state", instance);
	take(topic,
	     bus_symbols(bus_envelope(epoch, version, BC_STATE_LIVE), version, list, n, bytes));
}

static inline struct bc_board_answer get(const char *topic)
{
	struct bc_board_answer answer;
	bc_board_get(board, bc_str_of(topic), now, &answer);
	return answer;
}

/* The best bid of an answer: which message it is. */
static inline int64_t bid(const struct bc_board_answer *answer)
{
	bc_level levels[8];
	struct bc_message m;
	if (bc_message_decode(answer->payload, &m, levels, 8) != BC_OK)
		return -1;
	return m.body.book.bids[0].price.mantissa;
}

#define expect_state(topic, want)                                           \
	cr_expect_eq(get(topic).state, (want), "%s is %s, not %s", (topic), \
		     bc_state_word(get(topic).state), bc_state_word(want))

#define BOARD_TEST(name) Test(board, name, .init = open_board, .fini = close_board)

#endif
