/* From a received frame to an encoded message nothing of ours allocates, once warm: what waits for
 * the allocator waits for every other thread that uses it. */
#include "bench/frames_upbit.h"
#include "proto/codec.h"
#include "publisher/exchanges/exchange.h"
#include "tests/support/alloc_count.h"

#include <criterion/criterion.h>

static uint8_t encoded[8192];
static unsigned messages;

static void on_event(void *self, const struct bc_event *e)
{
	struct bc_message m = { .envelope = { .channel = e->channel,
					      .exchange_seq = e->exchange_seq,
					      .ts_exchange = e->ts_exchange,
					      .epoch = 1,
					      .seq = 1 } };
	size_t n;
	(void)self;
	memcpy(&m.body, &e->body, sizeof e->body);
	cr_assert_eq(bc_message_encode(&m, encoded, sizeof encoded, &n), BC_OK);
	messages++;
}

static void on_control(void *self, const struct bc_control *c)
{
	(void)self, (void)c;
}

static void on_reject(void *self, const struct bc_reject *r)
{
	(void)self, (void)r;
}

static const struct bc_feed_sink sink = { NULL, on_event, on_control, on_reject, NULL };

static const char *const others[] = {
	"{\"type\":\"trade\",\"code\":\"KRW-BTC\",\"timestamp\":1,\"trade_price\":1.5E3,"
	"\"trade_volume\":0.10,\"ask_bid\":\"BID\",\"sequential_id\":17732400590950000}",
	"[{\"ty\":\"ticker\",\"cd\":\"KRW-\\u0042TC\",\"tms\":1,\"tp\":1,\"atv24h\":1e99}]",
	"{\"ty\":\"candle.1m\",\"cd\":\"KRW-BTC\",\"cdttmu\":\"2025-04-22T09:50:00\",\"op\":1,"
	"\"hp\":1,"
	"\"lp\":1,\"tp\":1,\"catv\":1,\"catp\":1,\"tms\":1}",
	"{\"status\":\"UP\"}",
	"{\"error\":{\"name\":\"NO_CODES\",\"message\":\"x\"}}",
	"{\"type\":\"trade\",\"code\":\"KRW-BTC\",\"timestamp\":1,\"trade_price\":1e99}",
	"not json",
};

static void give_all(const struct bc_exchange *x, void *state)
{
	static char frame[UPBIT_FRAME_MAX(30)];
	uint64_t seed = 7;
	struct bc_input in = { .kind = BC_INPUT_BINARY, .bytes = frame };
	for (unsigned i = 0; i < 100; i++) {
		in.n_bytes = upbit_frame(frame, i % 2 == 0 ? 15 : 30, i % 3 == 0, &seed);
		cr_assert_eq(x->on_input(state, &in, &sink), BC_OK, "%s", frame);
	}
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		in.bytes = others[i];
		in.n_bytes = strlen(others[i]);
		x->on_input(state, &in, &sink);
	}
}

Test(alloc, frame_to_message_allocates_nothing)
{
	const struct bc_exchange *x = bc_exchange_find("upbit");
	const struct bc_feed_options none = { .group_by = { 0, 0 } };
	const char *why;
	void *state = calloc(1, x->state_size);
	cr_assert_eq(x->start(state, &none, &why), BC_OK);
	cr_assert_eq(alloc_count, 1, "the count counts");
	give_all(x, state);
	cr_assert_eq(messages, 103);
	alloc_count = 0;
	give_all(x, state);
	cr_expect_eq(alloc_count, 0, "%lu allocations in %u messages", alloc_count, messages / 2);
	free(state);
}
