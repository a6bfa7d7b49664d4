#include "subscribers/libbookcast/client.h"

#include "common/board_frames.h"
#include "common/bus_socket.h"
#include "common/bus_sub.h"
#include "common/clock.h"
#include "common/latency.h"
#include "proto/codec.h"
#include "subscribers/libbookcast/finder.h"
#include "subscribers/libbookcast/follow.h"
#include "subscribers/libbookcast/waker.h"

#include <stdlib.h>
#include <string.h>

enum {
	MAX_UNWANTED = 1000,
	MAX_LEVELS = 4096,
	SPINS = 64, /* looks at the stream alone, between two at everything */
};

#define SCAN_EVERY  (20 * BC_NS_PER_MS)
#define SCAN_SOON   10000 /* topics; so many are looked at without a pause after an answer */
#define ASK_AGAIN   BC_NS_PER_S
#define AWAY        (2 * BC_NS_PER_S)    /* who did not look for so long reads of the past first */
#define LOOK_EVERY  BC_NS_PER_S          /* so a longer time between two looks was no waiting */
#define PAUSE_MS    30                   /* without a message: all that was on its way is in */
#define CATCH_UP    (200 * BC_NS_PER_MS) /* the stream may bring what the cache has already */
#define HALF_MINUTE (30 * BC_NS_PER_S)
#define RECV_HWM    100000 /* what libzmq keeps of the bus before it drops */

/* What waits under the policy `latest`, beside the newest of each topic. */
static const struct bc_conflate_limits waiting_limits = { 65536, (size_t)32 << 20 };

struct bc_client {
	void *context;
	struct bc_sub *sub;
	struct bc_rpc_client *asker; /* for questions that wait; the finder has its own */
	struct finder *finder;
	struct bc_board *board;
	struct follow follow;
	struct bc_client_counters counters;
	struct bc_conflate *waiting; /* NULL: every message is handed out as it comes */
	bool latest;                 /* and more will wait; else until it is empty */
	struct bc_account past;      /* of topics that are followed no more */
	struct followed *scan;       /* the next one to look at; NULL: no scan is under way */
	bool dirty; /* states may have changed by something else than their message */
	bc_mono_time scanned, gone_due, looked, settled;
	bc_mono_time patient; /* until then: a line may catch up; 0: none has to */
	bool behind;          /* was away, and what came meanwhile is not read yet */
	int64_t delay;      /* of the message read last, from its publication; INT64_MAX: none since
			       behind */
	int64_t fastest[2]; /* the smallest of the current half minute, and of the one before */
	bc_mono_time timed; /* when the current one began */
	uint64_t gone;      /* which gateways were gone, mixed */
	struct waker waker;
	bool spins;
	struct bc_latency latency; /* from publication to handing out */
	struct bc_message message;
	bc_level levels[MAX_LEVELS];
};

/* ---- the finder's wishes ---- */

static bool wants_exchange(void *self, bc_str exchange)
{
	struct bc_client *c = self;
	return follow_wants_exchange(&c->follow, exchange);
}

static size_t topics_to_ask(void *self, bc_mono_time now, bc_str *topics, size_t max)
{
	struct bc_client *c = self;
	struct followed *t, *next;
	size_t n = 0;
	if (c->follow.n_asks == 0)
		return 0;
	HASH_ITER (hh, c->follow.topics, t, next) {
		if (t->ask_at == 0 || t->ask_at > now.ns || n == max)
			continue;
		topics[n++] = (bc_str){ t->text, t->n };
		follow_ask(&c->follow, t, now.ns + ASK_AGAIN); /* unless it is answered */
		t->asking = true;
	}
	return n;
}

static void confirm(struct bc_client *c, struct followed *t)
{
	t->ahead_seq = 0;
	c->counters.repaired += t->gap_open;
	t->gap_open = false;
}

/* What the cache has brought was not handed out yet, and now something newer is here. */
static bool pass_over(struct followed *t)
{
	const bool counted = t->fresh && !t->early;
	t->waiting.account.waiting -= counted;
	t->waiting.account.conflated += counted;
	t->fresh = t->early = false;
	return counted;
}

static void count_lost(struct followed *t, uint64_t n_lost)
{
	t->waiting.account.published += n_lost;
	t->waiting.account.lost += n_lost;
	t->waiting.untold += n_lost;
}

