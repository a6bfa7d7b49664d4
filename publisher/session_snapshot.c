/* session_snapshot.c - which symbols wait for a snapshot, and who of them is next.
 *
 * The queue is a mark in each symbol: who goes is found when there is room for it, among all who
 * wait, since what makes a symbol urgent changes while it waits. A symbol that asks again soon
 * after an answer, good or not, waits longer each time. */
#include "publisher/session_private.h"

#define SOON_NS     (10 * BC_NS_PER_S)
#define ROUND_TRIP  (300 * BC_NS_PER_MS) /* a guess, for the expected wait alone */
#define IN_PARALLEL 4

/* ------------------------------------------------------------------ the queue */

static void wait_for(struct session *s, struct symbol_rest *r)
{
	struct rest_job *job = &s->rest.jobs[JOB_SNAPSHOT];
	bool soon = r->answered_at.ns != 0 && s->now.mono.ns - r->answered_at.ns < SOON_NS;
	int64_t wait = 0;
	if (!soon)
		r->tries = 0;
	if (r->tries > 0)
		wait = backoff_wait_ns(r->tries, REST_WAIT_MAX_NS, &s->random) +
		       (r->failed ? REST_WAIT_MIN_NS : 0);
	r->not_before = mono_plus(s->now.mono, wait);
	if (r->failed_at.ns != 0)
		r->not_before = mono_max(r->not_before, mono_plus(r->failed_at, REST_WAIT_MIN_NS));
	job->queue_at = mono_min(job->queue_at, r->not_before);
	job->wanted = true;
}

void rest_snapshot(struct session *s, uint32_t symbol)
{
	struct symbol_rest *r = &s->symbols[symbol].aside->rest;
	if (r->waiting || r->in_flight || s->rest.jobs[JOB_SNAPSHOT].endpoint == NULL)
		return;
	r->waiting = true;
	s->rest.n_waiting++;
	wait_for(s, r);
}

void rest_snapshot_cancel(struct session *s, uint32_t symbol)
{
	struct symbol_rest *r = &s->symbols[symbol].aside->rest;
	if (!r->waiting)
		return;
	r->waiting = false;
	s->rest.jobs[JOB_SNAPSHOT].wanted = --s->rest.n_waiting > 0;
}

void snapshot_put_off(struct session *s, uint32_t symbol)
{
	struct symbol_rest *r = &s->symbols[symbol].aside->rest;
	r->failed_at = s->now.mono;
	if (r->waiting)
		r->not_before = mono_max(r->not_before, mono_plus(r->failed_at, REST_WAIT_MIN_NS));
}

bool snapshot_pick(struct session *s, struct rest_request *request)
{
	struct rest_job *job = &s->rest.jobs[JOB_SNAPSHOT];
	uint64_t most_urgent = UINT64_MAX;
	bc_mono_time next = MONO_NEVER;
	for (uint32_t i = 0; i < s->symbol_limit; i++) {
		const struct symbol *sym = &s->symbols[i];
		if (sym->name.p == NULL || !sym->aside->rest.waiting)
			continue;
		if (sym->aside->rest.not_before.ns > s->now.mono.ns) {
			next = mono_min(next, sym->aside->rest.not_before);
			continue;
		}
		uint64_t urgency = sync_urgency(s, i);
		if (request->symbol != NOBODY && urgency >= most_urgent)
			continue;
		most_urgent = urgency;
		request->symbol = i;
	}
	if (request->symbol == NOBODY) {
		job->queue_at = next;
		return false;
	}
	rest_snapshot_cancel(s, request->symbol);
	return true;
}

/* ------------------------------------------------------------------ its way */

void snapshot_sent(struct session *s, const struct rest_request *request)
{
	struct symbol_rest *r = &s->symbols[request->symbol].aside->rest;
	r->in_flight = true;
	r->tries++;
	s->count.snapshots++;
	sync_asked(s, request->symbol);
}

void snapshot_landed(struct session *s, const struct rest_request *request)
{
	struct symbol_rest *r = &s->symbols[request->symbol].aside->rest;
	r->in_flight = r->failed = false;
	r->answered_at = s->now.mono;
}

void snapshot_ended(struct session *s, const struct rest_request *request, enum rest_end end)
{
	struct symbol_rest *r = &s->symbols[request->symbol].aside->rest;
	r->failed = end == REST_BAD;
	if (end == REST_NOT_NOW && r->tries > 0)
		r->tries--; /* it is not this symbol that was too much */
	s->count.snapshot_failures += end != REST_GOOD;
	sync_answered(s, request->symbol);
}

/* ------------------------------------------------------------------ questions */

uint32_t rest_snapshots_waiting(const struct session *s)
{
	return s->rest.n_waiting;
}

/* What is free of the weight goes at once, in parallel; the rest at the pace of the minute. */
int64_t rest_snapshot_wait_ns(const struct session *s)
{
	uint64_t limit = s->rest.weight_limit;
	uint64_t need = (uint64_t)s->rest.n_waiting * s->rest.jobs[JOB_SNAPSHOT].weight;
	uint64_t used = s->office->view->weight;
	uint64_t left = used < limit ? limit - used : 0;
	int64_t wait = 0;
	if (s->rest.n_waiting == 0)
		return 0;
	if (s->rest.stopped_until.ns > s->now.mono.ns)
		wait = s->rest.stopped_until.ns - s->now.mono.ns;
	if (limit == 0 || need <= left)
		return wait + (s->rest.n_waiting + IN_PARALLEL - 1) / IN_PARALLEL * ROUND_TRIP;
	return wait + (int64_t)(need - left) * WEIGHT_WINDOW_NS / (int64_t)limit;
}
