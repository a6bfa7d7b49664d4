/* session_rest.c - REST requests, one in flight of each kind, at the exchange's pace, repeated
 * with growing waits until they are answered. The feed never waits for them. */
#include "publisher/session_private.h"

#include <stdlib.h>

static const enum bc_rest_kind kinds[N_JOBS] = {
	[JOB_INSTRUMENTS] = BC_REST_INSTRUMENTS,
	[JOB_TICKS] = BC_REST_TICKS,
};
static const char *const words[N_JOBS] = {
	[JOB_INSTRUMENTS] = "instruments",
	[JOB_TICKS] = "ticks",
};

#define TICKS_A_REQUEST 100 /* where the exchange names no limit */

bc_status rest_new(struct session *s)
{
	for (size_t j = 0; j < N_JOBS; j++) {
		struct rest_job *job = &s->jobs[j];
		for (size_t i = 0; i < s->x->n_rest; i++) {
			if (s->x->rest[i].kind == kinds[j])
				job->endpoint = &s->x->rest[i];
		}
		if (job->endpoint == NULL)
			continue;
		job->not_before = BUDGET_NOW;
		job->max_batch = job->endpoint->max_symbols;
		if (job->max_batch == 0 || job->max_batch > TICKS_A_REQUEST)
			job->max_batch = TICKS_A_REQUEST;
		job->batch = malloc(job->max_batch * sizeof *job->batch);
		if (job->batch == NULL ||
		    budget_new(&job->budget, job->endpoint->per_s, BC_NS_PER_S) != BC_OK)
			return BC_ENOMEM;
	}
	return BC_OK;
}

void rest_free(struct session *s)
{
	for (size_t j = 0; j < N_JOBS; j++) {
		budget_free(&s->jobs[j].budget);
		free(s->jobs[j].batch);
	}
}

void rest_want(struct session *s, enum rest_job_id job)
{
	s->jobs[job].wanted = s->jobs[job].endpoint != NULL;
}

void rest_hurry(struct session *s, enum rest_job_id job)
{
	if (s->jobs[job].failures == 0)
		s->jobs[job].not_before = BUDGET_NOW;
}

/* The symbol is gone, and its number may be another's when the answer comes. */
void rest_forget(struct session *s, uint32_t symbol)
{
	struct rest_job *job = &s->jobs[JOB_TICKS];
	for (uint32_t i = 0; i < job->n_batch; i++) {
		if (job->batch[i] == symbol)
			job->batch[i] = NOBODY;
	}
}

/* Tick sizes are asked for what is listed: some exchanges refuse a whole request for one name
 * they do not know. */
static size_t collect_ticks(struct session *s, struct rest_job *job, bc_str *names)
{
	bool any = s->jobs[JOB_INSTRUMENTS].endpoint == NULL;
	job->n_batch = 0;
	for (uint32_t i = 0; i < s->symbol_limit && job->n_batch < job->max_batch; i++) {
		const struct symbol *sym = &s->symbols[i];
		if (sym->name.p == NULL || sym->ticks_known || (!any && !sym->was_listed))
			continue;
		names[job->n_batch] = sym->name;
		job->batch[job->n_batch++] = i;
	}
	return job->n_batch;
}

static void put_off(struct session *s, struct rest_job *job, int64_t wait_ns)
{
	job->not_before = mono_plus(s->now.mono, wait_ns);
}

static void ask(struct session *s, enum rest_job_id id)
{
	struct rest_job *job = &s->jobs[id];
	bc_str names[TICKS_A_REQUEST];
	size_t n = 0, len = 0;
	if (id == JOB_TICKS && (n = collect_ticks(s, job, names)) == 0) {
		job->wanted = false; /* whoever is listed next asks again */
		return;
	}
	const struct bc_rest_query query = { .kind = kinds[id], .symbols = names, .n_symbols = n };
	bc_status rc = s->x->rest_path(s->adapter, &query, s->frame, s->frame_cap, &len);
	if (rc != BC_OK) {
		session_log(s, BC_LOG_ERROR, "rest.impossible", BC_LOG_S("what", words[id]),
			    BC_LOG_S("why", bc_status_text(rc)));
		job->wanted = false;
		return;
	}
	budget_spend(&job->budget, s->now.mono);
	job->in_flight = true;
	s->count.rest_requests++;
	s->act.get(s->act.self, id, (bc_str){ s->frame, len });
}