static void count_taken(struct bc_account *a, uint64_t n_lost)
{
	a->published += n_lost + 1;
	a->lost += n_lost;
}

/* A line that is behind what was handed out is asked again, if nothing newer comes meanwhile. */
static void be_patient(struct bc_client *c, bc_mono_time now)
{
	if (c->patient.ns == 0)
		c->patient.ns = now.ns + BC_ARBITER_PATIENCE;
}

/* The cache has a newer one. Mostly it is on its way here, and taking it now would make a hole of
 * what the stream still brings; only what does not come in a while was lost. */
static bool lost_for_good(struct bc_client *c, struct followed *t, uint64_t ours,
			  const struct bc_envelope *theirs, int64_t now)
{
	if (t->ahead_seq == 0 || t->ahead_epoch != theirs->epoch || ours >= t->ahead_seq) {
		t->ahead_epoch = theirs->epoch;
		t->ahead_seq = theirs->seq;
		t->ahead_since = now;
	} else if (now - t->ahead_since >= CATCH_UP) {
		return true;
	}
	follow_ask(&c->follow, t, now + CATCH_UP);
	return false;
}

/* Is it to be taken, and not left to the stream? */
static bool is_needed(struct bc_client *c, struct followed *t, bc_str topic,
		      const struct bc_envelope *theirs, bc_mono_time now)
{
	struct bc_board_answer ours;
	uint64_t seq;
	if (bc_board_last_seq(c->board, topic, theirs->epoch, &seq)) {
		if (seq >= theirs->seq) {
			confirm(c, t);
			return seq == theirs->seq; /* it proves what is here */
		}
		return lost_for_good(c, t, seq, theirs, now.ns);
	}
	bc_board_get(c->board, topic, now, &ours);
	return ours.status != BC_BOARD_OK || !bc_state_fit(ours.state);
}

/* The cache has brought it; it is handed out in its turn. Before the stream has begun it is the
 * past, and no part of the account. */
static void keep_fresh(struct bc_client *c, struct followed *t, const struct bc_message *message,
		       bc_str payload, uint64_t n_lost)
{
	if (!t->streamed) {
		t->fresh = t->early = true;
		return;
	}
	if (c->latest) {
		bc_conflate_put(c->waiting, &t->waiting, message, payload, n_lost, BC_FROM_CACHE);
		return;
	}
	pass_over(t);
	count_taken(&t->waiting.account, n_lost);
	t->waiting.account.waiting++;
	t->waiting.untold += n_lost;
	t->fresh = true;
}

static void note_gaps(struct bc_client *c, struct followed *t, uint64_t n_gaps, uint64_t n_lost)
{
	c->counters.gaps += n_gaps;
	c->counters.lost += n_lost;
	t->gap_open = t->gap_open || (n_gaps > 0 && t->welcomed);
}

/* What is told of other lines than the one whose message is handed out. */
static void note_ruling(struct bc_client *c, struct followed *t, const struct bc_ruling *r)
{
	struct bc_account *a = &t->waiting.account;
	note_gaps(c, t, r->n_gaps, r->n_lost);
	c->counters.filled += r->n_filled;
	a->published += r->n_filled;
	a->redundant += r->n_filled;
}

/* Of a message that was kept: is it to be handed out? False: of A/B lines another one said it, or
 * is fitter. What is missing before it is counted, *n_lost is what is known to be lost. */
static bool is_first(struct bc_client *c, struct followed *t, struct bc_board_taken *taken,
		     bc_str payload, enum bc_state state, bc_mono_time now, uint64_t *n_lost)
{
	if (!bc_lines_doubled(&t->lines, taken)) {
		note_gaps(c, t, *n_lost > 0, *n_lost);
		return true;
	}
	taken->n_lost = *n_lost;
	const struct bc_ruling r = bc_lines_take(&t->lines, c->board, taken, payload, state, now);
	note_ruling(c, t, &r);
	*n_lost = r.n_lost;
	if (r.verdict == BC_VERDICT_TAKE)
		return true;
	if (r.verdict == BC_VERDICT_BEHIND)
		be_patient(c, now);
	count_taken(&t->waiting.account, r.n_lost);
	t->waiting.account.redundant++;
	t->waiting.untold += r.n_lost;
	c->counters.arbitrated++;
	return false;
}

