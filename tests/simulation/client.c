/* client.c - the session's actions and the outlet's sender, as the gateway carries them out. */
#include "tests/simulation/trial_private.h"

#include "proto/codec.h"
#include "proto/topic.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ actions of the session */

static void act_connect(void *self, uint32_t id)
{
	struct gateway *g = self;
	note(g, "<- connect %u", id);
	net_connect(g, id);
}

static void act_disconnect(void *self, uint32_t id)
{
	struct gateway *g = self;
	note(g, "<- disconnect %u", id);
	net_disconnect(g, id);
}

static bc_status act_send(void *self, uint32_t id, bc_str text)
{
	struct gateway *g = self;
	note(g, "<- send %u %.*s", id, (int)text.n, text.p);
	return net_send(g, id, text);
}

static void act_ping(void *self, uint32_t id)
{
	struct gateway *g = self;
	note(g, "<- ping %u", id);
	net_ping(g, id);
}

static void act_get(void *self, uint32_t request, bc_str path)
{
	struct gateway *g = self;
	note(g, "<- get #%u %.*s", request, (int)path.n, path.p);
	request_get(g, request, path);
}

static bc_status act_added(void *self, uint32_t symbol, bc_str name)
{
	struct gateway *g = self;
	note(g, "<- added %u %.*s", symbol, (int)name.n, name.p);
	judge_added(g, symbol, name);
	if (g->member != NULL)
		shards_followed(g, g->judged[symbol % MAX_NUMBERS].symbol);
	return outlet_symbol_add(g->outlet, trial_now(g).mono, symbol, name);
}

static void act_removed(void *self, uint32_t symbol)
{
	struct gateway *g = self;
	note(g, "<- removed %u", symbol);
	outlet_symbol_remove(g->outlet, symbol);
	judge_removed(g, symbol);
	if (g->member != NULL)
		shards_dropped(g, g->judged[symbol].symbol);
}

static void act_symbol_state(void *self, uint32_t symbol, const struct session_change *change)
{
	struct gateway *g = self;
	note(g, "<- state %s %s %s", g->judged[symbol % MAX_NUMBERS].name,
	     bc_state_word(change->state), bc_reason_word(change->reason));
	judge_announced(g, symbol, change);
	shards_announced(g, &g->judged[symbol % MAX_NUMBERS], change);
	outlet_symbol_state(g->outlet, trial_now(g).mono, symbol, change);
}

static void act_feed_state(void *self, const struct session_change *change)
{
	struct gateway *g = self;
	note(g, "<- feed %s %s", bc_state_word(change->state), bc_reason_word(change->reason));
	outlet_feed_state(g->outlet, trial_now(g).mono, change);
}

static void act_event(void *self, uint32_t symbol, const struct bc_event *event,
		      bc_wall_time received)
{
	struct gateway *g = self;
	judge_event(g, symbol, event);
	outlet_event(g->outlet, trial_now(g).mono, symbol, event, received);
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
	outlet_soon(((struct gateway *)self)->outlet, symbol);
}

static void act_log(void *self, enum bc_log_level level, const char *event,
		    const struct bc_log_field *fields)
{
	struct gateway *g = self;
	char text[160] = "";
	size_t n = 0;
	(void)level;
	for (; fields->type != BC_LOG_END; fields++)
		n = add_field(text, n, sizeof text, fields);
	note(g, "<- log %s%s", event, text);
}

/* ------------------------------------------------------------------ the outlet's sender */

/* The same topic again, if it was open before: it goes on. */
static struct topic *place_for(struct gateway *g, bc_str name)
{
	struct topic *unused = NULL;
	for (uint32_t i = 0; i < MAX_TOPICS; i++) {
		struct topic *at = &g->topics[i];
		if (!at->open && bc_str_is(name, at->name))
			return at;
		if (unused == NULL && at->name[0] == '\0')
			unused = at;
	}
	return unused;
}

