/* client.c - the session's actions and the outlet's sender, as the gateway carries them out. */
#include "tests/simulation/trial_private.h"

#include "proto/codec.h"
#include "proto/topic.h"

#include <stdio.h>
#include <string.h>

/* ------------------------------------------------------------------ actions of the session */

static void act_connect(void *self, uint32_t id)
{
	struct trial *t = self;
	note(t, "<- connect %u", id);
	net_connect(t, id);
}

static void act_disconnect(void *self, uint32_t id)
{
	struct trial *t = self;
	note(t, "<- disconnect %u", id);
	net_disconnect(t, id);
}

static bc_status act_send(void *self, uint32_t id, bc_str text)
{
	struct trial *t = self;
	note(t, "<- send %u %.*s", id, (int)text.n, text.p);
	return net_send(t, id, text);
}

static void act_ping(void *self, uint32_t id)
{
	struct trial *t = self;
	note(t, "<- ping %u", id);
	net_ping(t, id);
}

static void act_get(void *self, uint32_t request, bc_str path)
{
	struct trial *t = self;
	note(t, "<- get #%u %.*s", request, (int)path.n, path.p);
	request_get(t, request, path);
}

static bc_status act_added(void *self, uint32_t symbol, bc_str name)
{
	struct trial *t = self;
	note(t, "<- added %u %.*s", symbol, (int)name.n, name.p);
	judge_added(t, symbol, name);
	return outlet_symbol_add(t->outlet, trial_now(t).mono, symbol, name);
}

static void act_removed(void *self, uint32_t symbol)
{
	struct trial *t = self;
	note(t, "<- removed %u", symbol);
	outlet_symbol_remove(t->outlet, symbol);
	judge_removed(t, symbol);
}

static void act_symbol_state(void *self, uint32_t symbol, const struct session_change *change)
{
	struct trial *t = self;
	note(t, "<- state %s %s %s", t->judged[symbol % MAX_NUMBERS].name,
	     bc_state_word(change->state), bc_reason_word(change->reason));
	judge_announced(t, symbol, change);
	outlet_symbol_state(t->outlet, trial_now(t).mono, symbol, change);
}

static void act_feed_state(void *self, const struct session_change *change)
{
	struct trial *t = self;
	note(t, "<- feed %s %s", bc_state_word(change->state), bc_reason_word(change->reason));
	outlet_feed_state(t->outlet, trial_now(t).mono, change);
}

static void act_event(void *self, uint32_t symbol, const struct bc_event *event,
		      bc_wall_time received)
{
	struct trial *t = self;
	judge_event(t, symbol, event);
	outlet_event(t->outlet, trial_now(t).mono, symbol, event, received);
}

/* "key=value key=value" of what fits */
static size_t add_field(char *out, size_t n, size_t cap, const struct bc_log_field *f)
{
	int more = 0;
	if (f->type == BC_LOG_TEXT)
		more = snprintf(out + n, cap - n, " %s=%s", f->key, f->as.text);
	else if (f->type == BC_LOG_BYTES)
		more = snprintf(out + n, cap - n, " %s=%.*s", f->key, (int)f->as.bytes.n,
				f->as.bytes.p);
	return more > 0 && n + (size_t)more < cap ? n + (size_t)more : n;
}

static void act_soon(void *self, uint32_t symbol)
{
	outlet_soon(((struct trial *)self)->outlet, symbol);
}

static void act_log(void *self, enum bc_log_level level, const char *event,
		    const struct bc_log_field *fields)
{
	struct trial *t = self;
	char text[160] = "";
	size_t n = 0;
	(void)level;
	for (; fields->type != BC_LOG_END; fields++)
		n = add_field(text, n, sizeof text, fields);
	note(t, "<- log %s%s", event, text);
}

/* ------------------------------------------------------------------ the outlet's sender */

static bc_status topic_open(void *self, bc_str topic, uint32_t *out)
{
	struct trial *t = self;
	struct bc_topic parts;
	if (bc_topic_split(topic, &parts) != BC_OK || topic.n >= sizeof t->topics[0].name)
		return BC_EPARSE;
	for (uint32_t i = 0; i < MAX_TOPICS; i++) {
		struct topic *at = &t->topics[i];
		if (at->open)
			continue;
		int channel = bc_channel_of(parts.channel);
		*at = (struct topic){ .open = true,
				      .channel = (enum bc_channel)channel,
				      .number = UINT32_MAX,
				      .symbol = NOT_IN_MARKET };
		snprintf(at->name, sizeof at->name, "%.*s", (int)topic.n, topic.p);
		for (uint32_t j = 0; j < MAX_NUMBERS; j++) {
			if (!t->judged[j].followed || !bc_str_is(parts.symbol, t->judged[j].name))
				continue;
			at->number = j;
			at->symbol = t->judged[j].symbol;
		}
		*out = i;
		return BC_OK;
	}
	return BC_ENOMEM;
}

