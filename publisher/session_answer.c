/* session_answer.c - what came of REST requests: answers, failures, and the exchange's "no more".
 *
 * What was asked of one symbol fails for that symbol; a kind waits after several failures in a row;
 * 429 and 418 stop every kind until the exchange allows it again. */
#include "publisher/session_private.h"

#define FAILURES_MAX   3 /* of symbols in a row, then their kind waits */
#define LIMITED_NS     (5 * BC_NS_PER_S)
#define LIMITED_MAX_NS (300 * BC_NS_PER_S)
#define BANNED_NS      (120 * BC_NS_PER_S)
#define BANNED_MAX_NS  (3600 * BC_NS_PER_S)
#define JITTER_NS      BC_NS_PER_S
#define POLL_WAIT_NS   (10 * BC_NS_PER_S) /* nothing else tells of who is polled */

/* ------------------------------------------------------------------ failures */

static void put_off(struct session *s, struct rest_job *job, int64_t wait_ns)
{
	job->not_before = mono_plus(s->now.mono, wait_ns);
}

/* The whole kind waits, longer each time. */
static void kind_waits(struct session *s, struct rest_job *job, int64_t asked_ns)
{
	bool poll = job == &s->rest.jobs[JOB_POLL_BOOKS] || job == &s->rest.jobs[JOB_POLL_TICKERS];
	int64_t most = poll ? POLL_WAIT_NS : REST_WAIT_MAX_NS;
	int64_t wait = backoff_wait_ns(job->failures, most, &s->random);
	wait += REST_WAIT_MIN_NS;
	put_off(s, job, wait > asked_ns ? wait : asked_ns);
}

static int64_t doubled(int64_t first, unsigned times, int64_t most)
{
	while (times-- > 0 && first < most)
		first *= 2;
	return first < most ? first : most;
}

/* The exchange has had enough of this address. Several answers may say so about one and the same
 * excess, so only a request that was sent after the last stop makes the next one longer. */
static void stop_all(struct session *s, const struct rest_request *r,
		     const struct session_rest *failure)
{
	struct rest *rest = &s->rest;
	bool banned = failure->http_status == 418;
	if (r->asked_at.ns > rest->stopped_at.ns) {
		rest->stops++;
		rest->stopped_at = s->now.mono;
	}
	unsigned before = rest->stops > 0 ? rest->stops - 1 : 0; /* 0: one that came late */
	int64_t wait = failure->retry_after_ns;
	if (wait <= 0)
		wait = banned ? doubled(BANNED_NS, before, BANNED_MAX_NS)
			      : doubled(LIMITED_NS, before, LIMITED_MAX_NS);
	wait += backoff_wait_ns(2, JITTER_NS, &s->random);
	bc_mono_time until = mono_plus(s->now.mono, wait);
	if (until.ns > rest->stopped_until.ns)
		rest->stopped_until = until;
	const struct budget_ask ask = rest_ask(s, r->job);
	s->office->refused(s->office->self, s->now.mono, r->asked_at, &ask, until);
	s->count.rate_limited++;
	s->count.banned += banned;
	session_log(s, banned ? BC_LOG_ERROR : BC_LOG_WARN, banned ? "rest.banned" : "rest.limited",
		    BC_LOG_S("what", rest_rows[r->job].word),
		    BC_LOG_I("http", failure->http_status),
		    BC_LOG_U("weight", s->office->view->weight),
		    BC_LOG_T("no_request_for", rest->stopped_until.ns - s->now.mono.ns),
		    BC_LOG_S("hint", banned ? "the exchange bans this address; whoever goes on "
					      "asking is banned for longer"
					    : "other programs at this address count, too; see "
					      "rest.weight_percent"));
}

static bool concerns_one_symbol(int http_status)
{
	return http_status >= 400 && http_status < 500 && http_status != 403 && http_status != 408;
}

/* One name of the batch is enough: fewer are asked about, until that one stands alone. */
static void batch_refused(struct session *s, enum rest_job_id id,
			  const struct session_rest *failure)
{
	struct rest_job *job = &s->rest.jobs[id];
	int64_t wait = failure->retry_after_ns;
	put_off(s, job, wait > REST_WAIT_MIN_NS ? wait : REST_WAIT_MIN_NS);
	job->batch_now = job->n_batch > 1 ? job->n_batch / 2 : 1;
	if (job->n_batch != 1 || job->batch[0] == NOBODY)
		return;
	struct symbol *sym = &s->symbols[job->batch[0]];
	if (id == JOB_TICKS)
		sym->aside->ticks_refused = true;
	else
		sym->aside->fallback.refused = true;
}