static void take_answer(void *self, bc_mono_time now, bc_str topic,
			const struct bc_board_answer *answer)
{
	struct bc_client *c = self;
	struct bc_board_taken taken;
	struct followed *t = follow_find(&c->follow, topic);
	if (t == NULL || !t->wanted)
		return;
	if (t->asking)
		follow_ask(&c->follow, t, 0);
	/* An answer that is stale itself helps nobody: what is here says so, too. */
	if (answer->status != BC_BOARD_OK || !bc_state_fit_if_rest(answer->state) ||
	    answer->proven_ns > now.ns ||
	    bc_message_decode(answer->payload, &c->message, c->levels, MAX_LEVELS) != BC_OK ||
	    !bc_channel_welcomed(c->message.envelope.channel))
		return;
	if (!is_needed(c, t, topic, &c->message.envelope, now))
		return;
	now.ns -= answer->proven_ns;
	if (bc_board_take(c->board, topic, answer->payload, now, &taken) == BC_OK) {
		uint64_t n_lost = t->streamed ? taken.n_lost : 0;
		struct bc_board_answer here;
		bc_board_get_taken(c->board, now, &here);
		confirm(c, t);
		bool first = is_first(c, t, &taken, answer->payload, here.state, now, &n_lost);
		confirm(c, t); /* it has repaired what it has shown */
		if (first)
			keep_fresh(c, t, taken.message, answer->payload, n_lost);
		/* Who joins late waits for this, and a scan that was just done had not seen it. */
		if (HASH_COUNT(c->follow.topics) <= SCAN_SOON)
			c->scanned.ns = 0;
	}
	c->dirty = true;
}

static const struct finder_ops finder_ops = { wants_exchange, topics_to_ask, take_answer };

/* ---- opening and closing ---- */

bc_status bc_client_new(struct bc_client **out, const char *cache)
{
	const struct bc_board_limits limits = { 200000, (size_t)512 << 20, 600 * BC_NS_PER_S };
	const struct bc_sub_options sub = { .recv_hwm_msgs = RECV_HWM };
	struct bc_client *c = calloc(1, sizeof *c);
	if (c == NULL)
		return BC_ENOMEM;
	bc_status rc = BC_ENOMEM;
	c->waker.epoll = c->waker.timer = -1;
	c->delay = c->fastest[0] = c->fastest[1] = INT64_MAX;
	if ((c->context = bc_bus_context_new()) == NULL ||
	    (c->board = bc_board_new(&limits)) == NULL ||
	    (rc = bc_sub_new(&c->sub, c->context, &sub)) != BC_OK ||
	    (rc = bc_rpc_client_new(&c->asker, c->context, cache)) != BC_OK ||
	    (rc = finder_new(&c->finder, c->context, cache, c->sub, &finder_ops, c)) != BC_OK ||
	    (rc = waker_open(&c->waker)) != BC_OK) {
		bc_client_free(&c);
		return rc;
	}
	c->follow.sub = c->sub;
	c->follow.version = 1;
	bc_latency_turn(&c->latency, bc_boot_now());
	waker_watch(&c->waker, 0, bc_sub_socket(c->sub));
	*out = c;
	return BC_OK;
}

void bc_client_free(struct bc_client **client)
{
	struct bc_client *c = *client;
	if (c == NULL)
		return;
	finder_free(&c->finder);
	bc_rpc_client_free(&c->asker);
	bc_conflate_free(&c->waiting);
	follow_free(&c->follow);
	bc_sub_free(&c->sub);
	bc_board_free(&c->board);
	waker_close(&c->waker);
	bc_bus_context_free(&c->context);
	free(c);
	*client = NULL;
}

/* ---- what is followed ---- */

bc_status bc_client_add(struct bc_client *c, bc_str topic)
{
	finder_hurry(c->finder);
	return follow_add(&c->follow, topic);
}

/* Nobody wants what waits of it. */
static void close_account(struct bc_client *c, struct followed *t)
{
	struct bc_account *a = &t->waiting.account;
	if (c->waiting != NULL)
		bc_conflate_forget(c->waiting, &t->waiting);
	a->published -= a->waiting;
	a->waiting = t->waiting.untold = 0;
	t->fresh = t->early = false;
	bc_account_add(&c->past, a);
	*a = (struct bc_account){ 0 };
}