static bc_status topic_open(void *self, bc_str name, uint32_t *out)
{
	struct gateway *g = self;
	struct bc_topic parts;
	struct topic *at = place_for(g, name);
	if (bc_topic_split(name, &parts) != BC_OK || name.n >= sizeof at->name)
		return BC_EPARSE;
	if (at == NULL)
		return BC_ENOMEM;
	at->open = true;
	at->number = UINT32_MAX;
	at->symbol = NOT_IN_MARKET;
	if (at->track == NULL && g->t->reader != NULL)
		at->track = reader_track(g->t);
	snprintf(at->name, sizeof at->name, "%.*s", (int)name.n, name.p);
	for (uint32_t j = 0; j < MAX_NUMBERS; j++) {
		if (!g->judged[j].followed || !bc_str_is(parts.symbol, g->judged[j].name))
			continue;
		at->number = j;
		at->symbol = g->judged[j].symbol;
	}
	*out = (uint32_t)(at - g->topics);
	return BC_OK;
}

static void topic_close(void *self, uint32_t topic)
{
	struct gateway *g = self;
	g->topics[topic].open = false;
}

static bool topic_wanted(void *self, uint32_t topic)
{
	(void)self;
	(void)topic;
	return true;
}

static bc_status topic_send(void *self, uint32_t topic, bc_str payload)
{
	struct gateway *g = self;
	judge_published(g, &g->topics[topic], payload);
	return BC_OK;
}

static bc_wall_time topic_now(void *self)
{
	struct gateway *g = self;
	return trial_now(g).wall;
}

/* ------------------------------------------------------------------ life */

static uint32_t pick_channels(struct gateway *g, const struct bc_exchange *x)
{
	uint32_t channels = BC_CHANNEL_BIT(BC_CHANNEL_BOOK) | BC_CHANNEL_BIT(BC_CHANNEL_BBO) |
			    BC_CHANNEL_BIT(BC_CHANNEL_TRADE);
	if (dice_hits(&g->dice, 500000))
		channels |= BC_CHANNEL_BIT(BC_CHANNEL_TICKER);
	if (dice_hits(&g->dice, 200000) && x->intervals != 0)
		channels |= BC_CHANNEL_BIT(BC_CHANNEL_CANDLE);
	return channels;
}

/* One that is shorter than the books, as a rule, so that they end at an edge. */
static uint32_t pick_limit(struct gateway *g, const struct bc_exchange *x)
{
	size_t n = x->sync == NULL ? 0 : x->sync->n_limits, first = 0, few;
	if (n == 0)
		return 0;
	while (first + 1 < n && x->sync->limits[first].levels < 20)
		first++;
	few = first;
	while (few + 1 < n && x->sync->limits[few + 1].levels <= 100)
		few++;
	if (dice_hits(&g->dice, 150000))
		few = n - 1;
	return x->sync->limits[dice_between(&g->dice, (int64_t)first, (int64_t)few)].levels;
}

static void pick_options(struct gateway *g)
{
	static const uint32_t levels[] = { 1, 5, 5, 10, 15, 30 };
	const struct bc_exchange *x = g->x;
	g->so = (struct session_options){
		.exchange = x,
		.feed = { .group_by = { 0, 0 } },
		.channels = pick_channels(g, x),
		.intervals = 1u << BC_INTERVAL_1M,
		.levels = levels[dice_between(&g->dice, 0, 5)],
		.max_levels = (uint32_t)dice_between(&g->dice, 60, 400),
		.snapshot_levels = shards_flawless(g->t) ? 0 : pick_limit(g, x),
		.weight_percent = 60,
		.history_trades = dice_hits(&g->dice, 200000) ? 20 : 0,
		.history_again_ns = dice_between(&g->dice, 1, 20) * S,
		.silent_after_ns = dice_between(&g->dice, 2500, 5000) * MS,
		.quiet_after_ns = dice_between(&g->dice, 500, 5000) * MS,
		.first_data_after_ns = dice_between(&g->dice, 2000, 10000) * MS,
		.backoff_max_ns = dice_between(&g->dice, 1000, 10000) * MS,
		.listing_every_ns = dice_between(&g->dice, 5, 40) * S,
		.seed = dice_next(&g->dice),
	};
	if (shards_flawless(g->t))
		g->so.silent_after_ns = 60 * S; /* few symbols of a slow market */
	terms_choose(g, &g->so);
}

