/* weighing_rig.h - the session's REST requests at an exchange that weighs them. What books out of
 * changes have to say about it is wrapped (-Wl,--wrap, see tests/unit/CMakeLists.txt): here only
 * what the requests ask of them counts. */
#ifndef TESTS_WEIGHING_RIG_H
#define TESTS_WEIGHING_RIG_H

#include "publisher/session_private.h"
#include "tests/support/session_rig.h"

/* ------------------------------------------------------------------ an exchange that weighs */

static inline bc_status weighing_path(void *state, const struct bc_rest_query *query, char *out,
				      size_t cap, size_t *len)
{
	static const char *const verbs[BC_N_REST_KINDS] = { "/list", "/ticks", "/snap", "/trades",
							    "/candles" };
	(void)state;
	int n = snprintf(out, cap, "%s %.*s %u", verbs[query->kind],
			 query->n_symbols > 0 ? (int)query->symbols[0].n : 0,
			 query->n_symbols > 0 ? query->symbols[0].p : "", query->limit);
	*len = (size_t)n;
	return BC_OK;
}

#define LIMIT  1000 /* the exchange's */
#define OURS   600  /* 60 % of it */
#define WEIGHT 50   /* of a snapshot of 100 levels */

static const struct bc_rest_endpoint weighing_rest[] = {
	{ .kind = BC_REST_INSTRUMENTS, .weight = 20 },
	{ .kind = BC_REST_SNAPSHOT, .max_symbols = 1 },
	{ .kind = BC_REST_TRADES, .weight = 4, .max_symbols = 1, .max_items = 50 },
	{ .kind = BC_REST_TICKS, .weight = 2, .max_symbols = 1 }, /* where a test asks for it */
};
#define WITHOUT_TICKS 3

static struct bc_exchange weighing;

static inline struct session_options weighing_options(void)
{
	struct session_options o = options_for_tests();
	weighing = fake_diff_exchange;
	weighing.rest = weighing_rest;
	weighing.n_rest = WITHOUT_TICKS;
	weighing.rest_path = weighing_path;
	weighing.rest_weight_per_min = LIMIT;
	o.exchange = &weighing;
	o.snapshot_levels = 60; /* rounded up to 100 */
	return o;
}

/* ------------------------------------------------------------------ the other side of the queue */

static struct {
	uint64_t urgency[1024];
	size_t n_asked, n_answered, n_snapshots;
	char asked[1024];
	uint64_t last_seq;
	bool again; /* a symbol asks anew as soon as it is answered */
} sync_side;

uint64_t __wrap_sync_urgency(const struct session *s, uint32_t symbol);
void __wrap_sync_asked(struct session *s, uint32_t symbol);
void __wrap_sync_answered(struct session *s, uint32_t symbol);
void __wrap_sync_snapshot(struct session *s, uint32_t symbol, const struct bc_event *event);

uint64_t __wrap_sync_urgency(const struct session *s, uint32_t symbol)
{
	(void)s;
	return sync_side.urgency[symbol];
}

void __wrap_sync_asked(struct session *s, uint32_t symbol)
{
	sync_side.n_asked++;
	note(sync_side.asked, s->symbols[symbol].name.p);
	note(sync_side.asked, " ");
	sync_side.asked[sizeof sync_side.asked - 64] = '\0';
}

void __wrap_sync_answered(struct session *s, uint32_t symbol)
{
	sync_side.n_answered++;
	if (sync_side.again)
		rest_snapshot(s, symbol);
}

void __wrap_sync_snapshot(struct session *s, uint32_t symbol, const struct bc_event *event)
{
	(void)s;
	(void)symbol;
	sync_side.n_snapshots++;
	sync_side.last_seq = event->exchange_seq;
}

/* Not connected: nothing is asked for but what the test asks for. The list is answered. */
static inline struct rig *started_rig(struct session_options o, int n_symbols)
{
	struct rig *r = rig_with(o);
	char name[32];
	memset(&sync_side, 0, sizeof sync_side);
	for (int i = 0; i < n_symbols; i++) {
		snprintf(name, sizeof name, "S%d", i);
		add(r, name);
	}
	session_start(r->session, r->now);
	cr_assert(asked(r, "/list"));
	answers(r, "list S0 S1 S2 S3 S4 S5 S6 S7 S8 S9");
	return r;
}

static inline struct rig *weighing_rig_of(struct session_options o, int n_symbols)
{
	struct rig *r = started_rig(o, n_symbols);
	pass(r, 61 * S); /* the list's weight is over */
	r->n_gets = 0;
	return r;
}

static inline struct rig *weighing_rig(int n_symbols)
{
	return weighing_rig_of(weighing_options(), n_symbols);
}

static inline size_t in_flight(const struct rig *r, const char *part)
{
	size_t n = 0;
	for (size_t i = 0; i < SESSION_REST_SLOTS; i++)
		n += strstr(r->asked[i], part) != NULL;
	return n;
}

static inline void want(struct rig *r, uint32_t first, uint32_t n)
{
	for (uint32_t i = first; i < first + n; i++)
		rest_snapshot(r->session, i);
	pass(r, 0);
}

static inline void told(struct rig *r, const char *text, int64_t used)
{
	r->asked[r->get_number][0] = '\0';
	session_rest_answer(r->session, r->now, r->get_number,
			    &(struct session_rest){ .body = bc_str_of(text), .used_weight = used });
	pass(r, 0);
}

static inline void told_no(struct rig *r, int http, int64_t retry_after)
{
	answers_not(r, http, retry_after);
	pass(r, 0);
}

#define SNAP "snap 7 b 1=1 a 2=1"

#endif