/* Whose book alone it is about; NOBODY: of several, of nobody any more, or it is none. */
static uint32_t book_of(const struct session *s, const struct rest_request *r)
{
	const struct rest_job *job = &s->rest.jobs[r->job];
	if (r->job == JOB_SNAPSHOT)
		return r->symbol;
	return r->job == JOB_POLL_BOOKS && job->n_batch == 1 ? job->batch[0] : NOBODY;
}

/* Several that were under way together fail for one and the same reason, and count as one. */
static void count_failure(struct session *s, struct rest_job *job, const struct rest_request *r)
{
	if (r->asked_at.ns < job->failed_at.ns)
		return;
	job->failures++;
	job->failed_at = s->now.mono;
}

static void failed(struct session *s, const struct rest_request *r, enum rest_end end,
		   const struct session_rest *failure)
{
	struct rest_job *job = &s->rest.jobs[r->job];
	s->count.rest_failures++;
	if (end == REST_BAD && book_of(s, r) != NOBODY)
		snapshot_put_off(s, book_of(s, r));
	if (job->batch != NULL && end == REST_BAD && concerns_one_symbol(failure->http_status)) {
		batch_refused(s, r->job, failure);
		return;
	}
	if (end == REST_BAD &&
	    !(rest_rows[r->job].of_a_symbol && concerns_one_symbol(failure->http_status)))
		count_failure(s, job, r);
	if (!rest_rows[r->job].of_a_symbol || job->failures >= FAILURES_MAX)
		kind_waits(s, job, failure->retry_after_ns);
	if (!rest_rows[r->job].of_a_symbol)
		return;
	if (r->symbol != NOBODY)
		rest_rows[r->job].ended(s, r, end);
	else if (job->not_before.ns < s->now.mono.ns + REST_WAIT_MIN_NS)
		put_off(s, job, REST_WAIT_MIN_NS); /* removed; it may be back by another number */
}

/* ------------------------------------------------------------------ answers */

/* Frees the slot of a request that has ended; false: there is none. */
static bool landed(struct session *s, uint32_t request, int64_t used_weight,
		   struct rest_request *out)
{
	if (request >= SESSION_REST_SLOTS || !s->rest.requests[request].busy)
		return false;
	*out = s->rest.requests[request];
	s->rest.requests[request].busy = false;
	s->rest.requests[request].symbol = NOBODY;
	s->rest.jobs[out->job].n_in_flight--;
	if (s->rest.weight_limit > 0)
		s->office->answered(s->office->self, s->now.mono, out->asked_at, out->weight,
				    used_weight);
	s->rest.office_at = BUDGET_NOW;
	if (out->job == JOB_SNAPSHOT && out->symbol != NOBODY)
		snapshot_landed(s, out);
	return true;
}

/* Whom of those that were polled it is about; NOBODY: of nobody. */
static uint32_t polled_symbol(const struct session *s, const struct rest_request *r,
			      const struct bc_event *event)
{
	const struct rest_job *job = &s->rest.jobs[r->job];
	uint32_t id = bc_name_find(&s->by_name, event->symbol);
	for (uint32_t i = 0; i < job->n_batch && id != BC_NAME_NONE; i++) {
		if (job->batch[i] == id)
			return id;
	}
	return NOBODY;
}

static bool was_asked(const struct session *s, const struct rest_request *r,
		      const struct bc_event *event)
{
	if (event->channel != rest_rows[r->job].channel)
		return false;
	if (is_poll(r->job))
		return polled_symbol(s, r, event) != NOBODY;
	return r->symbol == NOBODY || bc_str_equal(event->symbol, s->symbols[r->symbol].name);
}

bool rest_takes(struct session *s, const struct bc_event *event)
{
	struct rest_request *r = s->rest.reading;
	if (r == NULL || !was_asked(s, r, event)) {
		s->count.ignored++;
		if (r != NULL)
			r->n_other++;
		return false;
	}
	r->n_taken++;
	if (is_poll(r->job)) {
		fallback_take(s, polled_symbol(s, r, event), event);
		return false;
	}
	if (r->job != JOB_TRADES && r->job != JOB_CANDLES)
		return true;
	history_keep(s, event);
	return false;
}

void rest_refused(struct session *s, bc_str symbol)
{
	struct rest_request *r = s->rest.reading;
	if (r == NULL)
		return;
	r->n_refused += symbol.n > 0;
	r->broken = r->broken || symbol.n == 0;
	if (r->job == JOB_INSTRUMENTS && symbol.n > 0)
		directory_unread(s, symbol);
}