bc_status bc_client_remove(struct bc_client *c, bc_str topic)
{
	struct followed *t = follow_wanted(&c->follow, topic);
	c->dirty = c->dirty || c->scan != NULL; /* its record may be the next one */
	c->scan = NULL;
	if (t != NULL)
		close_account(c, t);
	return follow_remove(&c->follow, topic);
}

bool bc_client_follows(const struct bc_client *c, bc_str topic)
{
	return follow_wanted(&c->follow, topic) != NULL;
}

/* ---- events ---- */

static void describe(struct bc_client_event *event, const struct bc_board_answer *answer,
		     struct followed *t)
{
	event->exchange = t->exchange;
	event->symbol = t->symbol;
	event->state = answer->state;
	event->reason = answer->reason;
	event->since = answer->since;
	t->told = true;
	t->told_fit = bc_state_fit(answer->state);
	if (t->mute && t->states != NULL) {
		event->n_unfit += t->states->n_unfit - t->unfit_told;
		t->unfit_told = t->states->n_unfit;
	}
}

static void heed_wants(struct bc_client *c, bc_mono_time now)
{
	char prefix[BC_TOPIC_MAX + 1];
	while (bc_board_wants(c->board, prefix))
		follow_renew(&c->follow, bc_str_of(prefix), now.ns);
}

/* The record of the topic whose message was just kept, mostly without a search. */
static struct followed *taken_topic(const struct bc_client *c, bc_str topic,
				    struct bc_board_mark *mark)
{
	if (mark->version != c->follow.version) {
		mark->of = follow_wanted(&c->follow, topic);
		mark->version = c->follow.version;
	}
	return mark->of;
}

/* Not kept, or not taken into account. */
static void note_refused(struct bc_client *c, struct followed *t, bc_status why, uint64_t n_lost)
{
	if (why == BC_EDUPLICATE) {
		t->streamed = true;
		c->counters.duplicates++;
	} else if (why == BC_ERANGE || why == BC_ENOMEM) {
		count_taken(&t->waiting.account, n_lost);
		t->waiting.account.lost++;
		t->waiting.untold += n_lost + 1;
		c->counters.lost += n_lost + 1;
	}
}

/* Its symbol has said that it is not fit: who hears of it only by other topics is told, too. */
static void note_unfit(struct bc_client *c, bc_str topic, const struct bc_envelope *e)
{
	struct followed *states = NULL;
	if (e->channel == BC_CHANNEL_STATE && !bc_state_fit(e->state))
		states = follow_find(&c->follow, topic);
	if (states != NULL)
		states->n_unfit++;
}

static void note_delay(struct bc_client *c, int64_t ns)
{
	bc_latency_record(&c->latency, ns);
	c->delay = ns;
	if (ns < c->fastest[0])
		c->fastest[0] = ns;
}

/* Of a topic that is followed; true: there is something to hand out. */
static bool take_wanted(struct bc_client *c, struct followed *t, struct bc_board_taken *taken,
			bc_str payload, bc_mono_time now, struct bc_client_event *event)
{
	const struct bc_envelope *e = &taken->message->envelope;
	struct bc_board_answer answer;
	uint64_t n_lost = t->streamed ? taken->n_lost : 0;
	t->streamed = true;
	if ((e->flags & BC_FLAG_WELCOME) == 0)
		note_delay(c, bc_wall_now().ns - e->ts_publish.ns);
	bc_board_get_taken(c->board, now, &answer);
	if (n_lost > 0 || bc_lines_doubled(&t->lines, taken)) {
		bool first = is_first(c, t, taken, payload, answer.state, now, &n_lost);
		if (t->gap_open && n_lost > 0)
			follow_ask(&c->follow, t, now.ns);
		if (!first)
			return false;
	}
	bc_lines_say(&t->lines, taken->message, answer.state);
	if (c->latest) {
		pass_over(t);
		bc_conflate_put(c->waiting, &t->waiting, taken->message, payload, n_lost,
				BC_FROM_GATEWAY);
		return false;
	}
	*event = (struct bc_client_event){ .source = BC_FROM_GATEWAY,
					   .topic = { t->text, t->n },
					   .message = taken->message,
					   .n_lost = t->waiting.untold + n_lost,
					   .n_replaced = pass_over(t) };
	t->waiting.untold = 0;
	count_taken(&t->waiting.account, n_lost);
	t->waiting.account.received++;
	describe(event, &answer, t);
	return true;
}

