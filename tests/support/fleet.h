/* fleet.h - several sessions at one simulated exchange, from one address, in simulated time: what
 * the gateways of a machine do over hours, within seconds. A witness counts what the exchange
 * limits (simulator/ledger.h). For Criterion tests; each includes a copy. */
#ifndef BC_TESTS_FLEET_H
#define BC_TESTS_FLEET_H

#include "publisher/address_budget.h"
#include "publisher/session.h"
#include "publisher/simulator/face.h"
#include "tests/simulation/dice.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MS         BC_NS_PER_MS
#define S          BC_NS_PER_S
#define SHARDS     4
#define LINKS      16 /* a shard */
#define FLEET_T0   (1000 * S)
#define WALL_T0    (1795235444 * S)
#define LATE_NS    (60 * MS) /* of frames, one way, at most */
#define FACE_EVERY (50 * MS)

enum parcel_kind { UPGRADE, TEXT, BEAT, HANG_UP, REQUEST, OPENED, FRAME, CLOSED, ANSWER };

struct parcel { /* on its way */
	struct parcel *next;
	int64_t at_ns;
	enum parcel_kind kind;
	uint32_t shard, link, life, request;
	int http_status;
	uint16_t close_code;
	bool binary;
	int64_t retry_after_ns, used_weight;
	size_t n;
	char bytes[];
};

struct fleet;

struct link {
	struct fleet *fleet;
	uint32_t shard, id, life;
	bool connecting, open; /* as the session sees it */
	void *session;         /* the face's */
	uint64_t number;       /* of it */
	int64_t up_ns, down_ns, closes_at_ns;
	uint16_t close_code;
	struct sim_sink sink;
};

struct shard {
	struct fleet *fleet;
	uint32_t id;
	struct session *session;
	struct link links[LINKS];
	size_t n_sent, n_gets, n_connects;
};

struct fleet {
	const struct sim_face *face;
	const struct bc_exchange *x;
	void *state;
	struct market *market;
	size_t n_symbols;
	struct ledger *ledger;
	uint32_t crossed;
	int64_t now_ns;
	struct dice dice;
	struct parcel *parcels; /* the next first */
	struct shard shards[SHARDS];
	uint64_t n_sessions;
	struct own_office office, offices[SHARDS]; /* they share the first one's budget */
};

/* ------------------------------------------------------------------ time and parcels */

static inline struct session_now fleet_now(const struct fleet *f)
{
	return (struct session_now){ { f->now_ns }, { f->now_ns }, { WALL_T0 + f->now_ns } };
}

static inline struct sim_world fleet_world(struct fleet *f)
{
	return (struct sim_world){ .market = f->market,
				   .now = { WALL_T0 + f->now_ns },
				   .mono = { f->now_ns },
				   .crossed = &f->crossed,
				   .ledger = f->ledger };
}

static inline void about(struct fleet *f, uint64_t session)
{
	ledger_about(f->ledger, "one", session, (struct ledger_when){ f->now_ns, f->now_ns });
}

static inline struct parcel *parcel_new(enum parcel_kind kind, const struct link *link,
					bc_str bytes)
{
	struct parcel *p = calloc(1, sizeof *p + bytes.n + 1);
	cr_assert_not_null(p);
	p->kind = kind;
	p->shard = link->shard;
	p->link = link->id;
	p->life = link->life;
	p->n = bytes.n;
	if (bytes.n > 0)
		memcpy(p->bytes, bytes.p, bytes.n);
	return p;
}

static inline void parcel_send(struct fleet *f, struct parcel *p, int64_t at_ns)
{
	struct parcel **at = &f->parcels;
	p->at_ns = at_ns;
	while (*at != NULL && (*at)->at_ns <= at_ns)
		at = &(*at)->next;
	p->next = *at;
	*at = p;
}

/* What one sends on a connection arrives in order, each after a while of its own. */
static inline int64_t arrival(struct fleet *f, int64_t *last_ns)
{
	int64_t at = f->now_ns + dice_between(&f->dice, MS, LATE_NS);
	*last_ns = at > *last_ns ? at : *last_ns;
	return *last_ns;
}

