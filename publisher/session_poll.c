/* session_poll.c - who is polled next, and how often.
 *
 * Each symbol whose stream is down is polled at once, and then once a round, those somebody listens
 * to first. A round takes rest_interval_ns, or as long as it has to: polls get a third of the
 * weight and half of it stays free for snapshots, so however many are polled, who is connected and
 * has lost its book does not wait behind them. Snapshots that are due go before every poll. */
#include "publisher/session_private.h"

#define INTERVAL_NS  BC_NS_PER_S
#define SMALL_BODY   ((size_t)64 << 10)
#define LEVEL_BYTES  192 /* both sides */
#define TICKER_BYTES 2048

bool poll_wanted(const struct session *s, enum poll_kind kind)
{
	if (s->o.source == SESSION_WS || s->fallback.proof == N_POLLS)
		return false;
	return kind == POLL_BOOKS ? s->fallback.proof == POLL_BOOKS
				  : (s->channels & BC_CHANNEL_BIT(BC_CHANNEL_TICKER)) != 0;
}

/* The smallest depth on offer that is enough to publish. */
uint32_t poll_weight(struct session *s, enum poll_kind kind)
{
	const struct bc_sync *sync = s->x->sync;
	const struct rest_job *job =
		&s->rest.jobs[kind == POLL_BOOKS ? JOB_POLL_BOOKS : JOB_POLL_TICKERS];
	size_t i = 0;
	if (kind != POLL_BOOKS)
		return job->endpoint->weight;
	s->rest.poll_limit = s->o.levels;
	if (sync == NULL || sync->n_limits == 0)
		return job->endpoint->weight;
	while (i + 1 < sync->n_limits && sync->limits[i].levels < s->o.levels)
		i++;
	s->rest.poll_limit = sync->limits[i].levels;
	return sync->limits[i].weight;
}

/* ------------------------------------------------------------------ the pace */

/* At least one. */
static uint32_t requests_a_round(const struct session *s, const struct rest_job *job)
{
	uint32_t n = (s->fallback.n_on + job->batch_now - 1) / job->batch_now;
	return n > 0 ? n : 1;
}

/* So many requests, at the exchange's pace and ours. */
static int64_t pace_ns(const struct session *s, const struct rest_job *job, uint32_t n)
{
	int64_t pace = 0;
	if (n == 0)
		return 0;
	if (job->endpoint->per_s > 0)
		pace = (int64_t)n * BC_NS_PER_S / job->endpoint->per_s;
	for (uint32_t left = job->endpoint->limits; left != 0; left &= left - 1) {
		const struct bc_address_limit *limit = &s->x->limits[__builtin_ctz(left)];
		int64_t takes = (int64_t)n * limit->window_ns / limit->ours;
		pace = takes > pace ? takes : pace;
	}
	return pace;
}

int64_t poll_round_ns(const struct session *s)
{
	int64_t round = s->o.rest_interval_ns > 0 ? s->o.rest_interval_ns : INTERVAL_NS;
	uint64_t weight = 0;
	for (int id = JOB_POLL_BOOKS; id <= JOB_POLL_TICKERS; id++) {
		const struct rest_job *job = &s->rest.jobs[id];
		uint32_t n = job->endpoint == NULL ? 0 : requests_a_round(s, job);
		weight += (uint64_t)n * job->weight;
		int64_t pace = pace_ns(s, job, n);
		round = pace > round ? pace : round;
	}
	if (s->rest.weight_limit == 0)
		return round;
	int64_t fair =
		(int64_t)(weight * POLL_SHARE * (uint64_t)WEIGHT_WINDOW_NS / s->rest.weight_limit);
	return fair > round ? fair : round;
}

void poll_begin(struct session *s)
{
	s->fallback.round_ns = poll_round_ns(s);
	for (int id = JOB_POLL_BOOKS; id <= JOB_POLL_TICKERS; id++) {
		struct rest_job *job = &s->rest.jobs[id];
		if (job->endpoint == NULL || job->wanted)
			continue;
		job->wanted = true;
		job->queue_at = s->now.mono;
	}
}

/* ------------------------------------------------------------------ whose turn it is */

static bool is_listened(const struct session *s, uint32_t id, enum poll_kind kind)
{
	enum bc_channel channel = kind == POLL_BOOKS ? BC_CHANNEL_BOOK : BC_CHANNEL_TICKER;
	return s->act.listened == NULL || s->act.listened(s->act.self, id, channel, 0);
}

static bool is_known(const struct session *s, const struct symbol *sym)
{
	return sym->aside->was_listed || s->rest.jobs[JOB_INSTRUMENTS].endpoint == NULL ||
	       !s->directory.loaded;
}

/* Asked for the same for another reason, or just refused. */
static bool is_busy(const struct session *s, const struct symbol *sym)
{
	const struct symbol_rest *r = &sym->aside->rest;
	return r->in_flight || (r->failed_at.ns != 0 &&
				s->now.mono.ns < mono_plus(r->failed_at, REST_WAIT_MIN_NS).ns);
}

struct gathered {
	bc_mono_time next; /* when the time of another one comes */
	bool new;          /* somebody was not polled before */
};

/* Adds those whose time has come, in turns. */
static void gather(struct session *s, struct rest_job *job, enum poll_kind kind, bool listened,
		   struct gathered *g)
{
	for (uint32_t n = 0; n < s->symbol_limit && job->n_batch < job->batch_now; n++) {
		uint32_t i = (job->turn + n) % s->symbol_limit;
		struct symbol *sym = &s->symbols[i];
		struct symbol_fallback *f = &sym->aside->fallback;
		if (sym->name.p == NULL || !sym->down || !f->on || f->refused ||
		    !is_known(s, sym) || is_busy(s, sym))
			continue;
		bc_mono_time due = mono_plus(f->polled_at[kind], s->fallback.round_ns);
		if (f->polled_at[kind].ns != 0 && due.ns > s->now.mono.ns)
			g->next = mono_min(g->next, due);
		else if (is_listened(s, i, kind) == listened) {
			g->new = g->new || f->polled_at[kind].ns == 0;
			f->polled_at[kind] = s->now.mono;
			job->batch[job->n_batch++] = i;
		}
	}
}

bool poll_pick(struct session *s, struct rest_request *r)
{
	struct rest_job *job = &s->rest.jobs[r->job];
	enum poll_kind kind = poll_kind_of(r->job);
	struct gathered g = { .next = mono_plus(s->now.mono, s->fallback.round_ns) };
	job->wanted = s->fallback.n_on > 0;
	job->n_batch = 0;
	if (!job->wanted)
		return false;
	gather(s, job, kind, true, &g);
	gather(s, job, kind, false, &g);
	if (job->n_batch == 0) {
		job->queue_at = g.next;
		return false;
	}
	job->turn = (job->batch[job->n_batch - 1] + 1) % s->symbol_limit;
	job->queue_at = s->now.mono;
	if (!g.new)
		job->queue_at =
			mono_plus(s->now.mono, s->fallback.round_ns / requests_a_round(s, job));
	size_t each = kind == POLL_BOOKS ? (size_t)s->rest.poll_limit * LEVEL_BYTES : TICKER_BYTES;
	r->max_bytes = SMALL_BODY + job->n_batch * each;
	return true;
}

void poll_ended(struct session *s, const struct rest_request *r, enum rest_end end)
{
	struct rest_job *job = &s->rest.jobs[r->job];
	if (end == REST_GOOD)
		job->batch_now =
			job->batch_now < job->max_batch / 2 ? 2 * job->batch_now : job->max_batch;
}