/* One message of the bus; true: there is something to hand out. */
static bool take(struct bc_client *c, bc_str topic, bc_str payload, bc_mono_time now,
		 struct bc_client_event *event)
{
	struct bc_board_taken taken;
	taken.n_lost = 0;
	bc_status rc = bc_board_take(c->board, topic, payload, now, &taken);
	struct followed *t =
		rc == BC_OK ? taken_topic(c, topic, taken.mark) : follow_wanted(&c->follow, topic);
	heed_wants(c, now);
	if (t == NULL || rc != BC_OK)
		c->dirty = true; /* states, heartbeats, welcomes of what was in doubt */
	if (rc == BC_OK)
		note_unfit(c, topic, &taken.message->envelope);
	if (t == NULL)
		return false;
	if (rc == BC_OK)
		return take_wanted(c, t, &taken, payload, now, event);
	note_refused(c, t, rc, taken.n_lost);
	return false;
}

/* Has its fitness changed since it was handed out, or was it not fit in between? */
static bool has_changed(const struct followed *t, enum bc_state state)
{
	return bc_state_fit(state) != t->told_fit ||
	       (t->mute && t->told_fit && t->states != NULL && t->states->n_unfit != t->unfit_told);
}

/* Is the answer, which is decoded, to be handed out since something else than its message came? */
static bool is_told_now(struct bc_client *c, struct followed *t,
			const struct bc_board_answer *answer, bc_mono_time now)
{
	const bc_str topic = { t->text, t->n };
	const bool news = t->fresh || has_changed(t, answer->state);
	if (t->lines.arbiter != NULL) {
		const struct bc_ruling r = bc_lines_look(&t->lines, c->board, topic, now);
		note_ruling(c, t, &r);
		count_lost(t, r.n_lost);
	}
	if (!news &&
	    (t->lines.arbiter == NULL || !bc_lines_unsettled(&t->lines, c->board, topic, now)))
		return false;
	if (bc_message_decode(answer->payload, &c->message, c->levels, MAX_LEVELS) != BC_OK)
		return false;
	if (t->fresh || t->lines.arbiter == NULL)
		return true;
	enum bc_verdict verdict = bc_lines_again(&t->lines, c->board, topic, &c->message,
						 answer->payload, answer->state, now);
	if (verdict == BC_VERDICT_BEHIND)
		be_patient(c, now);
	return verdict == BC_VERDICT_TAKE;
}

/* Goes on with the scan; true: a topic whose fitness has changed since it was handed out, or that
 * the cache has brought. What waits says itself how it is, in its turn. */
static bool scan(struct bc_client *c, bc_mono_time now, struct bc_client_event *event)
{
	struct bc_board_answer answer;
	while (c->scan != NULL) {
		struct followed *t = c->scan;
		bc_str topic = { t->text, t->n };
		c->scan = t->hh.next;
		if ((!t->fresh && !t->told) || t->waiting.oldest != NULL)
			continue;
		bc_board_get(c->board, topic, now, &answer);
		if (answer.status != BC_BOARD_OK || !is_told_now(c, t, &answer, now))
			continue;
		*event =
			(struct bc_client_event){ .source = t->fresh ? BC_FROM_CACHE : BC_FROM_HERE,
						  .topic = topic,
						  .message = &c->message,
						  .n_lost = t->fresh ? t->waiting.untold : 0 };
		if (t->fresh && !t->early) {
			t->waiting.untold = 0;
			t->waiting.account.waiting--;
			t->waiting.account.received++;
		}
		t->fresh = t->early = false;
		bc_lines_say(&t->lines, &c->message, answer.state);
		describe(event, &answer, t);
		return true;
	}
	return false;
}

