#include "subscribers/libbookcast/client_private.h"

#include "common/bus_socket.h"
#include "common/clock.h"
#include "proto/codec.h"

#include <stdlib.h>

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

static const struct finder_ops finder_ops = { wants_exchange, topics_to_ask, client_take_answer };

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

/* ---- policy and counters ---- */

bc_status bc_client_latest(struct bc_client *c, bool on)
{
	if (on && c->waiting == NULL && (c->waiting = bc_conflate_new(&bc_conflate_usual)) == NULL)
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
