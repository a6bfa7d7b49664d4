#include "tests/support/fake_exchange.h"

#include "tests/support/fake_language.h"

#include <stdio.h>
#include <string.h>

static bc_status fake_start(void *state, const struct bc_feed_options *options, const char **why)
{
	(void)state;
	if (options->format != NULL && strcmp(options->format, "words") != 0) {
		*why = "format: only 'words'";
		return BC_EINVAL;
	}
	return BC_OK;
}

static bc_status fake_check(bc_str symbol, char *hint, size_t cap)
{
	for (size_t i = 0; i < symbol.n; i++) {
		if (symbol.p[i] >= 'a' && symbol.p[i] <= 'z') {
			snprintf(hint, cap, "upper case");
			return BC_EINVAL;
		}
	}
	return BC_OK;
}

static bc_status join(const char *verb, const bc_str *names, size_t n, char *out, size_t cap,
		      size_t *len)
{
	size_t used = (size_t)snprintf(out, cap, "%s", verb);
	for (size_t i = 0; i < n; i++) {
		if (used + names[i].n + 2 > cap)
			return BC_ERANGE;
		used += (size_t)snprintf(out + used, cap - used, " %.*s", (int)names[i].n,
					 names[i].p);
	}
	*len = used;
	return BC_OK;
}

static bc_status fake_subscribe(void *state, const struct bc_subscription *want, size_t *cursor,
				char *out, size_t cap, size_t *len)
{
	(void)state;
	if (*cursor > 0)
		return BC_ENOTFOUND;
	bc_status rc = join("sub", want->symbols, want->n_symbols, out, cap, len);
	*cursor = rc == BC_OK;
	return rc;
}

static bc_status fake_rest_path(void *state, const struct bc_rest_query *query, char *out,
				size_t cap, size_t *len)
{
	(void)state;
	return join(query->kind == BC_REST_TICKS ? "/ticks" : "/list", query->symbols,
		    query->n_symbols, out, cap, len);
}

static const struct bc_glance glance = { .before = { "book ", "bbo " }, .end = ' ' };

static const struct bc_line lines[] = {
	{ .name = "public",
	  .path = "/",
	  .channels = BC_CHANNEL_BIT(BC_CHANNEL_BOOK) | BC_CHANNEL_BIT(BC_CHANNEL_TRADE) |
		      BC_CHANNEL_BIT(BC_CHANNEL_TICKER),
	  .mode = BC_SUBSCRIBE_REPLACES,
	  .sends_per_s = 4,
	  .sends_per_min = 90,
	  .connects_per_s = 5,
	  .ping_interval_ns = 20 * BC_NS_PER_S },
};
static const struct bc_rest_endpoint rest[] = {
	{ .kind = BC_REST_INSTRUMENTS, .per_s = 10 },
	{ .kind = BC_REST_TICKS, .per_s = 10, .max_symbols = 2 },
};

const struct bc_exchange fake_exchange = {
	.id = "fake",
	.title = "an exchange for tests",
	.ws_url = "ws://127.0.0.1:1",
	.rest_url = "http://127.0.0.1:1",
	.canary = "CANARY",
	.example_symbols = "AAA, BBB",
	.channels = BC_CHANNEL_BIT(BC_CHANNEL_BOOK) | BC_CHANNEL_BIT(BC_CHANNEL_BBO) |
		    BC_CHANNEL_BIT(BC_CHANNEL_TRADE) | BC_CHANNEL_BIT(BC_CHANNEL_TICKER),
	.max_levels = 30,
	.lines = lines,
	.n_lines = 1,
	.rest = rest,
	.n_rest = 2,
	.start = fake_start,
	.check_symbol = fake_check,
	.subscribe = fake_subscribe,
	.rest_path = fake_rest_path,
	.glance = &glance,
	.on_input = fake_input,
};

/* ------------------------------------------------------------------ the one that sends changes */

static enum bc_link diff_covers(uint64_t at, const struct bc_delta *change)
{
	if (change->last_seq <= at)
		return BC_LINK_OLD;
	return change->first_seq <= at + 1 ? BC_LINK_NEXT : BC_LINK_GAP;
}

static enum bc_link diff_follows(uint64_t last, const struct bc_delta *change)
{
	if (change->last_seq <= last)
		return BC_LINK_OLD;
	return change->first_seq == last + 1 ? BC_LINK_NEXT : BC_LINK_GAP;
}

static bc_status diff_rest_path(void *state, const struct bc_rest_query *query, char *out,
				size_t cap, size_t *len)
{
	char verb[32];
	(void)state;
	if (query->kind != BC_REST_SNAPSHOT)
		return BC_ENOTFOUND;
	snprintf(verb, sizeof verb, "/snap %u", query->limit);
	return join(verb, query->symbols, query->n_symbols, out, cap, len);
}

