#include "bench/path.h"

#include "bench/frames.h"
#include "bench/random.h"
#include "common/bus_filters.h"
#include "publisher/outlet.h"
#include "publisher/session.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define N_TEXTS   64
#define TEXT_MAX  4096
#define N_ORDER   (1u << 16)
#define STEP_NS   (10 * BC_NS_PER_US)
#define FOR_EVER  (1000 * INT64_C(3600) * BC_NS_PER_S)
#define MAX_CONNS 4096
#define NOWHERE   UINT32_MAX
#define PREFIX    "KRW-S"
#define DIGITS    5

struct text { /* a message; name and time are written into it */
	char bytes[TEXT_MAX];
	size_t n, name, time;
};

struct order { /* a message to come */
	uint32_t symbol, connection;
};

struct path {
	struct bench *b;
	struct path_options o;
	struct session *session;
	struct outlet *outlet;
	struct bc_filters *filters;
	struct session_now now;
	struct text *texts;
	struct order *order;  /* [N_ORDER], those of a read of one connection */
	uint32_t *connection; /* of each symbol's books */
	bool opening[MAX_CONNS];
	size_t at;
	char received[PATH_PER_READ * TEXT_MAX]; /* a read from a socket */
	bc_str messages[PATH_PER_READ];          /* in it */
	size_t n_received;
	uint64_t given, sent;
	char frame[8192]; /* what the sender was given last */
};

/* ------------------------------------------------------------------ a sender that counts */

static bc_status topic_open(void *self, bc_str topic, uint32_t *out)
{
	return bc_filters_topic_open(((struct path *)self)->filters, topic, out);
}

static void topic_close(void *self, uint32_t topic)
{
	bc_filters_topic_close(((struct path *)self)->filters, topic);
}

static bool topic_wanted(void *self, uint32_t topic)
{
	return bc_filters_wanted(((struct path *)self)->filters, topic);
}

static void topic_soon(void *self, uint32_t topic)
{
	bc_filters_soon(((struct path *)self)->filters, topic);
}

static bc_status topic_send(void *self, uint32_t topic, bc_str payload)
{
	struct path *p = self;
	bc_str head = bc_filters_topic(p->filters, topic);
	if (head.n + payload.n > sizeof p->frame)
		return BC_ERANGE;
	memcpy(p->frame, head.p, head.n);
	memcpy(p->frame + head.n, payload.p, payload.n);
	bench_keep(p->frame);
	p->sent++;
	return BC_OK;
}

static bc_wall_time wall_now(void *self)
{
	return ((struct path *)self)->now.wall;
}

/* ------------------------------------------------------------------ what the session wants */

static void act_connect(void *self, uint32_t connection)
{
	struct path *p = self;
	if (connection < MAX_CONNS)
		p->opening[connection] = true;
	else
		bench_fail(p->b, "the session wants more than %d connections", MAX_CONNS);
}

static void act_ignore(void *self, uint32_t connection)
{
	(void)self, (void)connection;
}

/* Notes whose books this connection carries. */
static bc_status act_send(void *self, uint32_t connection, bc_str text)
{
	struct path *p = self;
	const char *end = text.p + text.n;
	for (const char *at = text.p;
	     (at = memmem(at, (size_t)(end - at), PREFIX, strlen(PREFIX))) != NULL;) {
		unsigned symbol = 0;
		at += strlen(PREFIX);
		for (int i = 0; i < DIGITS && at < end; i++)
			symbol = symbol * 10 + (unsigned)(*at++ - '0');
		if (symbol < p->o.n_symbols)
			p->connection[symbol] = connection;
	}
	return BC_OK;
}

static void act_get(void *self, uint32_t request, bc_str path)
{
	(void)self, (void)request, (void)path;
}

static bc_status act_added(void *self, uint32_t symbol, bc_str name)
{
	struct path *p = self;
	return outlet_symbol_add(p->outlet, p->now.mono, symbol, name);
}