/* Who is gone now, and when the next one will be unless it is heard. */
static void check_gateways(struct bc_client *c, bc_mono_time now)
{
	const struct bc_gateways *set = bc_board_gateways(c->board);
	uint64_t gone = 0;
	c->gone_due.ns = INT64_MAX;
	for (size_t i = 0; i < bc_gateways_count(set); i++) {
		const struct bc_gateway *g = bc_gateways_at(set, i);
		int64_t due = g->heard.ns + BC_MISSED_HEARTBEATS * g->interval_ns + 1;
		if (bc_gateway_gone(g, now))
			gone += g->epoch * 0x9e3779b97f4a7c15u + 1;
		else if (due < c->gone_due.ns)
			c->gone_due.ns = due;
	}
	if (gone == c->gone)
		return;
	c->gone = gone;
	c->dirty = true;
	finder_hurry(c->finder);
}

static void keep_house(struct bc_client *c, bc_mono_time now)
{
	check_gateways(c, now);
	bc_board_tick(c->board, now);
	if (c->patient.ns != 0 && now.ns >= c->patient.ns) {
		c->patient.ns = 0;
		c->dirty = true;
	}
	if (c->dirty && c->scan == NULL && now.ns - c->scanned.ns >= SCAN_EVERY) {
		c->dirty = false;
		c->scanned = now;
		c->scan = c->follow.topics;
	}
}

/* ---- waiting ---- */

/* When something is to be done though nothing comes. */
static bc_mono_time due(const struct bc_client *c, bc_mono_time now)
{
	int64_t at = finder_due(c->finder).ns;
	if (c->gone_due.ns < at)
		at = c->gone_due.ns;
	if (c->patient.ns != 0 && c->patient.ns < at)
		at = c->patient.ns;
	if (c->dirty && c->scanned.ns + SCAN_EVERY < at)
		at = c->scanned.ns + SCAN_EVERY;
	if (c->follow.n_asks > 0 && now.ns + CATCH_UP / 2 < at)
		at = now.ns + CATCH_UP / 2;
	return (bc_mono_time){ at };
}

/* True: something has come or changed meanwhile, look again. */
static bool settle(struct bc_client *c, bc_mono_time now)
{
	bool again = finder_turn(c->finder, now);
	c->settled = now;
	keep_house(c, now);
	/* It is another one after an answer that did not come. */
	waker_watch(&c->waker, 1, finder_socket(c->finder));
	return again || c->scan != NULL || waker_has_input(finder_socket(c->finder));
}

static void set_behind(struct bc_client *c, bool behind)
{
	c->behind = behind;
	c->delay = INT64_MAX;
	bc_board_set_behind(c->board, behind);
	c->dirty = true;
}

/* A process that was stopped, or busy elsewhere, finds the past in its queue: nothing of it may be
 * called fit before the present is reached. */
static void look(struct bc_client *c, bc_mono_time now)
{
	if (c->looked.ns != 0 && now.ns - c->looked.ns > AWAY && !c->behind)
		set_behind(c, true);
	c->looked = now;
	bc_latency_turn(&c->latency, now);
	if (now.ns - c->timed.ns >= HALF_MINUTE && !c->behind) {
		c->timed = now;
		c->fastest[1] = c->fastest[0];
		c->fastest[0] = INT64_MAX;
	}
}

/* What was read last is of the present, by how long the fastest of late took: two hosts have two
 * clocks. On a stream that never pauses nothing else can tell. */
static bool is_recent(const struct bc_client *c)
{
	int64_t fastest = c->fastest[0] < c->fastest[1] ? c->fastest[0] : c->fastest[1];
	return c->delay != INT64_MAX && c->delay - fastest < AWAY;
}

/* Everything has been read; more may be on its way, libzmq's own thread was stopped, too. */
static bool caught_up(struct bc_client *c)
{
	if (is_recent(c))
		return true;
	void *socket = bc_sub_socket(c->sub);
	return bc_bus_wait(&socket, 1, PAUSE_MS) != BC_OK || !bc_bus_has_input(socket);
}

/* All that has come is read and waits to be handed out. BC_EAGAIN: it is; BC_OK: there is more, but
 * so much as a queue holds was read; BC_EBUS. */
static bc_status drain(struct bc_client *c, bc_mono_time now)
{
	struct bc_client_event none;
	bc_str topic, payload;
	for (int n = 0; n < RECV_HWM; n++) {
		bc_status rc = bc_sub_receive(c->sub, &topic, &payload);
		if (rc == BC_OK)
			take(c, topic, payload, now, &none);
		else if (rc == BC_EPARSE)
			bc_board_bad_frame(c->board);
		else if (rc == BC_EBUS)
			return rc;
		else if (!c->behind)
			return rc;
		else if (caught_up(c))
			set_behind(c, false);
	}
	return BC_OK;
}

