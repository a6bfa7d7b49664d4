/* session_rest.c - every REST request of the session: which goes next, its weight, its pace.
 *
 * Each kind has slots of its own, so none waits behind another's answer; where the exchange weighs
 * requests, they go in the order of enum rest_job_id, and nobody small overtakes somebody large.
 * The feed never waits for any of it. */
#include "publisher/session_private.h"

#include <stdio.h>
#include <stdlib.h>

#define NAMES_A_REQUEST 100 /* where the exchange names no limit */
#define PERCENT         60
#define SMALL_BODY      ((size_t)64 << 10)
#define LEVEL_BYTES     96  /* of one level, or one number pair, in a generous spelling */
#define ITEM_BYTES      512 /* of a trade, a candle or a tick size */

static bool ticks_pick(struct session *s, struct rest_request *r);
static bool instruments_pick(struct session *s, struct rest_request *r);

const struct rest_row rest_rows[N_JOBS] = {
	[JOB_INSTRUMENTS] = { .word = "instruments",
			      .kind = BC_REST_INSTRUMENTS,
			      .channel = BC_CHANNEL_INSTRUMENT,
			      .slots = 1,
			      .pick = instruments_pick },
	[JOB_SNAPSHOT] = { "snapshot", BC_REST_SNAPSHOT, BC_CHANNEL_BOOK, 4, true, snapshot_pick,
			   snapshot_ended },
	[JOB_TICKS] = { .word = "ticks",
			.kind = BC_REST_TICKS,
			.channel = BC_CHANNEL_INSTRUMENT,
			.slots = 1,
			.pick = ticks_pick },
	[JOB_POLL_BOOKS] = { .word = "poll of books",
			     .kind = BC_REST_SNAPSHOT,
			     .channel = BC_CHANNEL_BOOK,
			     .slots = 1,
			     .pick = poll_pick,
			     .ended = poll_ended },
	[JOB_POLL_TICKERS] = { .word = "poll of tickers",
			       .kind = BC_REST_TICKERS,
			       .channel = BC_CHANNEL_TICKER,
			       .slots = 1,
			       .pick = poll_pick,
			       .ended = poll_ended },
	[JOB_TRADES] = { "trades", BC_REST_TRADES, BC_CHANNEL_TRADE, 1, true, history_pick,
			 history_ended },
	[JOB_CANDLES] = { "candles", BC_REST_CANDLES, BC_CHANNEL_CANDLE, 1, true, history_pick,
			  history_ended },
};

/* ------------------------------------------------------------------ life */

static const struct bc_rest_endpoint *endpoint_of(const struct session *s, enum bc_rest_kind kind)
{
	for (size_t i = 0; i < s->x->n_rest; i++) {
		if (s->x->rest[i].kind == kind)
			return &s->x->rest[i];
	}
	return NULL;
}

static bool is_wanted_at_all(const struct session *s, enum rest_job_id id)
{
	switch (id) {
	case JOB_SNAPSHOT:
		return s->x->sync != NULL && s->x->sync->n_limits > 0 && !s->o.feed.book_partial;
	case JOB_POLL_BOOKS:
	case JOB_POLL_TICKERS:
		return poll_wanted(s, poll_kind_of(id));
	case JOB_TRADES:
		return s->o.history_trades > 0 &&
		       (s->channels & BC_CHANNEL_BIT(BC_CHANNEL_TRADE)) != 0;
	case JOB_CANDLES:
		return s->o.history_candles > 0 && s->o.intervals != 0 &&
		       (s->channels & BC_CHANNEL_BIT(BC_CHANNEL_CANDLE)) != 0;
	default:
		return true;
	}
}

/* The smallest depth on offer that is enough, else the largest. */
static uint32_t snapshot_limit(struct session *s)
{
	const struct bc_sync *sync = s->x->sync;
	uint32_t want = s->o.snapshot_levels != 0 ? s->o.snapshot_levels : 1000;
	size_t i = 0;
	while (i + 1 < sync->n_limits && sync->limits[i].levels < want)
		i++;
	s->rest.snapshot_limit = sync->limits[i].levels;
	return sync->limits[i].weight;
}

