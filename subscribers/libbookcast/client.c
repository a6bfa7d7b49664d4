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

#define SCAN_EVERY (20 * BC_NS_PER_MS)
#define SCAN_SOON  10000 /* topics; so many are looked at without a pause after an answer */
#define ASK_AGAIN  BC_NS_PER_S
#define AWAY       (2 * BC_NS_PER_S)    /* who did not look for so long reads of the past first */
#define LOOK_EVERY BC_NS_PER_S          /* so a longer time between two looks was no waiting */
#define PAUSE_MS   30                   /* without a message: all that was on its way is in */
#define CATCH_UP   (200 * BC_NS_PER_MS) /* the stream may bring what the cache has already */

struct bc_client {
	void *context;
	struct bc_sub *sub;
	struct bc_rpc_client *asker; /* for questions that wait; the finder has its own */
	struct finder *finder;
	struct bc_board *board;
	struct follow follow;
	struct bc_client_counters counters;
	struct followed *scan; /* the next one to look at; NULL: no scan is under way */
	bool dirty;            /* states may have changed by something else than their message */
	bc_mono_time scanned, gone_due, looked;
	bool behind;   /* was away, and what came meanwhile is not read yet */
	uint64_t gone; /* which gateways were gone, mixed */
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
		if (t->streamed && taken.n_lost > 0) {
			c->counters.gaps++;
			c->counters.lost += taken.n_lost;
			c->counters.repaired++;
			t->n_lost = taken.n_lost;
		}
		confirm(c, t);
		t->fresh = true;
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
	const struct bc_sub_options sub = { .recv_hwm_msgs = 100000 };
	struct bc_client *c = calloc(1, sizeof *c);
	if (c == NULL)
		return BC_ENOMEM;
	bc_status rc = BC_ENOMEM;
	c->waker.epoll = c->waker.timer = -1;
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

bc_status bc_client_remove(struct bc_client *c, bc_str topic)
{
	c->dirty = c->dirty || c->scan != NULL; /* its record may be the next one */
	c->scan = NULL;
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
	event->state = answer->state;
	event->reason = answer->reason;
	event->since = answer->since;
	t->told = true;
	t->told_fit = bc_state_fit(answer->state);
	t->epoch = event->message->envelope.epoch;
	t->exchange_seq = event->message->envelope.exchange_seq;
	t->ts_exchange = event->message->envelope.ts_exchange.ns;
}

/* Of two lines the slower one says what the faster one has said. */
static bool said_before(const struct followed *t, const struct bc_envelope *e)
{
	if (!t->told || !t->told_fit || e->epoch == t->epoch || !bc_state_fit(e->state))
		return false;
	if (e->exchange_seq != BC_SEQ_NONE && t->exchange_seq != BC_SEQ_NONE)
		return e->exchange_seq <= t->exchange_seq;
	if (bc_wall_known(e->ts_exchange) && t->ts_exchange != BC_TIME_UNKNOWN)
		return e->ts_exchange.ns <= t->ts_exchange;
	return false;
}

static void note_loss(struct bc_client *c, struct followed *t, enum bc_channel channel,
		      uint64_t n_lost, int64_t now)
{
	if (!t->streamed || n_lost == 0)
		return;
	c->counters.gaps++;
	c->counters.lost += n_lost;
	t->gap_open = bc_channel_welcomed(channel);
	if (t->gap_open && t->wanted)
		follow_ask(&c->follow, t, now);
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

/* One message of the bus; true: there is something to hand out. */
static bool take(struct bc_client *c, bc_str topic, bc_str payload, bc_mono_time now,
		 struct bc_client_event *event)
{
	struct bc_board_taken taken;
	struct bc_board_answer answer;
	bc_status rc = bc_board_take(c->board, topic, payload, now, &taken);
	struct followed *t =
		rc == BC_OK ? taken_topic(c, topic, taken.mark) : follow_wanted(&c->follow, topic);
	heed_wants(c, now);
	if (t == NULL || rc != BC_OK)
		c->dirty = true; /* states, heartbeats, welcomes of what was in doubt */
	if (t == NULL)
		return false;
	if (rc != BC_OK) {
		t->streamed = t->streamed || rc == BC_EDUPLICATE;
		c->counters.duplicates += rc == BC_EDUPLICATE;
		return false;
	}
	const struct bc_envelope *e = &taken.message->envelope;
	uint64_t n_lost = t->streamed ? taken.n_lost : 0;
	note_loss(c, t, e->channel, n_lost, now.ns);
	t->streamed = true;
	t->fresh = false;
	if ((e->flags & BC_FLAG_WELCOME) == 0)
		bc_latency_record(&c->latency, bc_wall_now().ns - e->ts_publish.ns);
	if (!taken.answers || said_before(t, e)) {
		c->counters.duplicates++;
		return false;
	}
	*event = (struct bc_client_event){ .source = BC_FROM_GATEWAY,
					   .topic = topic,
					   .message = taken.message,
					   .n_lost = n_lost };
	bc_board_get_taken(c->board, now, &answer);
	describe(event, &answer, t);
	return true;
}

/* Goes on with the scan; true: a topic whose fitness has changed since it was handed out, or that
 * the cache has brought. */
static bool scan(struct bc_client *c, bc_mono_time now, struct bc_client_event *event)
{
	struct bc_board_answer answer;
	while (c->scan != NULL) {
		struct followed *t = c->scan;
		bc_str topic = { t->text, t->n };
		c->scan = t->hh.next;
		if (!t->fresh && !t->told)
			continue;
		bc_board_get(c->board, topic, now, &answer);
		if (answer.status != BC_BOARD_OK ||
		    (!t->fresh && bc_state_fit(answer.state) == t->told_fit) ||
		    bc_message_decode(answer.payload, &c->message, c->levels, MAX_LEVELS) != BC_OK)
			continue;
		*event =
			(struct bc_client_event){ .source = t->fresh ? BC_FROM_CACHE : BC_FROM_HERE,
						  .topic = topic,
						  .message = &c->message,
						  .n_lost = t->fresh ? t->n_lost : 0 };
		t->fresh = false;
		t->n_lost = 0;
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
	keep_house(c, now);
	/* It is another one after an answer that did not come. */
	waker_watch(&c->waker, 1, finder_socket(c->finder));
	return again || c->scan != NULL || waker_has_input(finder_socket(c->finder));
}

static void set_behind(struct bc_client *c, bool behind)
{
	c->behind = behind;
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
}

/* Everything has been read; more may be on its way, libzmq's own thread was stopped, too. */
static bool caught_up(struct bc_client *c)
{
	void *socket = bc_sub_socket(c->sub);
	return bc_bus_wait(&socket, 1, PAUSE_MS) != BC_OK || !bc_bus_has_input(socket);
}

bc_status bc_client_next(struct bc_client *c, struct bc_client_event *event)
{
	bc_str topic, payload;
	bc_mono_time now = bc_boot_now();
	look(c, now);
	if (now.ns >= c->gone_due.ns || c->dirty)
		keep_house(c, now);
	for (int n = 0; n < MAX_UNWANTED; n++) {
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