static bool open_outlet(struct gateway *g)
{
	struct outlet_sender sender = { g,          topic_open, topic_close, topic_wanted,
					topic_send, topic_now,  NULL,        NULL,
					NULL };
	struct outlet_options options = {
		.exchange = g->x->id,
		.instance = g->name,
		.epoch = g->epoch,
		.channels = g->so.channels,
		.intervals = g->so.intervals,
		.levels = g->so.levels,
		.own_bbo = (session_carried(g->x) & BC_CHANNEL_BIT(BC_CHANNEL_BBO)) != 0,
		.interval_ns = dice_hits(&g->dice, 300000) ? 100 * MS : 0,
	};
	return outlet_new(&g->outlet, &options, &sender) == BC_OK;
}

bool client_open(struct gateway *g)
{
	struct session_actions actions = {
		g,         act_connect, act_disconnect, act_send,         act_ping,
		act_get,   act_added,   act_removed,    act_symbol_state, act_feed_state,
		act_event, act_log,     NULL,           act_soon
	};
	char why[256] = "";
	if (g->so.exchange == NULL)
		pick_options(g);
	if (g->member != NULL)
		shards_choose(g, &g->so);
	if (session_new(&g->session, &g->so, &actions, why, sizeof why) != BC_OK ||
	    !open_outlet(g)) {
		trial_fail(g, "start", "no session or outlet: %s", why);
		return false;
	}
	if (g->member != NULL)
		return shards_configure(g, why, sizeof why) == BC_OK;
	for (size_t i = 0; i < g->plan.n_followed; i++) {
		const char *name = market_spec(g->t->market, i)->name;
		if (session_add(g->session, trial_now(g), name, why, sizeof why) != BC_OK) {
			trial_fail(g, "start", "%s cannot be added: %s", name, why);
			return false;
		}
	}
	return true;
}

/* ------------------------------------------------------------------ inputs of the session */

static void opened(struct gateway *g, struct event *e)
{
	struct link *link = &g->links[e->link];
	note(g, "-> opened %u", e->link);
	link->phase = LINK_OPEN;
	link->proof_ns = trial_now(g).mono.ns;
	session_opened(g->session, trial_now(g), e->link);
}

static void closed(struct gateway *g, struct event *e)
{
	struct link *link = &g->links[e->link];
	struct session_closed how = { .why = e->why,
				      .detail = "",
				      .close_code = e->close_code,
				      .http_status = e->http_status,
				      .retry_after_ns = e->retry_after_ns };
	note(g, "-> closed %u %s code %u http %d", e->link, e->why, e->close_code, e->http_status);
	link->phase = LINK_IDLE;
	link->life++;
	link->being_told = true;
	session_closed(g->session, trial_now(g), e->link, &how);
	link->being_told = false;
}

static void message(struct gateway *g, struct event *e)
{
	struct session_now now = trial_now(g);
	note(g, "-> message %u, %zu bytes %.*s", e->link, e->n, e->n < 150 ? (int)e->n : 150,
	     e->bytes);
	trace_bytes(&g->t->trace, (bc_str){ e->bytes, e->n });
	if (e->proof)
		g->links[e->link].proof_ns = now.mono.ns;
	if (e->book) {
		g->heard[e->symbol].link = e->link;
		g->heard[e->symbol].life = e->life;
	}
	session_message(g->session, now, e->link, (bc_str){ e->bytes, e->n }, e->binary, now.wall);
}

static void pinged(struct gateway *g, struct event *e)
{
	note(g, "-> ping %u, answered by the transport", e->link);
	if (g->links[e->link].phase == LINK_OPEN)
		net_beat(g, e->link, true, (bc_str){ e->bytes, e->n });
}

static void pong(struct gateway *g, struct event *e)
{
	note(g, "-> pong %u", e->link);
	session_pong(g->session, trial_now(g), e->link);
}

