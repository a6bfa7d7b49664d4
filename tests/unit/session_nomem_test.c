/* Each allocation of a session fails once, one run after the other: what was asked for is refused
 * or done later, nothing is lost for good, and books of changes are right again in the end. */
#include "tests/support/sync_rig.h"

#include <limits.h>
#include <stdlib.h>

static unsigned long n_allocations, fails_at; /* counted from 1; 0: none fails */

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__real_aligned_alloc(size_t unit, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_aligned_alloc(size_t unit, size_t n);

static bool this_one_fails(void)
{
	return fails_at != 0 && ++n_allocations == fails_at;
}

void *__wrap_malloc(size_t n)
{
	return this_one_fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return this_one_fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
	return this_one_fails() ? NULL : __real_realloc(p, n);
}

void *__wrap_aligned_alloc(size_t unit, size_t n)
{
	return this_one_fails() ? NULL : __real_aligned_alloc(unit, n);
}

/* ------------------------------------------------------------------ one run */

#define FIRST  "AAA"
#define SECOND "BBB"
#define PLACES 8

static const char *const names[] = { FIRST, SECOND };
static uint64_t seqs[2];

static bool made(struct rig *r)
{
	struct session_options o = sync_options();
	struct session_actions actions = { r,        on_connect, on_disconnect, on_send,  on_ping,
					   on_get,   on_added,   on_removed,    on_state, on_feed,
					   on_event, on_log,     on_listened,   on_soon };
	char why[256] = "";
	o.silent_after_ns = 10 * S;
	*r = (struct rig){ .now = { { 1000 * S }, { 1000 * S }, { 1700000000 * S } } };
	bc_status rc = session_new(&r->session, &o, &actions, why, sizeof why);
	cr_assert(rc == BC_OK || rc == BC_ENOMEM, "%s", why);
	if (rc == BC_ENOMEM)
		cr_expect_null(r->session, "what is refused is not there");
	return rc == BC_OK;
}

static void add_till_it_is(struct rig *r, const char *name)
{
	char why[128] = "";
	bc_status rc = session_add(r->session, r->now, name, why, sizeof why);
	if (rc == BC_ENOMEM)
		rc = session_add(r->session, r->now, name, why, sizeof why);
	cr_assert_eq(rc, BC_OK, "%s: %s", name, why);
}

/* Whatever is open speaks, and what is asked is answered, as of now. */
static void world_turns(struct rig *r, int turns, bool levels)
{
	static char text[4096];
	for (int t = 0; t < turns; t++) {
		for (uint32_t c = 0; c < PLACES; c++) {
			if (r->connecting[c])
				opened_on(r, c);
			if (r->gone[c])
				closed_as(r, c, (struct session_closed){ 0 });
		}
		for (size_t i = 0; i < 2; i++) {
			uint64_t seq = ++seqs[i];
			int n = snprintf(text, sizeof text, "delta %s %lu %lu b 100=%lu", names[i],
					 (unsigned long)seq, (unsigned long)seq,
					 (unsigned long)seq);
			for (int k = 0; levels && k < 90; k++)
				n += snprintf(text + n, sizeof text - (size_t)n, " %d=1", 1 + k);
			for (uint32_t c = 0; c < session_connections(r->session); c++)
				says_on(r, c, text);
			snprintf(text, sizeof text, "trade %s %lu", names[i], (unsigned long)seq);
			for (uint32_t c = 0; c < session_connections(r->session); c++)
				says_on(r, c, text);
			snprintf(text, sizeof text, "snap %lu b 100=%lu a 101=1",
				 (unsigned long)seq, (unsigned long)seq);
			if (asked(r, names[i]))
				answers(r, text);
		}
		for (uint32_t c = 0; c < session_connections(r->session); c++)
			says_on(r, c, "ticker CANARY");
		pass(r, 100 * MS);
		r->seen[0] = r->logged[0] = r->told[0] = '\0';
	}
}

static bool run(void)
{
	static struct rig rig;
	struct rig *r = &rig;
	seqs[0] = seqs[1] = 10;
	if (!made(r))
		return false;
	add_till_it_is(r, FIRST);
	session_start(r->session, r->now);
	world_turns(r, 30, false);
	add_till_it_is(r, SECOND);
	world_turns(r, 10, true);
	says(r, "leaving");
	world_turns(r, 250, false);
	session_reconnect(r->session, r->now);
	world_turns(r, 300, true);
	for (size_t i = 0; i < 2; i++) {
		expect_state(r, names[i], BC_STATE_LIVE, BC_REASON_NONE);
		cr_expect_eq(session_symbols(r->session), 2);
	}
	cr_expect_eq(r->book.seq, seqs[1], "allocation %lu", fails_at);
	session_free(&r->session);
	return true;
}

Test(session_nomem, each_allocation_fails_once)
{
	unsigned refused = 0;
	fails_at = ULONG_MAX;
	cr_assert(run());
	unsigned long all = n_allocations;
	cr_assert_gt(all, 20, "%lu allocations", all);
	for (unsigned long k = 1; k <= all; k++) {
		n_allocations = 0;
		fails_at = k;
		refused += !run();
	}
	fails_at = 0;
	cr_expect_gt(refused, 0, "session_new() allocates");
}