/* The next one in turn of what waits. */
static bool hand_out(struct bc_client *c, bc_mono_time now, struct bc_client_event *event)
{
	struct bc_conflate_taken waited;
	struct bc_board_answer answer;
	if (!bc_conflate_take(c->waiting, &waited))
		return false;
	struct followed *t = waited.topic->of;
	/* It was read before, so it can be read. */
	if (bc_message_decode(waited.payload, &c->message, c->levels, MAX_LEVELS) != BC_OK)
		return false;
	*event = (struct bc_client_event){ .source = (enum bc_client_source)waited.tag,
					   .topic = { t->text, t->n },
					   .message = &c->message,
					   .n_lost = waited.n_lost,
					   .n_replaced = waited.n_replaced,
					   .n_unfit = waited.n_unfit };
	bc_board_get(c->board, event->topic, now, &answer);
	if (answer.status != BC_BOARD_OK) /* it is known no more */
		answer.reason = BC_REASON_GATEWAY;
	describe(event, &answer, t);
	return true;
}

/* The first look at what has come when it waits here; the rest goes on as if nothing waited.
 * BC_EAGAIN: nothing is to be handed out. */
static bc_status next_waiting(struct bc_client *c, bc_mono_time now, struct bc_client_event *event)
{
	bc_status rc = c->latest ? drain(c, now) : BC_EAGAIN;
	if (rc == BC_EBUS)
		return rc;
	/* Who is always behind asks the cache nevertheless. */
	if (now.ns - c->settled.ns >= SCAN_EVERY)
		settle(c, now);
	if (scan(c, now, event) || hand_out(c, now, event))
		return BC_OK;
	if (!c->latest)
		bc_conflate_free(&c->waiting);
	return BC_EAGAIN;
}

bc_status bc_client_next(struct bc_client *c, struct bc_client_event *event)
{
	bc_str topic, payload;
	bc_mono_time now = bc_boot_now();
	look(c, now);
	if (now.ns >= c->gone_due.ns || c->dirty)
		keep_house(c, now);
	for (int n = 0; n < MAX_UNWANTED; n++) {
		if (c->waiting != NULL) {
			bc_status rc = next_waiting(c, now, event);
			if (rc != BC_EAGAIN)
				return rc;
		}
		if (scan(c, now, event))
			return BC_OK;
		bc_status rc = bc_sub_receive(c->sub, &topic, &payload);
		if (rc == BC_OK && take(c, topic, payload, now, event))
			return BC_OK;
		if (rc == BC_EBUS)
			return rc;
		if (rc == BC_EPARSE)
			bc_board_bad_frame(c->board);
		if (rc == BC_EAGAIN && c->behind) {
			if (!caught_up(c))
				continue;
			set_behind(c, false);
		}
		if (rc == BC_EAGAIN && !settle(c, now)) {
			waker_at(&c->waker, now, due(c, now));
			return BC_EAGAIN;
		}
	}
	waker_at_once(&c->waker); /* many that are not wanted: there may be more */
	return BC_EAGAIN;
}

bc_status bc_client_wait(struct bc_client *c, int64_t timeout_ns, struct bc_client_event *event)
{
	int64_t end = timeout_ns < 0 ? INT64_MAX : -1; /* -1: the clock has not been asked */
	for (;;) {
		bc_status rc = bc_client_next(c, event);
		if (rc != BC_EAGAIN || timeout_ns == 0)
			return rc;
		bc_mono_time now = bc_boot_now();
		if (end < 0)
			end = now.ns + timeout_ns;
		int64_t left = end - now.ns;
		if (left <= 0)
			return BC_EAGAIN;
		int64_t slice = left < LOOK_EVERY ? left : LOOK_EVERY;
		if (c->spins) {
			for (int i = 0; i < SPINS && !bc_sub_has_input(c->sub); i++)
				continue;
			continue;
		}
		/* After a signal the caller may want to stop. */
		rc = waker_wait(&c->waker, slice);
		if (rc != BC_OK && (rc != BC_EAGAIN || bc_boot_now().ns < now.ns + slice))
			return rc;
	}
}

