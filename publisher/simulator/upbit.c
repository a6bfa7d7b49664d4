#include "publisher/simulator/upbit.h"

#include <string.h>

const int32_t upbit_intervals_s[UPBIT_N_INTERVALS] = {
	[UPBIT_1S] = 1,       [UPBIT_1M] = 60,    [UPBIT_3M] = 180,   [UPBIT_5M] = 300,
	[UPBIT_10M] = 600,    [UPBIT_15M] = 900,  [UPBIT_30M] = 1800, [UPBIT_60M] = 3600,
	[UPBIT_240M] = 14400, [UPBIT_1D] = 86400,
};

/* The value of "code" or "cd" of a recorded frame, or of the first object of a list. */
static bool symbol_of(bc_str frame, char *out)
{
	json_t *root = json_loadb(frame.p, frame.n, 0, NULL);
	const json_t *object = json_is_array(root) ? json_array_get(root, 0) : root;
	const json_t *code = json_object_get(object, "code");
	bool found;

	if (code == NULL)
		code = json_object_get(object, "cd");
	found = json_is_string(code) && json_string_length(code) < MARKET_NAME_MAX;
	if (found)
		strcpy(out, json_string_value(code));
	json_decref(root);
	return found;
}

#define GROUP(word)                                                                \
	{                                                                          \
		.name = word, .what = LEDGER_REQUESTS, .group = word, .limit = 10, \
		.window_ns = BC_NS_PER_S                                           \
	}

static const struct ledger_rule rules[] = {
	{ .name = "connects", .what = LEDGER_CONNECTS, .limit = 5, .window_ns = BC_NS_PER_S },
	{ .name = "messages-second",
	  .what = LEDGER_MESSAGES,
	  .a_connection = true,
	  .limit = 5,
	  .window_ns = BC_NS_PER_S },
	{ .name = "messages-minute",
	  .what = LEDGER_MESSAGES,
	  .a_connection = true,
	  .limit = 100,
	  .window_ns = 60 * BC_NS_PER_S },
	GROUP("market"),
	GROUP("orderbook"),
	GROUP("crix-trades"),
	GROUP("candles"),
	GROUP("ticker"),
};

const struct sim_face sim_face_upbit = {
	.name = "upbit",
	.data_opcode = WS_BINARY,
	.reply_opcode = WS_BINARY,
	.intervals_s = upbit_intervals_s,
	.n_intervals = UPBIT_N_INTERVALS,
	.idle_close_ns = 60 * BC_NS_PER_S, /* measured; 120 s are documented */
	.journal = 1,                      /* it sends whole books */
	.specs = upbit_specs,
	.spec_of = upbit_spec_of,
	.symbol_of = symbol_of,
	.state_new = upbit_state_new,
	.state_free = upbit_state_free,
	.upgrade = upbit_upgrade,
	.request = upbit_request,
	.session_new = upbit_session_new,
	.session_free = upbit_session_free,
	.message = upbit_message,
	.tick = upbit_tick,
	.subscribed = upbit_subscribed,
	.rules = rules,
	.n_rules = sizeof rules / sizeof *rules,
};