static void answer(struct gateway *g, struct event *e)
{
	struct session_rest rest = { .body = { e->bytes, e->n },
				     .used_weight = e->used_weight,
				     .detail = "" };
	note(g, "-> answer #%u, %zu bytes %.*s", e->request, e->n, e->n < 100 ? (int)e->n : 100,
	     e->bytes);
	request_told(g, e);
	session_rest_answer(g->session, trial_now(g), e->request, &rest);
}

static void failed(struct gateway *g, struct event *e)
{
	struct session_rest rest = { .used_weight = e->used_weight,
				     .http_status = e->http_status,
				     .retry_after_ns = e->retry_after_ns,
				     .detail = e->why };
	note(g, "-> failed #%u http %d", e->request, e->http_status);
	request_told(g, e);
	session_rest_failed(g->session, trial_now(g), e->request, &rest);
}

/* What is followed beside that was added at run time. */
static void configure(struct gateway *g, const char *spec)
{
	char why[256] = "";
	session_configure(g->session, trial_now(g), &spec, 1, why, sizeof why);
}

static void listen_to(struct gateway *g, const char *name)
{
	uint32_t number = UINT32_MAX; /* nobody's */
	for (uint32_t i = 0; i < MAX_NUMBERS; i++) {
		if (g->judged[i].followed && strcmp(g->judged[i].name, name) == 0)
			number = i;
	}
	session_history_wanted(g->session, trial_now(g), number, BC_CHANNEL_TRADE, 0);
}

static void rest_forgotten(struct rest_asked *asked)
{
	asked->not_before_ns = 0;
	asked->forgotten = asked->in_flight;
}

static void command(struct gateway *g, struct event *e)
{
	static bc_status (*const verbs[])(struct session *, struct session_now, const char *,
					  char *, size_t) = { session_add, session_remove,
							      session_resync, session_want };
	static const char *const words[] = { "add ", "remove ", "resync ", "want " };
	char why[256] = "";
	note(g, "-> command %s", e->bytes);
	g->n_commands--;
	for (size_t i = 0; i < SESSION_REST_SLOTS; i++)
		rest_forgotten(&g->asked[i]); /* who is added again is asked about again */
	if (bc_str_starts((bc_str){ e->bytes, e->n }, BC_STR("reconnect")))
		session_reconnect(g->session, trial_now(g));
	if (bc_str_starts((bc_str){ e->bytes, e->n }, BC_STR("renew")))
		session_renew(g->session, trial_now(g));
	if (bc_str_starts((bc_str){ e->bytes, e->n }, BC_STR("configure ")))
		configure(g, e->bytes + strlen("configure "));
	if (bc_str_starts((bc_str){ e->bytes, e->n }, BC_STR("listen ")))
		listen_to(g, e->bytes + strlen("listen "));
	if (bc_str_starts((bc_str){ e->bytes, e->n }, BC_STR("reshard ")))
		shards_told(g, strtoul(e->bytes + strlen("reshard "), NULL, 10));
	if (g->member != NULL)
		shards_obeys(g, e->bytes, true);
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		size_t n = strlen(words[i]);
		if (strncmp(e->bytes, words[i], n) == 0)
			verbs[i](g->session, trial_now(g), e->bytes + n, why, sizeof why);
	}
	if (g->member != NULL)
		shards_obeys(g, e->bytes, false);
}

bool client_deliver(struct gateway *g, struct event *e)
{
	static void (*const deliver[])(struct gateway *, struct event *) = {
		[EVENT_OPENED] = opened, [EVENT_CLOSED] = closed,   [EVENT_FRAME] = message,
		[EVENT_PING] = pinged,   [EVENT_PONG] = pong,       [EVENT_ANSWER] = answer,
		[EVENT_FAILED] = failed, [EVENT_COMMAND] = command,
	};
	bool of_link = e->kind < EVENT_ANSWER;
	if (of_link && g->links[e->link].life != e->life)
		return false;
	deliver[e->kind](g, e);
	return true;
}

void client_tick(struct gateway *g)
{
	session_tick(g->session, trial_now(g));
}

void client_after(struct gateway *g)
{
	while (outlet_turn(g->outlet, trial_now(g).mono))
		;
}