static void act_removed(void *self, uint32_t symbol)
{
	outlet_symbol_remove(((struct path *)self)->outlet, symbol);
}

static void act_symbol_state(void *self, uint32_t symbol, const struct session_change *change)
{
	struct path *p = self;
	outlet_symbol_state(p->outlet, p->now.mono, symbol, change);
}

static void act_feed_state(void *self, const struct session_change *change)
{
	struct path *p = self;
	outlet_feed_state(p->outlet, p->now.mono, change);
}

static void act_event(void *self, uint32_t symbol, const struct bc_event *event,
		      bc_wall_time received)
{
	struct path *p = self;
	outlet_event(p->outlet, p->now.mono, symbol, event, received);
}

static void act_soon(void *self, uint32_t symbol)
{
	outlet_soon(((struct path *)self)->outlet, symbol);
}

static void act_log(void *self, enum bc_log_level level, const char *event,
		    const struct bc_log_field *fields)
{
	(void)self, (void)level, (void)event, (void)fields;
}

/* ------------------------------------------------------------------ time */

static void pass(struct path *p, int64_t ns)
{
	p->now.mono.ns += ns;
	p->now.boot.ns += ns;
	p->now.wall.ns += ns;
}

static void take_turn(struct path *p)
{
	if (p->now.mono.ns >= session_next_deadline(p->session).ns)
		session_tick(p->session, p->now);
	outlet_turn(p->outlet, p->now.mono);
}

/* ------------------------------------------------------------------ opening */

static bool make_texts(struct path *p)
{
	const struct frame_shape shape = { UPBIT_BOOK, 15, true };
	struct frames f = { 0 };
	bool good = frames_make(&f, &shape, N_TEXTS);
	for (size_t i = 0; i < N_TEXTS && good; i++) {
		bc_str frame = frames_at(&f, i);
		struct text *t = &p->texts[i];
		const char *code = memmem(frame.p, frame.n, "KRW-", 4);
		const char *rest = memchr(code, '"', 32);
		int n = snprintf(t->bytes, sizeof t->bytes, "%.*s" PREFIX "00000%.*s",
				 (int)(code - frame.p), frame.p, (int)(frame.p + frame.n - rest),
				 rest);
		t->n = (size_t)n;
		t->name = (size_t)(code - frame.p) + strlen(PREFIX);
		t->time = (size_t)(strstr(t->bytes, "\"tms\":") - t->bytes) + strlen("\"tms\":");
		good = t->n < sizeof t->bytes;
	}
	frames_free(&f);
	return good;
}

static bool open_outlet(struct path *p, uint32_t channels)
{
	const struct outlet_options options = { .exchange = "upbit",
						.instance = "0",
						.epoch = 1790134742000000,
						.channels = channels,
						.levels = 30 };
	const struct outlet_sender sender = { .self = p,
					      .open = topic_open,
					      .close = topic_close,
					      .wanted = topic_wanted,
					      .send = topic_send,
					      .now = wall_now,
					      .soon = topic_soon };
	char filter[64];
	if (bc_filters_new(&p->filters, 1u << 16) != BC_OK ||
	    outlet_new(&p->outlet, &options, &sender) != BC_OK)
		return false;
	for (uint32_t i = 0; i < p->o.n_filters; i++) {
		int n = snprintf(filter, sizeof filter, "upbit.KRW-X%05u.book", i);
		if (bc_filters_subscribe(p->filters, (bc_str){ filter, (size_t)n + 1 }, NULL,
					 NULL) != BC_OK)
			return false;
	}
	return !p->o.heard || bc_filters_subscribe(p->filters, BC_STR(""), NULL, NULL) == BC_OK;
}