static void topic_close(void *self, uint32_t topic)
{
	struct trial *t = self;
	t->topics[topic].open = false;
}

static bool topic_wanted(void *self, uint32_t topic)
{
	(void)self;
	(void)topic;
	return true;
}

static bc_status topic_send(void *self, uint32_t topic, bc_str payload)
{
	struct trial *t = self;
	judge_published(t, &t->topics[topic], payload);
	return BC_OK;
}

static bc_wall_time topic_now(void *self)
{
	struct trial *t = self;
	return trial_now(t).wall;
}

/* ------------------------------------------------------------------ life */

static uint32_t pick_channels(struct trial *t, const struct bc_exchange *x)
{
	uint32_t channels = BC_CHANNEL_BIT(BC_CHANNEL_BOOK) | BC_CHANNEL_BIT(BC_CHANNEL_BBO) |
			    BC_CHANNEL_BIT(BC_CHANNEL_TRADE);
	if (dice_hits(&t->dice, 500000))
		channels |= BC_CHANNEL_BIT(BC_CHANNEL_TICKER);
	if (dice_hits(&t->dice, 200000) && x->intervals != 0)
		channels |= BC_CHANNEL_BIT(BC_CHANNEL_CANDLE);
	return channels;
}

/* One that is shorter than the books, as a rule, so that they end at an edge. */
static uint32_t pick_limit(struct trial *t, const struct bc_exchange *x)
{
	size_t n = x->sync == NULL ? 0 : x->sync->n_limits, first = 0, few;
	if (n == 0)
		return 0;
	while (first + 1 < n && x->sync->limits[first].levels < 20)
		first++;
	few = first;
	while (few + 1 < n && x->sync->limits[few + 1].levels <= 100)
		few++;
	if (dice_hits(&t->dice, 150000))
		few = n - 1;
	return x->sync->limits[dice_between(&t->dice, (int64_t)first, (int64_t)few)].levels;
}

static void pick_options(struct trial *t)
{
	static const uint32_t levels[] = { 1, 5, 5, 10, 15, 30 };
	const struct bc_exchange *x = t->x;
	t->so = (struct session_options){
		.exchange = x,
		.feed = { .group_by = { 0, 0 } },
		.channels = pick_channels(t, x),
		.intervals = 1u << BC_INTERVAL_1M,
		.levels = levels[dice_between(&t->dice, 0, 5)],
		.max_levels = (uint32_t)dice_between(&t->dice, 60, 400),
		.snapshot_levels = pick_limit(t, x),
		.weight_percent = 60,
		.history_trades = dice_hits(&t->dice, 200000) ? 20 : 0,
		.silent_after_ns = dice_between(&t->dice, 2500, 5000) * MS,
		.quiet_after_ns = dice_between(&t->dice, 500, 5000) * MS,
		.first_data_after_ns = dice_between(&t->dice, 2000, 10000) * MS,
		.backoff_max_ns = dice_between(&t->dice, 1000, 10000) * MS,
		.seed = dice_next(&t->dice),
	};
	terms_choose(t, &t->so);
}

static bool open_outlet(struct trial *t)
{
	struct outlet_sender sender = { t,          topic_open, topic_close, topic_wanted,
					topic_send, topic_now,  NULL,        NULL };
	struct outlet_options options = {
		.exchange = t->x->id,
		.instance = "0",
		.epoch = 1700000000000000,
		.channels = t->so.channels,
		.intervals = t->so.intervals,
		.levels = t->so.levels,
		.own_bbo = (session_carried(t->x) & BC_CHANNEL_BIT(BC_CHANNEL_BBO)) != 0,
		.interval_ns = dice_hits(&t->dice, 300000) ? 100 * MS : 0,
	};
	return outlet_new(&t->outlet, &options, &sender) == BC_OK;
}

bool client_open(struct trial *t)
{
	struct session_actions actions = {
		t,         act_connect, act_disconnect, act_send,         act_ping,
		act_get,   act_added,   act_removed,    act_symbol_state, act_feed_state,
		act_event, act_log,     NULL,           act_soon
	};
	char why[256] = "";
	pick_options(t);
	if (session_new(&t->session, &t->so, &actions, why, sizeof why) != BC_OK ||
	    !open_outlet(t)) {
		trial_fail(t, "start", "no session or outlet: %s", why);
		return false;
	}
	for (size_t i = 0; i < t->plan.n_followed; i++) {
		const char *name = market_spec(t->market, i)->name;
		if (session_add(t->session, trial_now(t), name, why, sizeof why) != BC_OK) {
			trial_fail(t, "start", "%s cannot be added: %s", name, why);
			return false;
		}
	}
	return true;
}

