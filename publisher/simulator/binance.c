/* binance.c - the two faces, and what differs between them. */
#include "publisher/simulator/binance.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define CONNECTS           300
#define CONNECTS_WINDOW_NS (300 * BC_NS_PER_S)
#define MS(n)              ((n)*BC_NS_PER_MS)

const struct binance_dialect binance_spot = {
	.name = "binance-spot",
	.usdm = false,
	.messages_per_s = 5,
	.ping_ns = 20 * BC_NS_PER_S, /* 3 minutes before 2025-02 */
	.pong_ns = 60 * BC_NS_PER_S,
	.ticker_ns = MS(1000),
	.candle_ns = MS(2000),
	.speeds = { { "", MS(1000) }, { "@1000ms", MS(1000) }, { "@100ms", MS(100) }, { NULL, 0 } },
	.rest = "/api/v3/",
	.weight_per_min = 6000,
	.depth_costs = { { 100, 5 }, { 500, 25 }, { 1000, 50 }, { 5000, 250 }, { 0, 0 } },
	.depth_default = 100,
	.depth_exact = false,
	.id_base = UINT64_C(50093239000),
	.id_step = 1,
	.decimals = 8,
};

const struct binance_dialect binance_usdm = {
	.name = "binance-usdm",
	.usdm = true,
	.messages_per_s = 10,
	.ping_ns = 180 * BC_NS_PER_S,
	.pong_ns = 600 * BC_NS_PER_S,
	.ticker_ns = MS(2000),
	.candle_ns = MS(250),
	.speeds = { { "", MS(250) },
		    { "@500ms", MS(500) },
		    { "@100ms", MS(100) },
		    { "@0ms", MS(30) },
		    { NULL, 0 } }, /* @0ms: the median of what was measured */
	.rest = "/fapi/v1/",
	.weight_per_min = 2400,
	.depth_costs = { { 5, 2 },
			 { 10, 2 },
			 { 20, 2 },
			 { 50, 2 },
			 { 100, 5 },
			 { 500, 10 },
			 { 1000, 20 },
			 { 0, 0 } },
	.depth_default = 500,
	.depth_exact = true,
	.id_base = UINT64_C(4984028367545),
	.id_step = 16,
	.decimals = -1,
};

/* ------------------------------------------------------------------ the exchange's state */

static void *state_new(const struct binance_dialect *d)
{
	struct binance_state *s = calloc(1, sizeof *s);

	if (s == NULL)
		return NULL;
	s->dialect = d;
	sim_limit_init(&s->connects, CONNECTS, CONNECTS_WINDOW_NS);
	binance_settings_reset(s);
	return s;
}

static void *state_new_spot(void)
{
	return state_new(&binance_spot);
}

static void *state_new_usdm(void)
{
	return state_new(&binance_usdm);
}

static uint64_t book_id_spot(const struct market *m, size_t symbol)
{
	return binance_id(&binance_spot, symbol, market_seq(m, symbol));
}

static uint64_t book_id_usdm(const struct market *m, size_t symbol)
{
	return binance_id(&binance_usdm, symbol, market_seq(m, symbol));
}

/* ------------------------------------------------------------------ recorded frames */

/* The value of "s" of a recorded frame, inside "data" or not, or its stream's name. */
static bool symbol_of(bc_str frame, char *out)
{
	json_t *root = json_loadb(frame.p, frame.n, 0, NULL);
	const json_t *data = json_object_get(root, "data");
	const json_t *symbol = json_object_get(data != NULL ? data : root, "s");
	const char *stream = json_string_value(json_object_get(root, "stream"));
	size_t n = stream != NULL ? strcspn(stream, "@") : 0;
	bool found = json_is_string(symbol) && json_string_length(symbol) < MARKET_NAME_MAX;

	if (found) {
		strcpy(out, json_string_value(symbol));
	} else if (n > 0 && n < MARKET_NAME_MAX && stream[0] != '!') {
		for (size_t i = 0; i < n; i++)
			out[i] = bc_ascii_upper(stream[i]);
		out[n] = '\0';
		found = true;
	}
	json_decref(root);
	return found;
}

/* ------------------------------------------------------------------ the faces */

/* 200 streams are the older word of USD-M, 1,024 the newer one. */
#define RULES(messages, n_streams, weight)                                  \
	{ .name = "connects",                                               \
	  .what = LEDGER_CONNECTS,                                          \
	  .limit = 300,                                                     \
	  .window_ns = 300 * BC_NS_PER_S },                                 \
		{ .name = "messages",                                       \
		  .what = LEDGER_MESSAGES,                                  \
		  .controls = true,                                         \
		  .a_connection = true,                                     \
		  .limit = (messages),                                      \
		  .window_ns = BC_NS_PER_S },                               \
		{ .name = "streams",                                        \
		  .what = LEDGER_STREAMS,                                   \
		  .a_connection = true,                                     \
		  .limit = (n_streams) },                                   \
	{                                                                   \
		.name = "weight", .what = LEDGER_WEIGHT, .limit = (weight), \
		.window_ns = 60 * BC_NS_PER_S                               \
	}
static const struct ledger_rule rules_spot[] = { RULES(5, 1024, 6000) };
static const struct ledger_rule rules_usdm[] = { RULES(10, 200, 2400) };

#define SHARED                                                                               \
	.data_opcode = WS_TEXT, .reply_opcode = WS_TEXT, .intervals_s = binance_intervals_s, \
	.n_intervals = BINANCE_INTERVALS, .journal = MARKET_JOURNAL, .symbol_of = symbol_of, \
	.state_free = free, .upgrade = binance_upgrade, .request = binance_request,          \
	.session_new = binance_session_new, .session_free = binance_session_free,            \
	.opened = binance_opened, .control = binance_control, .message = binance_message,    \
	.tick = binance_tick, .set = binance_set, .put_status = binance_put_status,          \
	.subscribed = binance_subscribed, .frame_of = binance_frame_of,                      \
	.body_id = binance_body_id, .wants = binance_wants, .streams = binance_n_streams

const struct sim_face sim_face_binance_spot = {
	.name = "binance-spot",
	SHARED,
	.rules = rules_spot,
	.n_rules = sizeof rules_spot / sizeof *rules_spot,
	.specs = binance_specs_spot,
	.spec_of = binance_spec_of_spot,
	.book_id = book_id_spot,
	.state_new = state_new_spot,
	.shutdown = binance_shutdown,
};

const struct sim_face sim_face_binance_usdm = {
	.name = "binance-usdm",
	SHARED,
	.rules = rules_usdm,
	.n_rules = sizeof rules_usdm / sizeof *rules_usdm,
	.specs = binance_specs_usdm,
	.spec_of = binance_spec_of_usdm,
	.book_id = book_id_usdm,
	.state_new = state_new_usdm,
};