/* False: something of it could not be read. */
static bool read_answer(struct session *s, struct rest_request *r, bc_str body)
{
	struct bc_input input = { .kind = BC_INPUT_REST,
				  .bytes = body.p,
				  .n_bytes = body.n,
				  .wall = s->now.wall,
				  .mono = s->now.mono,
				  .rest = rest_rows[r->job].kind,
				  .interval = r->interval };
	if (r->symbol != NOBODY)
		input.symbol = s->symbols[r->symbol].name;
	else if (is_poll(r->job) && s->rest.jobs[r->job].n_batch == 1)
		input.symbol = s->symbols[s->rest.jobs[r->job].batch[0]].name;
	uint64_t bad = s->count.refused + s->count.out_of_range;
	s->received = s->now.wall;
	s->rest.reading = r;
	bc_status rc = s->x->on_input(s->adapter, &input, &s->sink);
	s->rest.reading = NULL;
	return rc == BC_OK && s->count.refused + s->count.out_of_range == bad;
}

static void instruments_read(struct session *s)
{
	directory_round_ends(s);
	put_off(s, &s->rest.jobs[JOB_INSTRUMENTS],
		s->o.listing_every_ns > 0 ? s->o.listing_every_ns : LISTING_REFRESH_NS);
}

static void ticks_read(struct session *s)
{
	struct rest_job *job = &s->rest.jobs[JOB_TICKS];
	for (uint32_t i = 0; i < job->n_batch; i++) {
		if (job->batch[i] != NOBODY)
			s->symbols[job->batch[i]].aside->ticks_known = true;
	}
	job->batch_now = job->batch_now < job->max_batch / 2 ? 2 * job->batch_now : job->max_batch;
}

/* A history may well be empty; an exchange without instruments, and a snapshot without a book,
 * are none. Where an answer is about many, one that cannot be read is not the others' fault. */
static bool read_well(struct session *s, struct rest_request *r, bc_str body)
{
	bool of_many = r->job == JOB_INSTRUMENTS || s->rest.jobs[r->job].batch != NULL;
	if (r->max_bytes != 0 && body.n > r->max_bytes)
		return false;
	if (r->job == JOB_INSTRUMENTS)
		directory_round_begins(s);
	bool good = read_answer(s, r, body) || (of_many && r->n_refused > 0 && !r->broken);
	if (r->job == JOB_INSTRUMENTS)
		return good && s->directory.in_round > 0;
	if (r->job == JOB_SNAPSHOT)
		return good && r->n_taken == 1;
	return good && (r->n_taken > 0 || r->n_other + r->n_refused == 0);
}

static bool nobody_waits(const struct session *s, const struct rest_request *r)
{
	const struct rest_job *job = &s->rest.jobs[r->job];
	if (is_poll(r->job))
		return job->n_batch == 1 && job->batch[0] == NOBODY;
	return rest_rows[r->job].of_a_symbol && r->symbol == NOBODY;
}

void session_rest_answer(struct session *s, struct session_now now, uint32_t request,
			 const struct session_rest *answer)
{
	struct rest_request r;
	session_begin(s, now);
	if (!landed(s, request, answer->used_weight, &r))
		return;
	if (r.asked_at.ns > s->rest.stopped_at.ns)
		s->rest.stops = 0;
	if (nobody_waits(s, &r))
		return; /* removed meanwhile */
	if (!read_well(s, &r, answer->body)) {
		session_log(s, BC_LOG_WARN, "rest.refused", BC_LOG_S("what", rest_rows[r.job].word),
			    BC_LOG_U("bytes", answer->body.n), BC_LOG_U("taken", r.n_taken));
		failed(s, &r, REST_BAD, answer);
		return;
	}
	s->rest.jobs[r.job].failures = 0;
	if (r.job == JOB_INSTRUMENTS)
		instruments_read(s);
	else if (r.job == JOB_TICKS)
		ticks_read(s);
	else
		rest_rows[r.job].ended(s, &r, REST_GOOD);
}

void session_rest_failed(struct session *s, struct session_now now, uint32_t request,
			 const struct session_rest *failure)
{
	struct rest_request r;
	session_begin(s, now);
	if (!landed(s, request, failure->used_weight, &r))
		return;
	bool not_now = failure->http_status == 429 || failure->http_status == 418;
	if (not_now)
		stop_all(s, &r, failure);
	failed(s, &r, not_now ? REST_NOT_NOW : REST_BAD, failure);
	session_log(s, BC_LOG_WARN, "rest.failed", BC_LOG_S("what", rest_rows[r.job].word),
		    BC_LOG_B("symbol", r.symbol == NOBODY ? BC_STR("") : s->symbols[r.symbol].name),
		    BC_LOG_I("http", failure->http_status), BC_LOG_S("detail", failure->detail));
}