static bool open_session(struct path *p, uint32_t channels)
{
	const struct session_options options = { .exchange = bc_exchange_find("upbit"),
						 .feed = { .group_by = BC_DECIMAL_NONE },
						 .channels = channels,
						 .levels = 30,
						 .max_levels = 1000,
						 .snapshot_levels = 500,
						 .silent_after_ns = FOR_EVER,
						 .quiet_after_ns = FOR_EVER,
						 .first_data_after_ns = FOR_EVER,
						 .backoff_max_ns = BC_NS_PER_S };
	const struct session_actions actions = { .self = p,
						 .connect = act_connect,
						 .disconnect = act_ignore,
						 .send = act_send,
						 .ping = act_ignore,
						 .get = act_get,
						 .symbol_added = act_added,
						 .symbol_removed = act_removed,
						 .symbol_state = act_symbol_state,
						 .feed_state = act_feed_state,
						 .event = act_event,
						 .log = act_log,
						 .soon = act_soon };
	char why[256] = "", name[32];
	if (session_new(&p->session, &options, &actions, why, sizeof why) != BC_OK) {
		bench_fail(p->b, "no session: %s", why);
		return false;
	}
	for (uint32_t i = 0; i < p->o.n_symbols; i++) {
		snprintf(name, sizeof name, PREFIX "%05u", i);
		if (session_add(p->session, p->now, name, why, sizeof why) != BC_OK) {
			bench_fail(p->b, "%s: %s", name, why);
			return false;
		}
	}
	session_start(p->session, p->now);
	return true;
}

static bool all_subscribed(const struct path *p)
{
	for (uint32_t i = 0; i < p->o.n_symbols; i++)
		if (p->connection[i] == NOWHERE)
			return false;
	return true;
}

/* Opens what the session wants and lets time pass until it has asked for every symbol. */
static bool subscribe_all(struct path *p)
{
	for (int turn = 0; turn < 100000 && !all_subscribed(p); turn++) {
		for (uint32_t i = 0; i < MAX_CONNS; i++)
			if (p->opening[i]) {
				p->opening[i] = false;
				session_opened(p->session, p->now, i);
			}
		int64_t wait = session_next_deadline(p->session).ns - p->now.mono.ns;
		pass(p, wait < BC_NS_PER_MS  ? BC_NS_PER_MS
			: wait < BC_NS_PER_S ? wait
					     : BC_NS_PER_S);
		session_tick(p->session, p->now);
		outlet_turn(p->outlet, p->now.mono);
	}
	if (all_subscribed(p))
		return true;
	bench_fail(p->b, "the session does not subscribe to all of %u symbols", p->o.n_symbols);
	return false;
}

/* ------------------------------------------------------------------ messages */

static void write_digits(char *out, uint64_t value, int n)
{
	while (n-- > 0) {
		out[n] = (char)('0' + value % 10);
		value /= 10;
	}
}

/* The next messages, one behind the other in the one buffer that is always read into. */
static void receive(struct path *p, const struct order *order, size_t n)
{
	char *to = p->received;
	for (size_t i = 0; i < n; i++) {
		const struct text *t = &p->texts[(p->at + i) % N_TEXTS];
		const int64_t time = p->now.wall.ns + (int64_t)(i + 1) * STEP_NS;
		memcpy(to, t->bytes, t->n);
		write_digits(to + t->name, order[i].symbol, DIGITS);
		write_digits(to + t->time, (uint64_t)(time / BC_NS_PER_MS), 13);
		p->messages[i] = (bc_str){ to, t->n };
		to += t->n;
	}
	p->n_received = n;
}

static void give(struct path *p, size_t i, uint32_t connection)
{
	pass(p, STEP_NS);
	if (i + 1 < p->n_received)
		session_soon(p->session, p->messages[i + 1]);
	session_message(p->session, p->now, connection, p->messages[i], true, p->now.wall);
	p->given++;
}