static bc_status job_new(struct session *s, enum rest_job_id id)
{
	struct rest_job *job = &s->rest.jobs[id];
	if (!is_wanted_at_all(s, id) ||
	    (job->endpoint = endpoint_of(s, rest_rows[id].kind)) == NULL)
		return BC_OK;
	job->not_before = BUDGET_NOW;
	job->queue_at = job->office_at = BUDGET_NOW;
	job->weight = id == JOB_SNAPSHOT ? snapshot_limit(s)
		      : is_poll(id)      ? poll_weight(s, poll_kind_of(id))
					 : job->endpoint->weight;
	if (id == JOB_TICKS || is_poll(id)) {
		job->max_batch = job->endpoint->max_symbols;
		if (job->max_batch == 0 || job->max_batch > NAMES_A_REQUEST)
			job->max_batch = NAMES_A_REQUEST;
		job->batch_now = job->max_batch;
		job->batch = malloc(job->max_batch * sizeof *job->batch);
		if (job->batch == NULL)
			return BC_ENOMEM;
	}
	return budget_new(&job->budget, job->endpoint->per_s, BC_NS_PER_S);
}

bc_status rest_new(struct session *s, char *why, size_t cap)
{
	uint32_t percent = s->o.weight_percent != 0 ? s->o.weight_percent : PERCENT;
	uint32_t limit = (uint32_t)((uint64_t)s->x->rest_weight_per_min * percent / 100);
	s->rest.weight_limit = limit;
	s->rest.office_at = BUDGET_NOW;
	s->rest.stopped_at = s->rest.stopped_until = BUDGET_NOW;
	for (int id = 0; id < N_JOBS; id++) {
		bc_status rc = job_new(s, (enum rest_job_id)id);
		if (rc != BC_OK)
			return rc;
		if (s->x->rest_weight_per_min == 0 || s->rest.jobs[id].weight <= limit)
			continue;
		snprintf(why, cap,
			 "rest.weight_percent: %u %% of the weight of %s is %u a minute, and one "
			 "request for %s weighs %u",
			 percent, s->x->id, limit, rest_rows[id].word, s->rest.jobs[id].weight);
		return BC_EINVAL;
	}
	return BC_OK;
}

void rest_free(struct session *s)
{
	for (size_t j = 0; j < N_JOBS; j++) {
		budget_free(&s->rest.jobs[j].budget);
		free(s->rest.jobs[j].batch);
	}
	for (uint32_t i = 0; i < s->symbol_limit; i++) {
		if (s->symbols[i].name.p != NULL)
			history_forget(s, i);
	}
	free(s->rest.kept);
}

/* ------------------------------------------------------------------ what is wanted */

void rest_want(struct session *s, enum rest_job_id job)
{
	s->rest.jobs[job].wanted = s->rest.jobs[job].endpoint != NULL;
}

void rest_hurry(struct session *s, enum rest_job_id job)
{
	if (s->rest.jobs[job].failures == 0)
		s->rest.jobs[job].not_before = BUDGET_NOW;
}

/* The symbol is gone, and its number may be another's when the answer comes. */
void rest_forget(struct session *s, uint32_t symbol)
{
	for (int id = 0; id < N_JOBS; id++) {
		struct rest_job *job = &s->rest.jobs[id];
		for (uint32_t i = 0; job->batch != NULL && i < job->n_batch; i++) {
			if (job->batch[i] == symbol)
				job->batch[i] = NOBODY;
		}
	}
	for (size_t i = 0; i < SESSION_REST_SLOTS; i++) {
		if (s->rest.requests[i].symbol == symbol)
			s->rest.requests[i].symbol = NOBODY;
	}
	rest_snapshot_cancel(s, symbol);
	history_forget(s, symbol);
}

static bool instruments_pick(struct session *s, struct rest_request *r)
{
	(void)s;
	r->max_bytes = 0; /* tens of megabytes are usual */
	return true;
}

/* Tick sizes are asked for what is listed: some exchanges refuse a whole request for one name
 * they do not know. */
static bool wants_ticks(const struct session *s, const struct symbol *sym)
{
	bool any = s->rest.jobs[JOB_INSTRUMENTS].endpoint == NULL;
	bool gone = sym->state == BC_STATE_HALTED && sym->reason != BC_REASON_SUSPENDED;
	return sym->name.p != NULL && !sym->aside->ticks_known && !sym->aside->ticks_refused &&
	       !gone && (any || sym->aside->was_listed);
}