/* ------------------------------------------------------------------ inputs of the session */

static void opened(struct trial *t, struct event *e)
{
	struct link *link = &t->links[e->link];
	note(t, "-> opened %u", e->link);
	link->phase = LINK_OPEN;
	link->proof_ns = trial_now(t).mono.ns;
	session_opened(t->session, trial_now(t), e->link);
}

static void closed(struct trial *t, struct event *e)
{
	struct link *link = &t->links[e->link];
	struct session_closed how = { .why = e->why,
				      .detail = "",
				      .close_code = e->close_code,
				      .http_status = e->http_status,
				      .retry_after_ns = e->retry_after_ns };
	note(t, "-> closed %u %s code %u http %d", e->link, e->why, e->close_code, e->http_status);
	link->phase = LINK_IDLE;
	link->life++;
	link->being_told = true;
	session_closed(t->session, trial_now(t), e->link, &how);
	link->being_told = false;
}

static void message(struct trial *t, struct event *e)
{
	struct session_now now = trial_now(t);
	note(t, "-> message %u, %zu bytes %.*s", e->link, e->n, e->n < 150 ? (int)e->n : 150,
	     e->bytes);
	trace_bytes(&t->trace, (bc_str){ e->bytes, e->n });
	if (e->proof)
		t->links[e->link].proof_ns = now.mono.ns;
	if (e->book) {
		t->heard[e->symbol].link = e->link;
		t->heard[e->symbol].life = e->life;
	}
	session_message(t->session, now, e->link, (bc_str){ e->bytes, e->n }, e->binary, now.wall);
}

static void pinged(struct trial *t, struct event *e)
{
	note(t, "-> ping %u, answered by the transport", e->link);
	if (t->links[e->link].phase == LINK_OPEN)
		net_beat(t, e->link, true, (bc_str){ e->bytes, e->n });
}

static void pong(struct trial *t, struct event *e)
{
	note(t, "-> pong %u", e->link);
	session_pong(t->session, trial_now(t), e->link);
}

static void answer(struct trial *t, struct event *e)
{
	struct session_rest rest = { .body = { e->bytes, e->n },
				     .used_weight = e->used_weight,
				     .detail = "" };
	note(t, "-> answer #%u, %zu bytes %.*s", e->request, e->n, e->n < 100 ? (int)e->n : 100,
	     e->bytes);
	request_told(t, e);
	session_rest_answer(t->session, trial_now(t), e->request, &rest);
}

static void failed(struct trial *t, struct event *e)
{
	struct session_rest rest = { .used_weight = e->used_weight,
				     .http_status = e->http_status,
				     .retry_after_ns = e->retry_after_ns,
				     .detail = e->why };
	note(t, "-> failed #%u http %d", e->request, e->http_status);
	request_told(t, e);
	session_rest_failed(t->session, trial_now(t), e->request, &rest);
}

static void command(struct trial *t, struct event *e)
{
	static bc_status (*const verbs[])(struct session *, struct session_now, const char *,
					  char *,
					  size_t) = { session_add, session_remove, session_resync };
	static const char *const words[] = { "add ", "remove ", "resync " };
	char why[256] = "";
	note(t, "-> command %s", e->bytes);
	t->n_commands--;
	for (size_t i = 0; i < SESSION_REST_SLOTS; i++)
		t->asked[i].not_before_ns = 0; /* who is added again is asked about again */
	if (bc_str_starts((bc_str){ e->bytes, e->n }, BC_STR("reconnect")))
		session_reconnect(t->session, trial_now(t));
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		size_t n = strlen(words[i]);
		if (strncmp(e->bytes, words[i], n) == 0)
			verbs[i](t->session, trial_now(t), e->bytes + n, why, sizeof why);
	}
}

bool client_deliver(struct trial *t, struct event *e)
{
	static void (*const deliver[])(struct trial *, struct event *) = {
		[EVENT_OPENED] = opened, [EVENT_CLOSED] = closed,   [EVENT_FRAME] = message,
		[EVENT_PING] = pinged,   [EVENT_PONG] = pong,       [EVENT_ANSWER] = answer,
		[EVENT_FAILED] = failed, [EVENT_COMMAND] = command,
	};
	bool of_link = e->kind < EVENT_ANSWER;
	if (of_link && t->links[e->link].life != e->life)
		return false;
	deliver[e->kind](t, e);
	return true;
}

void client_tick(struct trial *t)
{
	session_tick(t->session, trial_now(t));
}

void client_after(struct trial *t)
{
	while (outlet_turn(t->outlet, trial_now(t).mono))
		;
}