void rest_tick(struct session *s)
{
	for (size_t j = 0; j < N_JOBS; j++) {
		struct rest_job *job = &s->jobs[j];
		if (job->wanted && !job->in_flight && job->not_before.ns <= s->now.mono.ns &&
		    budget_allows(&job->budget, s->now.mono))
			ask(s, (enum rest_job_id)j);
	}
}

bc_mono_time rest_deadline(const struct session *s)
{
	bc_mono_time next = MONO_NEVER;
	for (size_t j = 0; j < N_JOBS; j++) {
		const struct rest_job *job = &s->jobs[j];
		if (!job->wanted || job->in_flight)
			continue;
		bc_mono_time at = budget_next(&job->budget);
		next = mono_min(next, at.ns > job->not_before.ns ? at : job->not_before);
	}
	return next;
}

/* ------------------------------------------------------------------ answers */

static void repeat_later(struct session *s, struct rest_job *job, int64_t asked_ns)
{
	int64_t wait = backoff_wait_ns(job->failures++, REST_WAIT_MAX_NS, &s->random);
	wait += REST_WAIT_MIN_NS;
	put_off(s, job, wait > asked_ns ? wait : asked_ns);
	s->count.rest_failures++;
}

static bool read_answer(struct session *s, enum rest_job_id id, bc_str body)
{
	struct bc_input input = { .kind = BC_INPUT_REST,
				  .bytes = body.p,
				  .n_bytes = body.n,
				  .wall = s->now.wall,
				  .mono = s->now.mono,
				  .rest = kinds[id] };
	uint64_t bad = s->count.refused + s->count.out_of_range;
	s->received = s->now.wall;
	return s->x->on_input(s->adapter, &input, &s->sink) == BC_OK &&
	       s->count.refused + s->count.out_of_range == bad;
}

void session_rest_answer(struct session *s, struct session_now now, uint32_t request,
			 const struct session_rest *answer)
{
	session_begin(s, now);
	struct rest_job *job = &s->jobs[request];
	job->in_flight = false;
	if (request == JOB_INSTRUMENTS)
		directory_round_begins(s);
	if (!read_answer(s, (enum rest_job_id)request, answer->body) ||
	    (request == JOB_INSTRUMENTS && s->directory.in_round == 0)) {
		session_log(s, BC_LOG_WARN, "rest.refused", BC_LOG_S("what", words[request]),
			    BC_LOG_U("bytes", answer->body.n));
		repeat_later(s, job, 0);
		return;
	}
	job->failures = 0;
	if (request == JOB_INSTRUMENTS) {
		directory_round_ends(s);
		put_off(s, job, LISTING_REFRESH_NS);
		return;
	}
	for (uint32_t i = 0; i < job->n_batch; i++) {
		if (job->batch[i] != NOBODY)
			s->symbols[job->batch[i]].ticks_known = true;
	}
}

void session_rest_failed(struct session *s, struct session_now now, uint32_t request,
			 const struct session_rest *failure)
{
	session_begin(s, now);
	struct rest_job *job = &s->jobs[request];
	job->in_flight = false;
	s->count.rate_limited += failure->http_status == 429 || failure->http_status == 418;
	repeat_later(s, job, failure->retry_after_ns);
	session_log(s, BC_LOG_WARN, "rest.failed", BC_LOG_S("what", words[request]),
		    BC_LOG_I("http", failure->http_status), BC_LOG_S("detail", failure->detail),
		    BC_LOG_T("retry_in", job->not_before.ns - s->now.mono.ns));
}