static bool ticks_pick(struct session *s, struct rest_request *r)
{
	struct rest_job *job = &s->rest.jobs[JOB_TICKS];
	job->n_batch = 0;
	for (uint32_t i = 0; i < s->symbol_limit && job->n_batch < job->batch_now; i++) {
		if (wants_ticks(s, &s->symbols[i]))
			job->batch[job->n_batch++] = i;
	}
	r->max_bytes = SMALL_BODY + job->n_batch * (size_t)ITEM_BYTES;
	job->wanted = job->n_batch > 0; /* whoever is listed next asks again */
	return job->wanted;
}

/* ------------------------------------------------------------------ asking */

static bool is_history(enum rest_job_id id)
{
	return id == JOB_TRADES || id == JOB_CANDLES;
}

/* It goes where nobody who is connected needs the room. */
static bool gives_way(enum rest_job_id id)
{
	return is_history(id) || is_poll(id);
}

/* Somebody could have a snapshot now, were there room. */
static bool snapshots_due(const struct session *s)
{
	const struct rest_job *job = &s->rest.jobs[JOB_SNAPSHOT];
	return job->wanted && job->not_before.ns <= s->now.mono.ns &&
	       job->queue_at.ns <= s->now.mono.ns;
}

static bool has_room(const struct session *s, enum rest_job_id id)
{
	const struct rest_job *job = &s->rest.jobs[id];
	return job->wanted && job->n_in_flight < rest_rows[id].slots &&
	       !(gives_way(id) && snapshots_due(s));
}

/* From when on its pace and its failures allow it; of its weight see must_be_free(). */
static bc_mono_time job_at(const struct session *s, enum rest_job_id id)
{
	const struct rest_job *job = &s->rest.jobs[id];
	bc_mono_time at = budget_next(&job->budget);
	at = at.ns > job->not_before.ns ? at : job->not_before;
	at = at.ns > job->queue_at.ns ? at : job->queue_at;
	at = at.ns > job->office_at.ns ? at : job->office_at;
	return at.ns > s->rest.stopped_until.ns ? at : s->rest.stopped_until;
}

static uint32_t names_of(const struct session *s, const struct rest_request *r, bc_str *names)
{
	const struct rest_job *job = &s->rest.jobs[r->job];
	if (r->symbol != NOBODY) {
		names[0] = s->symbols[r->symbol].name;
		return 1;
	}
	if (job->batch == NULL)
		return 0;
	for (uint32_t i = 0; i < job->n_batch; i++)
		names[i] = s->symbols[job->batch[i]].name;
	return job->n_batch;
}

static uint32_t limit_of(const struct session *s, enum rest_job_id id)
{
	const struct bc_rest_endpoint *endpoint = s->rest.jobs[id].endpoint;
	uint32_t most = endpoint->max_items != 0 ? endpoint->max_items : UINT32_MAX;
	uint32_t want = id == JOB_TRADES ? s->o.history_trades : s->o.history_candles;
	if (id == JOB_SNAPSHOT)
		return s->rest.snapshot_limit;
	if (id == JOB_POLL_BOOKS)
		return s->rest.poll_limit;
	if (!is_history(id))
		return 0;
	return want < most ? want : most;
}

static size_t max_bytes_of(const struct session *s, const struct rest_request *r)
{
	size_t limit = limit_of(s, r->job);
	if (!rest_rows[r->job].of_a_symbol)
		return r->max_bytes;
	return SMALL_BODY + limit * (r->job == JOB_SNAPSHOT ? 2 * LEVEL_BYTES : ITEM_BYTES);
}

static uint32_t free_slot(const struct session *s)
{
	uint32_t slot = 0;
	while (slot < SESSION_REST_SLOTS && s->rest.requests[slot].busy)
		slot++;
	return slot;
}

static void send_request(struct session *s, struct rest_request *r, bc_str path)
{
	struct rest_job *job = &s->rest.jobs[r->job];
	uint32_t slot = free_slot(s);
	r->busy = true;
	r->max_bytes = max_bytes_of(s, r);
	s->rest.requests[slot] = *r;
	job->n_in_flight++;
	budget_spend(&job->budget, s->now.mono);
	s->count.rest_requests++;
	s->act.get(s->act.self, slot, path);
	if (r->job == JOB_SNAPSHOT)
		snapshot_sent(s, r);
}

