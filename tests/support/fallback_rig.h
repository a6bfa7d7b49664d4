/* fallback_rig.h - a session whose exchange also serves books, tickers and trades by REST: two
 * books a request, three tickers, one symbol's trades. For Criterion tests. */
#ifndef TESTS_FALLBACK_RIG_H
#define TESTS_FALLBACK_RIG_H

#include "tests/support/session_rig.h"

#define WALL_MS INT64_C(1700000000000) /* the rig's beginning, in the exchange's milliseconds */

static inline bc_status poll_path(void *state, const struct bc_rest_query *query, char *out,
				  size_t cap, size_t *len)
{
	static const char *const verbs[BC_N_REST_KINDS] = { [BC_REST_SNAPSHOT] = "/books",
							    [BC_REST_TICKERS] = "/tickers",
							    [BC_REST_TRADES] = "/trades" };
	(void)state;
	if (verbs[query->kind] == NULL)
		return BC_ENOTFOUND;
	*len = (size_t)snprintf(out, cap, "%s", verbs[query->kind]);
	for (size_t i = 0; i < query->n_symbols; i++)
		*len += (size_t)snprintf(out + *len, cap - *len, " %.*s", (int)query->symbols[i].n,
					 query->symbols[i].p);
	return BC_OK;
}

static const struct bc_rest_endpoint poll_rest[] = {
	{ .kind = BC_REST_SNAPSHOT, .per_s = 20, .max_symbols = 2 },
	{ .kind = BC_REST_TICKERS, .per_s = 20, .max_symbols = 3 },
	{ .kind = BC_REST_TRADES, .per_s = 20, .max_symbols = 1, .max_items = 100 },
};

static struct bc_exchange polled;

static inline struct session_options poll_options(void)
{
	struct session_options o = options_for_tests();
	polled = fake_exchange;
	polled.rest = poll_rest;
	polled.n_rest = 3;
	polled.rest_path = poll_path;
	o.exchange = &polled;
	o.channels = BC_CHANNEL_BIT(BC_CHANNEL_BOOK);
	o.source = SESSION_AUTO;
	return o;
}

/* Connected, every symbol live by a book of the exchange's time `ms`. */
static inline struct rig *live_poll_rig(struct session_options o, const char *symbols, int ms)
{
	struct rig *r = rig_with(o);
	char text[96], copy[256], *rest = copy;
	add(r, symbols);
	session_start(r->session, r->now);
	opened(r);
	snprintf(copy, sizeof copy, "%s", symbols);
	for (char *one; (one = strsep(&rest, " ")) != NULL;) {
		snprintf(text, sizeof text, "at %s %lld 1 2", one, (long long)(WALL_MS + ms));
		says(r, text);
	}
	forget(r);
	return r;
}

static inline void says_at(struct rig *r, const char *symbol, int ms)
{
	char text[96];
	snprintf(text, sizeof text, "at %s %lld 1 2", symbol, (long long)(WALL_MS + ms));
	says(r, text);
}

/* The polls that are in flight are answered: everything is as of `ms`. How many were. */
static inline size_t serve(struct rig *r, int ms)
{
	size_t n = 0;
	for (uint32_t i = 0; i < SESSION_REST_SLOTS; i++) {
		char asked_for[512], body[1024], *rest = asked_for, *verb;
		size_t at = 0;
		snprintf(asked_for, sizeof asked_for, "%s", r->asked[i]);
		verb = strsep(&rest, " ");
		if (strcmp(verb, "/books") != 0 && strcmp(verb, "/tickers") != 0)
			continue;
		bool books = verb[1] == 'b';
		at += (size_t)snprintf(body, sizeof body, books ? "polled" : "tickers");
		for (char *name; (name = strsep(&rest, " ")) != NULL;)
			at += (size_t)snprintf(body + at, sizeof body - at, " %s %lld%s", name,
					       (long long)(WALL_MS + ms), books ? " 1 2" : "");
		r->get_number = i;
		answers(r, body);
		n++;
	}
	return n;
}

/* Time passes, and polls are answered as of now. How many were. */
static inline size_t served_for(struct rig *r, int64_t ns)
{
	size_t n = 0;
	for (int64_t passed = 0; passed < ns; passed += 20 * MS) {
		pass(r, 20 * MS);
		n += serve(r, (int)((r->now.wall.ns - 1700000000 * S) / MS));
	}
	return n;
}

#endif