static const struct bc_line diff_lines[] = {
	{ .name = "all",
	  .path = "/",
	  .channels = BC_CHANNEL_BIT(BC_CHANNEL_BOOK) | BC_CHANNEL_BIT(BC_CHANNEL_BBO) |
		      BC_CHANNEL_BIT(BC_CHANNEL_TRADE) | BC_CHANNEL_BIT(BC_CHANNEL_TICKER),
	  .mode = BC_SUBSCRIBE_ADDS,
	  .max_streams = 400,
	  .sends_per_s = 5,
	  .connects_per_s = 5 },
};
static const struct bc_rest_endpoint diff_rest[] = {
	{ .kind = BC_REST_SNAPSHOT, .max_symbols = 1 },
};
static const struct bc_snapshot_limit diff_limits[] = { { 5, 1 }, { 20, 5 }, { 100, 50 } };
static const struct bc_sync diff_sync = {
	.covers = diff_covers,
	.follows = diff_follows,
	.limits = diff_limits,
	.n_limits = 3,
};

const struct bc_exchange fake_diff_exchange = {
	.id = "diff",
	.title = "an exchange for tests that sends changes",
	.ws_url = "ws://127.0.0.1:1",
	.rest_url = "http://127.0.0.1:1",
	.canary = "CANARY",
	.example_symbols = "AAA, BBB",
	.channels = BC_CHANNEL_BIT(BC_CHANNEL_BOOK) | BC_CHANNEL_BIT(BC_CHANNEL_BBO) |
		    BC_CHANNEL_BIT(BC_CHANNEL_TRADE) | BC_CHANNEL_BIT(BC_CHANNEL_TICKER),
	.max_levels = 100,
	.lines = diff_lines,
	.n_lines = 1,
	.rest = diff_rest,
	.n_rest = 1,
	.rest_weight_per_min = 1000,
	.sync = &diff_sync,
	.trade_ids_ascend = true,
	.start = fake_start,
	.check_symbol = fake_check,
	.subscribe = fake_subscribe,
	.rest_path = diff_rest_path,
	.glance = &glance,
	.on_input = fake_input,
};

/* ------------------------------------------------------------------ the one with two lines */

#define NAMES_A_FRAME 3

static bc_status numbered(const char *verb, const struct bc_subscription *what, size_t *cursor,
			  char *out, size_t cap, size_t *len)
{
	char text[48];
	size_t left = what->n_symbols - *cursor;
	size_t n = left < NAMES_A_FRAME ? left : NAMES_A_FRAME;
	if (left == 0)
		return BC_ENOTFOUND;
	snprintf(text, sizeof text, "%s#%llu", verb, (unsigned long long)what->nonce);
	bc_status rc = join(text, what->symbols + *cursor, n, out, cap, len);
	if (rc == BC_OK)
		*cursor += n;
	return rc;
}

static bc_status lines_subscribe(void *state, const struct bc_subscription *want, size_t *cursor,
				 char *out, size_t cap, size_t *len)
{
	(void)state;
	return numbered("sub", want, cursor, out, cap, len);
}

static bc_status lines_unsubscribe(void *state, const struct bc_subscription *gone, size_t *cursor,
				   char *out, size_t cap, size_t *len)
{
	(void)state;
	return numbered("unsub", gone, cursor, out, cap, len);
}

static const struct bc_line two_lines[] = {
	{ .name = "public",
	  .path = "/public",
	  .channels = BC_CHANNEL_BIT(BC_CHANNEL_BOOK) | BC_CHANNEL_BIT(BC_CHANNEL_BBO),
	  .mode = BC_SUBSCRIBE_ADDS,
	  .acks = true,
	  .max_streams = 8,
	  .sends_per_s = 4,
	  .connects_per_s = 5,
	  .life_ns = 24 * 3600 * BC_NS_PER_S },
	{ .name = "market",
	  .path = "/market",
	  .channels = BC_CHANNEL_BIT(BC_CHANNEL_TRADE) | BC_CHANNEL_BIT(BC_CHANNEL_TICKER) |
		      BC_CHANNEL_BIT(BC_CHANNEL_CANDLE),
	  .mode = BC_SUBSCRIBE_ADDS,
	  .acks = true,
	  .sends_per_s = 4,
	  .connects_per_s = 5,
	  .life_ns = 24 * 3600 * BC_NS_PER_S },
};

const struct bc_exchange fake_lines_exchange = {
	.id = "lines",
	.title = "an exchange for tests with two lines that add",
	.ws_url = "ws://127.0.0.1:1",
	.rest_url = "http://127.0.0.1:1",
	.canary = "CANARY",
	.example_symbols = "AAA, BBB",
	.channels = BC_CHANNEL_BIT(BC_CHANNEL_BOOK) | BC_CHANNEL_BIT(BC_CHANNEL_BBO) |
		    BC_CHANNEL_BIT(BC_CHANNEL_TRADE) | BC_CHANNEL_BIT(BC_CHANNEL_TICKER) |
		    BC_CHANNEL_BIT(BC_CHANNEL_CANDLE),
	.intervals = 1u << BC_INTERVAL_1M,
	.max_levels = 30,
	.lines = two_lines,
	.n_lines = 2,
	.start = fake_start,
	.check_symbol = fake_check,
	.subscribe = lines_subscribe,
	.unsubscribe = lines_unsubscribe,
	.trade_ids_ascend = true,
	.rest_path = diff_rest_path,
	.glance = &glance,
	.on_input = fake_input,
};