/* False: this kind has nothing to ask for at the moment. */
static bool ask_for(struct session *s, enum rest_job_id id)
{
	struct rest_job *job = &s->rest.jobs[id];
	struct rest_request r = {
		.job = id, .symbol = NOBODY, .weight = job->weight, .asked_at = s->now.mono
	};
	bc_str names[NAMES_A_REQUEST];
	size_t len = 0;
	if (free_slot(s) == SESSION_REST_SLOTS || !rest_rows[id].pick(s, &r))
		return false;
	const struct bc_rest_query query = { .kind = rest_rows[id].kind,
					     .symbols = names,
					     .n_symbols = names_of(s, &r, names),
					     .interval = r.interval,
					     .limit = limit_of(s, id) };
	bc_status rc = s->x->rest_path(s->adapter, &query, s->frame, s->frame_cap, &len);
	if (rc == BC_OK) {
		send_request(s, &r, (bc_str){ s->frame, len });
		return true;
	}
	session_log(s, BC_LOG_ERROR, "rest.impossible", BC_LOG_S("what", rest_rows[id].word),
		    BC_LOG_S("why", bc_status_text(rc)));
	if (rest_rows[id].of_a_symbol)
		rest_rows[id].ended(s, &r, REST_BAD);
	else
		job->wanted = false;
	return false;
}

/* What must be free of the weight. History and polls leave half of it to snapshots: who loses its
 * book soon after shall not wait for a minute. And history leaves theirs to polls. */
static uint32_t must_be_free(const struct session *s, enum rest_job_id id)
{
	uint32_t weight = s->rest.jobs[id].weight, limit = s->rest.weight_limit;
	if (!gives_way(id))
		return weight;
	if (is_history(id) && s->fallback.n_on > 0)
		weight += limit / POLL_SHARE;
	return weight + limit / 2 < limit ? weight + limit / 2 : limit;
}

struct budget_ask rest_ask(const struct session *s, enum rest_job_id id)
{
	const struct rest_job *job = &s->rest.jobs[id];
	return (struct budget_ask){ .door = BUDGET_REST,
				    .limits = job->endpoint->limits,
				    .weight = job->weight,
				    .need = must_be_free(s, id),
				    .weight_limit = s->rest.weight_limit };
}

/* The office has told somebody who goes before this one, or itself, to come later. */
static bool must_wait(const struct session *s, enum rest_job_id id)
{
	return s->rest.office_at.ns > s->now.mono.ns && (int)id >= s->rest.office_for;
}

/* Where requests weigh, whoever is due next holds up all behind him; where they are counted by
 * group, his own kind. */
static bool office_allows(struct session *s, enum rest_job_id id, const struct budget_ask *ask)
{
	bc_mono_time from = BUDGET_NOW;
	if (s->office->take(s->office->self, s->now.mono, ask, &from))
		return true;
	if (s->rest.weight_limit == 0) {
		s->rest.jobs[id].office_at = from;
	} else {
		s->rest.office_at = from;
		s->rest.office_for = (int)id;
	}
	return false;
}

static void tick_job(struct session *s, enum rest_job_id id)
{
	const struct budget_ask ask = rest_ask(s, id);
	while (has_room(s, id) && job_at(s, id).ns <= s->now.mono.ns && !must_wait(s, id) &&
	       office_allows(s, id, &ask)) {
		if (ask_for(s, id))
			continue;
		s->office->give_back(s->office->self, s->now.mono, &ask);
		break;
	}
}

void rest_tick(struct session *s)
{
	for (int j = 0; j < N_JOBS; j++) {
		if (s->rest.jobs[j].endpoint != NULL)
			tick_job(s, (enum rest_job_id)j);
	}
}

/* As rest_tick() goes, so that a deadline that is over always has something to do. */
bc_mono_time rest_deadline(const struct session *s)
{
	bc_mono_time next = MONO_NEVER;
	for (int j = 0; j < N_JOBS; j++) {
		enum rest_job_id id = (enum rest_job_id)j;
		if (!has_room(s, id))
			continue;
		bc_mono_time at = job_at(s, id);
		if (at.ns <= s->now.mono.ns && must_wait(s, id))
			at = s->rest.office_at;
		next = mono_min(next, at);
	}
	return next;
}

/* ------------------------------------------------------------------ questions */

size_t session_rest_max_bytes(const struct session *s, uint32_t request)
{
	return s->rest.requests[request].max_bytes;
}

struct session_rest_view session_rest_view(const struct session *s)
{
	return (struct session_rest_view){
		.snapshots_waiting = rest_snapshots_waiting(s),
		.snapshot_wait_ns = rest_snapshot_wait_ns(s),
		.weight = session_budget(s)->weight,
		.weight_limit = s->rest.weight_limit,
	};
}