static inline void up(struct link *l, struct parcel *p)
{
	parcel_send(l->fleet, p, arrival(l->fleet, &l->up_ns));
}

static inline void down(struct link *l, struct parcel *p)
{
	parcel_send(l->fleet, p, arrival(l->fleet, &l->down_ns));
}

/* ------------------------------------------------------------------ the exchange's sink */

static inline void sink_frame(void *self, bc_str payload, bool binary)
{
	struct link *l = self;
	struct parcel *p = parcel_new(FRAME, l, payload);
	p->binary = binary;
	down(l, p);
}

static inline void sink_data(void *self, bc_str symbol, bc_str payload)
{
	struct link *l = self;
	(void)symbol;
	sink_frame(l, payload, l->fleet->face->data_opcode == WS_BINARY);
}

static inline void sink_reply(void *self, bc_str payload)
{
	struct link *l = self;
	sink_frame(l, payload, l->fleet->face->reply_opcode == WS_BINARY);
}

static inline void sink_close(void *self, uint16_t code, int64_t after_ns)
{
	struct link *l = self;
	l->close_code = code;
	l->closes_at_ns = l->fleet->now_ns + after_ns;
}

static inline void sink_ping(void *self, bc_str payload)
{
	struct link *l = self;
	up(l, parcel_new(BEAT, l, payload)); /* the transport answers by itself */
}

/* ------------------------------------------------------------------ the sessions' actions */

static inline void end_session(struct fleet *f, struct link *l)
{
	if (l->session == NULL)
		return;
	f->face->session_free(l->session);
	ledger_gone(f->ledger, l->number);
	l->session = NULL;
}

static inline void fleet_connect(void *self, uint32_t id)
{
	struct shard *s = self;
	cr_assert_lt(id, LINKS);
	struct link *l = &s->links[id];
	end_session(s->fleet, l); /* its hanging up is still on the way */
	*l = (struct link){
		.fleet = s->fleet, .shard = s->id, .id = id, .life = l->life + 1, .connecting = true
	};
	l->sink = (struct sim_sink){ l, sink_data, sink_reply, sink_close, sink_ping };
	s->n_connects++;
	up(l, parcel_new(UPGRADE, l, bc_str_of(session_line(s->session, id)->path)));
}

static inline void fleet_disconnect(void *self, uint32_t id)
{
	struct shard *s = self;
	struct link *l = &s->links[id];
	up(l, parcel_new(HANG_UP, l, BC_STR("")));
	struct parcel *p = parcel_new(CLOSED, l, BC_STR(""));
	parcel_send(s->fleet, p, s->fleet->now_ns);
}

static inline bc_status fleet_send(void *self, uint32_t id, bc_str text)
{
	struct shard *s = self;
	s->n_sent++;
	up(&s->links[id], parcel_new(TEXT, &s->links[id], text));
	return BC_OK;
}

static inline void fleet_ping(void *self, uint32_t id)
{
	(void)self;
	(void)id;
}

static inline void fleet_get(void *self, uint32_t request, bc_str path)
{
	struct shard *s = self;
	struct link nobody = { .shard = s->id };
	struct parcel *p = parcel_new(REQUEST, &nobody, path);
	p->request = request;
	s->n_gets++;
	parcel_send(s->fleet, p, s->fleet->now_ns + dice_between(&s->fleet->dice, MS, 3 * LATE_NS));
}

static inline bc_status fleet_added(void *self, uint32_t symbol, bc_str name)
{
	(void)self;
	(void)symbol;
	(void)name;
	return BC_OK;
}

static inline void fleet_removed(void *self, uint32_t symbol)
{
	(void)self;
	(void)symbol;
}

static inline void fleet_state(void *self, uint32_t symbol, const struct session_change *change)
{
	(void)self;
	(void)symbol;
	(void)change;
}

static inline void fleet_feed(void *self, const struct session_change *change)
{
	(void)self;
	(void)change;
}