void path_run(void *path, size_t times)
{
	struct path *p = path;
	for (size_t i = 0; i < times; i++, p->at++) {
		const size_t in_read = p->at % p->o.per_read;
		const struct order *next = &p->order[p->at % N_ORDER];
		if (in_read == 0) {
			take_turn(p);
			receive(p, next, p->o.per_read);
		}
		give(p, in_read, next->connection);
	}
}

/* Symbols by connection. */
static int by_connection(const void *a, const void *b)
{
	const struct order *x = a, *y = b;
	return x->connection != y->connection ? (x->connection > y->connection) * 2 - 1
					      : (x->symbol > y->symbol) * 2 - 1;
}

/* What each read brings: messages of one connection, of any of its symbols. */
static bool make_order(struct path *p)
{
	const uint32_t n = p->o.n_symbols;
	struct order *all = malloc(n * sizeof *all);
	uint64_t seed = BENCH_SEED;
	if (all == NULL)
		return false;
	for (uint32_t i = 0; i < n; i++)
		all[i] = (struct order){ i, p->connection[i] };
	qsort(all, n, sizeof *all, by_connection);
	for (size_t i = 0; i < N_ORDER; i += p->o.per_read) {
		uint32_t any = (uint32_t)(bench_random(&seed) >> 8) % n, first = any, end = any;
		while (first > 0 && all[first - 1].connection == all[any].connection)
			first--;
		while (end < n && all[end].connection == all[any].connection)
			end++;
		for (size_t k = 0; k < p->o.per_read; k++)
			p->order[i + k] =
				all[first + (uint32_t)(bench_random(&seed) >> 8) % (end - first)];
	}
	free(all);
	return true;
}

struct path *path_open(struct bench *b, const struct path_options *options)
{
	const uint32_t channels = BC_CHANNEL_BIT(BC_CHANNEL_BOOK) | BC_CHANNEL_BIT(BC_CHANNEL_BBO);
	struct path *p = calloc(1, sizeof *p);

	if (p == NULL) {
		bench_fail(b, "out of memory");
		return NULL;
	}
	p->b = b;
	p->o = *options;
	p->now = (struct session_now){ { BC_NS_PER_S },
				       { BC_NS_PER_S },
				       { 1790134742 * BC_NS_PER_S } };
	p->texts = calloc(N_TEXTS, sizeof *p->texts);
	p->order = calloc(N_ORDER, sizeof *p->order);
	p->connection = malloc(options->n_symbols * sizeof *p->connection);
	if (p->texts == NULL || p->order == NULL || p->connection == NULL || !make_texts(p)) {
		bench_fail(b, "out of memory");
		path_close(p);
		return NULL;
	}
	memset(p->connection, 0xff, options->n_symbols * sizeof *p->connection);
	if (!open_outlet(p, channels) || !open_session(p, channels) || !subscribe_all(p) ||
	    !make_order(p)) {
		path_close(p);
		return NULL;
	}
	for (uint32_t i = 0; i < options->n_symbols; i++) {
		receive(p, &(struct order){ i, p->connection[i] }, 1);
		give(p, 0, p->connection[i]);
		take_turn(p);
	}
	return p;
}

bool path_check(struct path *p)
{
	const struct session_counters *c = session_counters(p->session);
	uint32_t live = session_symbols_in(p->session, BC_STATE_LIVE);
	if (c->events[BC_CHANNEL_BOOK] == p->given && live == p->o.n_symbols &&
	    (p->o.heard ? p->sent >= p->given : p->sent == 0))
		return true;
	bench_fail(p->b, "%llu messages in, %llu books, %llu sent, %u of %u symbols live",
		   (unsigned long long)p->given, (unsigned long long)c->events[BC_CHANNEL_BOOK],
		   (unsigned long long)p->sent, live, p->o.n_symbols);
	return false;
}

void path_close(struct path *p)
{
	if (p == NULL)
		return;
	session_free(&p->session);
	outlet_free(&p->outlet);
	bc_filters_free(&p->filters);
	free(p->texts);
	free(p->order);
	free(p->connection);
	free(p);
}