bc_status bc_client_latest(struct bc_client *c, bool on)
{
	if (on && c->waiting == NULL && (c->waiting = bc_conflate_new(&waiting_limits)) == NULL)
		return BC_ENOMEM;
	c->latest = on;
	return BC_OK;
}

bc_status bc_client_audit(const struct bc_client *c, bc_str topic, struct bc_account *out)
{
	const struct followed *t = follow_wanted(&c->follow, topic);
	if (t == NULL)
		return BC_ENOTFOUND;
	*out = t->waiting.account;
	return BC_OK;
}

void bc_client_audit_all(const struct bc_client *c, struct bc_account *out)
{
	*out = c->past;
	for (const struct followed *t = c->follow.topics; t != NULL; t = t->hh.next)
		bc_account_add(out, &t->waiting.account);
}

void bc_client_spin(struct bc_client *c, bool on)
{
	c->spins = on;
}

void bc_client_latency(const struct bc_client *c, struct bc_hop *out)
{
	struct bc_tally recent = { .count = 0 };
	out->window_ns = bc_latency_recent(&c->latency, bc_boot_now(), &recent);
	out->quantiles = bc_tally_quantiles(&recent);
}

int bc_client_fd(const struct bc_client *c)
{
	return c->waker.epoll;
}

/* ---- questions ---- */

bc_status bc_client_ask(struct bc_client *c, bc_str verb, const bc_str *args, size_t n_args,
			int64_t timeout_ns, struct bc_rpc_reply *reply)
{
	c->counters.questions++;
	bc_status rc = bc_rpc_call(c->asker, verb, args, n_args, timeout_ns, reply);
	c->counters.unanswered += rc != BC_OK;
	return rc;
}

/* One of a topic that is followed; false: nothing was heard of it yet. */
static bool heard(const struct bc_client *c, bc_str topic, struct bc_board_answer *answer)
{
	if (follow_wanted(&c->follow, topic) == NULL)
		return false;
	bc_board_get(c->board, topic, bc_boot_now(), answer);
	return answer->status == BC_BOARD_OK;
}

/* A question about one topic, answered with n frames. */
static bc_status ask_topic(struct bc_client *c, bc_str verb, bc_str topic, int64_t timeout_ns,
			   size_t n, const bc_str **frames)
{
	struct bc_rpc_reply reply;
	bc_status rc = bc_client_ask(c, verb, &topic, 1, timeout_ns, &reply);
	if (rc != BC_OK)
		return rc;
	*frames = reply.answers;
	return reply.status == BC_RPC_OK && reply.n_answers == n ? BC_OK : BC_EPARSE;
}

static bc_status ask_state(struct bc_client *c, bc_str topic, int64_t timeout_ns,
			   struct bc_board_answer *answer)
{
	const bc_str *frames;
	bc_status rc = ask_topic(c, BC_STR("STATE"), topic, timeout_ns, BC_STATE_FRAMES, &frames);
	return rc == BC_OK ? bc_board_read_state(frames, answer) : rc;
}

bc_status bc_client_state(struct bc_client *c, bc_str topic, int64_t timeout_ns,
			  struct bc_board_answer *answer)
{
	return heard(c, topic, answer) ? BC_OK : ask_state(c, topic, timeout_ns, answer);
}

bc_status bc_client_get(struct bc_client *c, bc_str topic, int64_t timeout_ns,
			struct bc_board_answer *answer)
{
	const bc_str *frame;
	if (heard(c, topic, answer))
		return BC_OK;
	bc_status rc = ask_topic(c, BC_STR("LATEST"), topic, timeout_ns, 1, &frame);
	if (rc == BC_OK)
		rc = bc_board_read_latest(*frame, answer);
	if (rc != BC_OK || answer->status != BC_BOARD_OK)
		return rc;
	return bc_message_decode(answer->payload, &c->message, c->levels, MAX_LEVELS) == BC_OK
		       ? BC_OK
		       : BC_EPARSE;
}

const struct bc_board *bc_client_board(const struct bc_client *c)
{
	return c->board;
}

const struct bc_client_counters *bc_client_counters(const struct bc_client *c)
{
	return &c->counters;
}