static inline void fleet_event(void *self, uint32_t symbol, const struct bc_event *event,
			       bc_wall_time received)
{
	(void)self;
	(void)symbol;
	(void)event;
	(void)received;
}

static inline void fleet_log(void *self, enum bc_log_level level, const char *event,
			     const struct bc_log_field *fields)
{
	(void)self;
	(void)level;
	(void)event;
	(void)fields;
}

/* ------------------------------------------------------------------ at the exchange */

static inline int64_t number_in(const struct sim_reply *reply, const char *name)
{
	size_t n = strlen(name);
	for (size_t i = 0; i + n + 1 < reply->headers.n; i++) {
		if (strncmp(reply->headers.data + i, name, n) == 0 &&
		    reply->headers.data[i + n] == ':')
			return strtoll(reply->headers.data + i + n + 1, NULL, 10);
	}
	return -1;
}

static inline void parse_get(struct sim_buffer *text, const char *path, struct http_request *out)
{
	size_t used;
	int status;
	sim_buffer_printf(text, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", path);
	cr_assert_eq(http_parse(text->data, text->n, out, &used, &status), BC_OK, "%s", path);
}

static inline void at_door(struct fleet *f, struct link *l, const struct parcel *p)
{
	struct sim_buffer text = { NULL, 0, 0, false };
	struct sim_reply reply = { .status = 200 };
	struct sim_world world = fleet_world(f);
	struct http_request r;
	parse_get(&text, p->bytes, &r);
	about(f, 0);
	ledger_count(f->ledger, LEDGER_CONNECTS, NULL, 1);
	f->face->upgrade(f->state, &world, &r, &reply);
	struct parcel *answer = parcel_new(reply.status == 101 ? OPENED : CLOSED, l, BC_STR(""));
	if (reply.status == 101) {
		l->session = f->face->session_new(f->state);
		l->number = ++f->n_sessions;
		down(l, answer);
		if (f->face->opened != NULL)
			f->face->opened(l->session, &world, &r, &l->sink);
	} else {
		int64_t after = number_in(&reply, "Retry-After");
		answer->http_status = reply.status;
		answer->retry_after_ns = after > 0 ? after * S : 0;
		down(l, answer);
	}
	sim_buffer_free(&text);
	sim_buffer_free(&reply.headers);
	sim_buffer_free(&reply.body);
}

static inline void at_api(struct fleet *f, const struct parcel *p)
{
	struct sim_buffer text = { NULL, 0, 0, false };
	struct sim_reply reply = { .status = 200 };
	struct sim_world world = fleet_world(f);
	struct link nobody = { .shard = p->shard };
	struct http_request r;
	parse_get(&text, p->bytes, &r);
	about(f, 0);
	f->face->request(f->state, &world, &r, &reply);
	struct parcel *answer =
		parcel_new(ANSWER, &nobody, (bc_str){ reply.body.data, reply.body.n });
	int64_t after = number_in(&reply, "Retry-After");
	answer->request = p->request;
	answer->http_status = reply.status;
	answer->retry_after_ns = after > 0 ? after * S : 0;
	answer->used_weight = number_in(&reply, "X-MBX-USED-WEIGHT-1M");
	parcel_send(f, answer, f->now_ns + dice_between(&f->dice, MS, 3 * LATE_NS));
	sim_buffer_free(&text);
	sim_buffer_free(&reply.headers);
	sim_buffer_free(&reply.body);
}

static inline void at_exchange(struct fleet *f, struct link *l, const struct parcel *p)
{
	struct sim_world world = fleet_world(f);
	about(f, l->number);
	if (p->kind == UPGRADE)
		at_door(f, l, p);
	else if (p->kind == HANG_UP)
		end_session(f, l);
	else if (l->session == NULL)
		return;
	else if (p->kind == BEAT) {
		ledger_count(f->ledger, LEDGER_CONTROLS, NULL, 1);
		if (f->face->control != NULL)
			f->face->control(l->session, &world, WS_PONG, (bc_str){ p->bytes, p->n },
					 &l->sink);
	} else {
		ledger_count(f->ledger, LEDGER_MESSAGES, NULL, 1);
		f->face->message(l->session, &world, (bc_str){ p->bytes, p->n }, &l->sink);
		if (f->face->streams != NULL)
			ledger_count(f->ledger, LEDGER_STREAMS, NULL, f->face->streams(l->session));
	}
}

static inline void face_turn(struct fleet *f)
{
	struct sim_world world = fleet_world(f);
	market_advance(f->market, world.now);
	for (size_t i = 0; i < SHARDS * LINKS; i++) {
		struct link *l = &f->shards[i / LINKS].links[i % LINKS];
		if (l->session == NULL)
			continue;
		if (l->closes_at_ns != 0 && f->now_ns >= l->closes_at_ns) {
			struct parcel *p = parcel_new(CLOSED, l, BC_STR(""));
			p->close_code = l->close_code;
			end_session(f, l);
			down(l, p);
			continue;
		}
		f->face->tick(l->session, &world, false, &l->sink);
	}
}

/* ------------------------------------------------------------------ at the sessions */

static inline void at_home(struct fleet *f, struct shard *s, struct link *l, const struct parcel *p)
{
	struct session_now now = fleet_now(f);
	if (p->kind == OPENED) {
		l->connecting = false;
		l->open = true;
		session_opened(s->session, now, l->id);
	} else if (p->kind == CLOSED) {
		struct session_closed how = { .why = "lost",
					      .detail = "",
					      .close_code = p->close_code,
					      .http_status = p->http_status,
					      .retry_after_ns = p->retry_after_ns };
		l->open = l->connecting = false;
		session_closed(s->session, now, l->id, &how);
	} else if (l->open) {
		session_message(s->session, now, l->id, (bc_str){ p->bytes, p->n }, p->binary,
				now.wall);
	}
}

static inline void answered(struct fleet *f, struct shard *s, const struct parcel *p)
{
	struct session_rest rest = { .body = { p->bytes, p->n },
				     .used_weight = p->used_weight,
				     .http_status = p->http_status,
				     .retry_after_ns = p->retry_after_ns,
				     .detail = "" };
	if (p->http_status == 200)
		session_rest_answer(s->session, fleet_now(f), p->request, &rest);
	else
		session_rest_failed(s->session, fleet_now(f), p->request, &rest);
}

static inline void deliver(struct fleet *f, struct parcel *p)
{
	struct shard *s = &f->shards[p->shard];
	struct link *l = &s->links[p->link];
	if (p->kind == REQUEST)
		at_api(f, p);
	else if (p->kind == ANSWER)
		answered(f, s, p);
	else if (p->life != l->life)
		return;
	else if (p->kind < OPENED)
		at_exchange(f, l, p);
	else if (l->open || l->connecting)
		at_home(f, s, l, p);
}

/* ------------------------------------------------------------------ life */

static inline int64_t next_deadline(const struct fleet *f, int64_t at_ns)
{
	for (size_t i = 0; i < SHARDS; i++) {
		int64_t next = session_next_deadline(f->shards[i].session).ns;
		at_ns = next < at_ns ? next : at_ns;
	}
	return at_ns;
}

/* Lets everything happen until then, each thing at its time. */
static inline void fleet_pass(struct fleet *f, int64_t ns)
{
	int64_t end = f->now_ns + ns;
	while (f->now_ns < end) {
		int64_t face_at = (f->now_ns / FACE_EVERY + 1) * FACE_EVERY;
		int64_t next = face_at < end ? face_at : end;
		if (f->parcels != NULL && f->parcels->at_ns < next)
			next = f->parcels->at_ns;
		next = next_deadline(f, next);
		f->now_ns = next > f->now_ns ? next : f->now_ns + 1;
		while (f->parcels != NULL && f->parcels->at_ns <= f->now_ns) {
			struct parcel *p = f->parcels;
			f->parcels = p->next;
			deliver(f, p);
			free(p);
		}
		if (f->now_ns >= face_at)
			face_turn(f);
		for (size_t i = 0; i < SHARDS; i++) {
			struct session *s = f->shards[i].session;
			if (session_next_deadline(s).ns <= f->now_ns)
				session_tick(s, fleet_now(f));
		}
	}
}

static inline void shard_open(struct fleet *f, uint32_t id, bool shares)
{
	struct shard *s = &f->shards[id];
	struct session_options o = { .exchange = f->x,
				     .feed = { .group_by = { 0, 0 } },
				     .channels = BC_CHANNEL_BIT(BC_CHANNEL_BOOK) |
						 BC_CHANNEL_BIT(BC_CHANNEL_BBO) |
						 BC_CHANNEL_BIT(BC_CHANNEL_TRADE),
				     .levels = 10,
				     .max_levels = 1000,
				     .snapshot_levels = 1000,
				     .history_trades = 10,
				     .silent_after_ns = 5 * S,
				     .quiet_after_ns = 5 * S,
				     .first_data_after_ns = 10 * S,
				     .backoff_max_ns = 30 * S,
				     .office = shares ? &f->offices[id].office : NULL,
				     .seed = id + 1 };
	const struct session_actions actions = { .self = s,
						 .connect = fleet_connect,
						 .disconnect = fleet_disconnect,
						 .send = fleet_send,
						 .ping = fleet_ping,
						 .get = fleet_get,
						 .symbol_added = fleet_added,
						 .symbol_removed = fleet_removed,
						 .symbol_state = fleet_state,
						 .feed_state = fleet_feed,
						 .event = fleet_event,
						 .log = fleet_log };
	char why[256] = "";
	s->fleet = f;
	s->id = id;
	own_office_init(&f->offices[id], f->x);
	f->offices[id].id = id + 1;
	f->offices[id].shared = &f->office.budget;
	cr_assert_eq(session_new(&s->session, &o, &actions, why, sizeof why), BC_OK, "%s", why);
}

/* Each shard follows nobody yet. */
static inline struct fleet *fleet_new(const struct sim_face *face, size_t n_symbols, bool shares,
				      uint64_t seed)
{
	struct fleet *f = calloc(1, sizeof *f);
	struct market_spec *specs = calloc(n_symbols, sizeof *specs);
	cr_assert(f != NULL && specs != NULL && face->specs(specs, n_symbols));
	for (size_t i = 0; i < n_symbols; i++)
		specs[i].levels = 40;
	f->face = face;
	f->x = bc_exchange_find(face->name);
	f->n_symbols = n_symbols;
	f->now_ns = FLEET_T0;
	f->dice = (struct dice){ .state = seed };
	f->state = face->state_new();
	f->market = market_new(&(struct market_options){ .seed = seed,
							 .rate = 0.5 * (double)n_symbols,
							 .start = { WALL_T0 + FLEET_T0 },
							 .specs = specs,
							 .n_specs = n_symbols,
							 .intervals_s = face->intervals_s,
							 .n_intervals = face->n_intervals,
							 .journal = face->journal });
	free(specs);
	cr_assert(f->state != NULL && f->market != NULL);
	cr_assert_eq(ledger_new(&f->ledger, face->rules, face->n_rules), BC_OK);
	cr_assert_eq(own_office_init(&f->office, f->x), BC_OK);
	for (uint32_t i = 0; i < SHARDS; i++)
		shard_open(f, i, shares);
	return f;
}

static inline void fleet_free(struct fleet *f)
{
	for (size_t i = 0; i < SHARDS; i++)
		session_free(&f->shards[i].session);
	for (size_t i = 0; i < SHARDS * LINKS; i++) {
		struct link *l = &f->shards[i / LINKS].links[i % LINKS];
		if (l->session != NULL)
			f->face->session_free(l->session);
	}
	while (f->parcels != NULL) {
		struct parcel *p = f->parcels;
		f->parcels = p->next;
		free(p);
	}
	ledger_free(&f->ledger);
	f->face->state_free(f->state);
	market_free(&f->market);
	free(f);
}

#endif
