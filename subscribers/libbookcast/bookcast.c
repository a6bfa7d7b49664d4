/* The public functions: arguments checked, errors put into words, messages in the public form. */
#include "subscribers/libbookcast/include/bookcast.h"

#include "common/board_frames.h"
#include "common/clock.h"
#include "common/run_dir.h"
#include "common/version.h"
#include "proto/codec.h"
#include "subscribers/libbookcast/client.h"
#include "subscribers/libbookcast/latest.h"
#include "subscribers/libbookcast/present.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_LEVELS = 4096 };

#define ASK_WITHIN BC_NS_PER_S

/* NOLINTNEXTLINE(misc-redundant-expression): that is what it asserts */
static_assert(BOOKCAST_UNKNOWN == BC_TIME_UNKNOWN && BOOKCAST_NEVER == BC_AGE_NEVER, "one meaning");
static_assert(BOOKCAST_STATE == (int)BC_CHANNEL_STATE && BOOKCAST_DOWN == (int)BC_STATE_DOWN &&
		      BOOKCAST_REASON_GATEWAY == (int)BC_REASON_GATEWAY &&
		      BOOKCAST_FLAG_LOCKED == (int)BC_FLAG_LOCKED &&
		      BOOKCAST_SELL == (int)BC_SIDE_SELL &&
		      BOOKCAST_FROM_HERE == (int)BC_FROM_HERE &&
		      BOOKCAST_FROM_MEMORY == (int)BC_FROM_MEMORY,
	      "the numbers of the wire");

struct bookcast {
	struct bc_client *client;
	struct latest *latest; /* NULL: the cache, and so the gateways, may be elsewhere */
	uint64_t n_from_memory;
	bc_mono_time silent_until; /* the cache has just not answered */
	struct presentation presentation;
	char error[256];
	struct bc_message message; /* of an answer of the cache */
	bc_level levels[MAX_LEVELS];
	struct presentation *events; /* of the last history that was asked for */
	const bookcast_message **history;
	size_t cap_events;
};

__attribute__((format(printf, 3, 4))) static int fail(bookcast *bus, int result, const char *format,
						      ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(bus->error, sizeof bus->error, format, args);
	va_end(args);
	return result;
}

static int fail_as(bookcast *bus, bc_status rc)
{
	int result = rc == BC_ENOMEM                        ? BOOKCAST_ENOMEM
		     : rc == BC_ETIMEOUT || rc == BC_EPARSE ? BOOKCAST_ENOANSWER
							    : BOOKCAST_EIO;
	return fail(bus, result, "%s",
		    result == BOOKCAST_ENOANSWER ? "the cache does not answer"
						 : bc_status_text(rc));
}

/* ---- connect ---- */

static bc_status default_cache(char *out, size_t cap)
{
	char dir[BC_PATH_MAX], why[256];
	const char *given = getenv("BOOKCAST_CACHE");
	int n;
	if (given != NULL && given[0] != '\0') {
		n = snprintf(out, cap, "%s", given);
	} else {
		/* It need not be there yet. */
		if (bc_run_dir(NULL, true, dir, why, sizeof why) != BC_OK)
			return BC_EINVAL;
		n = snprintf(out, cap, "ipc://%s/cache.rpc", dir);
	}
	return n > 0 && (size_t)n < cap ? BC_OK : BC_EINVAL;
}

/* "ipc:///run/bookcast/cache.rpc": the gateways of that run directory are on this machine. */
static bc_status open_latest(bookcast *bus, const char *cache)
{
	static const char scheme[] = "ipc://";
	const char *off = getenv("BOOKCAST_LATEST");
	const char *path = cache + sizeof scheme - 1, *end;
	char dir[BC_PATH_MAX];
	if (strncmp(cache, scheme, sizeof scheme - 1) != 0 || (end = strrchr(path, '/')) == NULL ||
	    end == path || (size_t)(end - path) >= sizeof dir ||
	    (off != NULL && strcmp(off, "off") == 0))
		return BC_OK;
	memcpy(dir, path, (size_t)(end - path));
	dir[end - path] = '\0';
	return latest_new(&bus->latest, dir);
}

bookcast *bookcast_connect(const char *cache)
{
	char endpoint[256];
	bookcast *bus = calloc(1, sizeof *bus);
	bc_status rc = bus == NULL ? BC_ENOMEM : BC_OK;
	if (rc == BC_OK && cache == NULL) {
		rc = default_cache(endpoint, sizeof endpoint);
		cache = endpoint;
	}
	if (rc == BC_OK)
		rc = bc_client_new(&bus->client, cache);
	if (rc == BC_OK)
		rc = open_latest(bus, cache);
	if (rc == BC_OK)
		return bus;
	bookcast_close(&bus);
	errno = rc == BC_ENOMEM ? ENOMEM : EINVAL;
	return NULL;
}

void bookcast_close(bookcast **bus)
{
	if (bus == NULL || *bus == NULL)
		return;
	if ((*bus)->client != NULL)
		bc_client_free(&(*bus)->client);
	latest_free(&(*bus)->latest);
	present_free(&(*bus)->presentation);
	for (size_t i = 0; i < (*bus)->cap_events; i++)
		present_free(&(*bus)->events[i]);
	free((*bus)->events);
	free((*bus)->history);
	free(*bus);
	*bus = NULL;
}

/* ---- topics ---- */

static int join(bookcast *bus, bc_str exchange, bc_str symbol, const char *channel, char *out,
		bc_str *topic)
{
	int n = snprintf(out, BC_TOPIC_MAX + 1, "%.*s.%.*s.%s", (int)exchange.n, exchange.p,
			 (int)symbol.n, symbol.p, channel);
	struct bc_topic parts;
	*topic = (bc_str){ out, (size_t)n };
	int number = bc_channel_of(bc_str_of(channel));
	if (number < 0 || number == BC_CHANNEL_HEARTBEAT || number == BC_CHANNEL_DELTA)
		return fail(bus, BOOKCAST_EINVAL,
			    "'%.40s' is no channel: book bbo trade ticker candle-<interval> "
			    "instrument state",
			    channel);
	if (n <= 0 || n > BC_TOPIC_MAX || bc_topic_split(*topic, &parts) != BC_OK ||
	    !bc_str_equal(parts.exchange, exchange) || bc_symbol_check(exchange, symbol) != BC_OK)
		return fail(bus, BOOKCAST_EINVAL, "'%.40s' '%.60s' cannot be an exchange's symbol",
			    exchange.p, symbol.p);
	return BOOKCAST_OK;
}

/* Writes the topic; a unified name is resolved by the cache. */
static int topic_of(bookcast *bus, const char *exchange, const char *symbol, const char *channel,
		    char out[BC_TOPIC_MAX + 1], bc_str *topic)
{
	struct bc_rpc_reply reply;
	*topic = BC_STR("");
	if (exchange == NULL || symbol == NULL || channel == NULL)
		return fail(bus, BOOKCAST_EINVAL, "exchange, symbol and channel must be given");
	bc_str args[2] = { bc_str_of(exchange), bc_str_of(symbol) };
	if (strchr(symbol, '/') == NULL)
		return join(bus, args[0], args[1], channel, out, topic);
	bc_status rc = bc_client_ask(bus->client, BC_STR("RESOLVE"), args, 2, ASK_WITHIN, &reply);
	if (rc != BC_OK || reply.status != BC_RPC_OK || reply.n_answers != 2)
		return fail(bus, BOOKCAST_ENOANSWER,
			    "the cache does not answer what %.60s is called on %.40s", symbol,
			    exchange);
	if (!bc_str_is(reply.answers[0], "200"))
		return fail(bus, BOOKCAST_ENOTFOUND, "nobody serves %.60s on %.40s", symbol,
			    exchange);
	return join(bus, args[0], reply.answers[1], channel, out, topic);
}

int bookcast_subscribe(bookcast *bus, const char *exchange, const char *symbol, const char *channel)
{
	char text[BC_TOPIC_MAX + 1];
	bc_str topic;
	int result = topic_of(bus, exchange, symbol, channel, text, &topic);
	if (result != BOOKCAST_OK)
		return result;
	bc_status rc = bc_client_add(bus->client, topic);
	return rc == BC_OK ? BOOKCAST_OK : fail_as(bus, rc);
}

int bookcast_unsubscribe(bookcast *bus, const char *exchange, const char *symbol,
			 const char *channel)
{
	char text[BC_TOPIC_MAX + 1];
	bc_str topic;
	int result = topic_of(bus, exchange, symbol, channel, text, &topic);
	if (result != BOOKCAST_OK)
		return result;
	if (bc_client_remove(bus->client, topic) != BC_OK)
		return fail(bus, BOOKCAST_ENOTFOUND, "%s is not subscribed", text);
	return BOOKCAST_OK;
}

/* ---- messages ---- */

int bookcast_policy(bookcast *bus, int policy)
{
	if (policy != BOOKCAST_ALL && policy != BOOKCAST_LATEST)
		return fail(bus, BOOKCAST_EINVAL,
			    "%d is no policy: BOOKCAST_ALL (0), BOOKCAST_LATEST (1)", policy);
	bc_status rc = bc_client_latest(bus->client, policy == BOOKCAST_LATEST);
	return rc == BC_OK ? BOOKCAST_OK : fail_as(bus, rc);
}

int bookcast_recv(bookcast *bus, int timeout_ms, const bookcast_message **message)
{
	struct bc_client_event event;
	int64_t timeout_ns = timeout_ms < 0 ? -1 : timeout_ms * BC_NS_PER_MS;
	bc_status rc = bc_client_wait(bus->client, timeout_ns, &event);
	if (rc == BC_EAGAIN)
		return BOOKCAST_OK;
	if (rc == BC_OK)
		rc = present(&bus->presentation, &event);
	if (rc != BC_OK)
		return fail_as(bus, rc);
	*message = &bus->presentation.message;
	return BOOKCAST_MESSAGE;
}

/* Of a topic that has no message. */
static int fail_status(bookcast *bus, enum bc_board_status status, const char *topic)
{
	if (status == BC_BOARD_NOT_FOUND)
		return fail(bus, BOOKCAST_ENOTFOUND, "nobody serves %s", topic);
	return fail(bus, BOOKCAST_ENODATA, "%s has no data yet", topic);
}

/* ---- what is in the gateways' memory ---- */

/* The topic, if it can be one in memory: a symbol in the exchange's own spelling. What is found
 * there is a good topic, so nothing else needs to be checked. */
static bool plain_topic(const char *exchange, const char *symbol, const char *channel,
			char out[BC_TOPIC_MAX + 1], bc_str *topic, bc_str *of)
{
	if (exchange == NULL || symbol == NULL || channel == NULL)
		return false;
	size_t n_exchange = strlen(exchange), n_symbol = strlen(symbol),
	       n_channel = strlen(channel);
	if (n_exchange > BC_TOPIC_MAX || n_symbol > BC_TOPIC_MAX || n_channel > BC_TOPIC_MAX ||
	    n_exchange + n_symbol + n_channel + 2 > BC_TOPIC_MAX ||
	    memchr(exchange, '.', n_exchange) != NULL || memchr(channel, '.', n_channel) != NULL ||
	    memchr(symbol, '/', n_symbol) != NULL)
		return false;
	char *p = mempcpy(out, exchange, n_exchange);
	*p++ = '.';
	p = mempcpy(p, symbol, n_symbol);
	*p++ = '.';
	memcpy(p, channel, n_channel + 1);
	*topic = (bc_str){ out, n_exchange + n_symbol + n_channel + 2 };
	*of = (bc_str){ out, n_exchange };
	return true;
}

/* BC_OK: the answer is there; BC_EAGAIN: to be given if the cache is silent. */
static bc_status read_memory(bookcast *bus, const char *exchange, const char *symbol,
			     const char *channel, char text[BC_TOPIC_MAX + 1], bc_str *topic,
			     struct bc_board_answer *answer)
{
	bc_str of;
	if (bus->latest == NULL || !plain_topic(exchange, symbol, channel, text, topic, &of) ||
	    bc_client_follows(bus->client, *topic))
		return BC_ENOTFOUND;
	bc_mono_time now = bc_boot_now();
	bc_status rc = latest_get(bus->latest, of, *topic, now, answer);
	if (rc == BC_EAGAIN && now.ns < bus->silent_until.ns)
		rc = BC_OK;
	bus->n_from_memory += rc == BC_OK;
	return rc;
}

/* The cache was asked and did not answer: what memory says, though it is not fit. */
static int instead_of_cache(bookcast *bus)
{
	bus->silent_until.ns = bc_boot_now().ns + ASK_WITHIN;
	bus->n_from_memory++;
	return BOOKCAST_OK;
}

/* ---- the newest message of a topic ---- */

typedef bc_status ask_fn(struct bc_client *client, bc_str topic, int64_t timeout_ns,
			 struct bc_board_answer *answer);

struct asked {
	char text[BC_TOPIC_MAX + 1];
	bc_str topic;
	struct bc_board_answer answer;
	enum bc_client_source source;
};

static int find(bookcast *bus, ask_fn *ask, bool payload, const char *exchange, const char *symbol,
		const char *channel, struct asked *a)
{
	a->source = BC_FROM_MEMORY;
	a->answer.payload.n = 0;
	bc_status here =
		read_memory(bus, exchange, symbol, channel, a->text, &a->topic, &a->answer);
	bool enough = here != BC_ENOTFOUND && (!payload || a->answer.payload.n > 0);
	if (here == BC_OK && enough)
		return BOOKCAST_OK;
	int result = topic_of(bus, exchange, symbol, channel, a->text, &a->topic);
	if (result != BOOKCAST_OK)
		return result;
	const struct bc_board_answer memory = a->answer;
	bc_status rc = ask(bus->client, a->topic, ASK_WITHIN, &a->answer);
	if (rc != BC_OK && enough) {
		a->answer = memory;
		return instead_of_cache(bus);
	}
	if (rc != BC_OK)
		return fail_as(bus, rc);
	a->source = bc_client_follows(bus->client, a->topic) ? BC_FROM_GATEWAY : BC_FROM_CACHE;
	return a->answer.status == BC_BOARD_OK ? BOOKCAST_OK
					       : fail_status(bus, a->answer.status, a->text);
}

int bookcast_latest(bookcast *bus, const char *exchange, const char *symbol, const char *channel,
		    const bookcast_message **message)
{
	struct asked a;
	int result = find(bus, bc_client_get, true, exchange, symbol, channel, &a);
	if (result != BOOKCAST_OK)
		return result;
	bc_status rc = bc_message_decode(a.answer.payload, &bus->message, bus->levels, MAX_LEVELS);
	struct bc_client_event event = { .source = a.source,
					 .topic = a.topic,
					 .message = &bus->message,
					 .state = a.answer.state,
					 .reason = a.answer.reason,
					 .since = a.answer.since };
	if (rc == BC_OK)
		rc = present(&bus->presentation, &event);
	if (rc != BC_OK)
		return fail_as(bus, rc);
	*message = &bus->presentation.message;
	return BOOKCAST_OK;
}

int bookcast_state(bookcast *bus, const char *exchange, const char *symbol, const char *channel,
		   bookcast_condition *condition)
{
	struct asked a;
	int result = find(bus, bc_client_state, false, exchange, symbol, channel, &a);
	if (result != BOOKCAST_OK)
		return result;
	*condition = (bookcast_condition){ (int)a.answer.state, (int)a.answer.reason,
					   a.answer.since.ns, a.answer.age_ns, a.answer.proven_ns };
	return BOOKCAST_OK;
}

int bookcast_fit(bookcast *bus, const char *exchange, const char *symbol, const char *channel,
		 int max_age_ms)
{
	bookcast_condition c;
	if (bookcast_state(bus, exchange, symbol, channel, &c) != BOOKCAST_OK)
		return 0;
	return bc_state_fit((unsigned)c.state) &&
	       (max_age_ms <= 0 || c.proven_ns <= max_age_ms * BC_NS_PER_MS);
}

/* ---- history ---- */

/* Room for n events; what each of them holds is used again. */
static bc_status need_events(bookcast *bus, size_t n)
{
	if (n <= bus->cap_events)
		return BC_OK;
	const bookcast_message **history = calloc(n, sizeof(const bookcast_message *));
	struct presentation *events = calloc(n, sizeof *events);
	if (history == NULL || events == NULL) {
		free(history);
		free(events);
		return BC_ENOMEM;
	}
	if (bus->cap_events > 0)
		memcpy(events, bus->events, bus->cap_events * sizeof *events);
	free(bus->events);
	free(bus->history);
	bus->events = events;
	bus->history = history;
	bus->cap_events = n;
	return BC_OK;
}

static bc_status take_event(bookcast *bus, bc_str topic, const struct bc_board_answer *state,
			    bc_str payload, size_t i)
{
	struct bc_topic parts;
	bc_status rc = bc_message_decode(payload, &bus->message, NULL, 0);
	if (rc == BC_OK)
		rc = bc_topic_split(topic, &parts);
	if (rc == BC_OK && bc_channel_of(parts.channel) != (int)bus->message.envelope.channel)
		rc = BC_EPARSE;
	if (rc != BC_OK)
		return rc;
	const struct bc_client_event event = { .source = BC_FROM_CACHE,
					       .topic = topic,
					       .message = &bus->message,
					       .state = state->state,
					       .reason = state->reason,
					       .since = state->since };
	bus->history[i] = &bus->events[i].message;
	return present(&bus->events[i], &event);
}

/* What the cache answered about the history of a topic. */
static int take_history(bookcast *bus, bc_str topic, const struct bc_rpc_reply *reply)
{
	struct bc_board_answer state;
	if (reply->status == BC_RPC_BAD)
		return fail(bus, BOOKCAST_EINVAL, "the cache refused: %.*s",
			    reply->n_answers > 0 ? (int)reply->answers[0].n : 0,
			    reply->n_answers > 0 ? reply->answers[0].p : "");
	if (reply->status != BC_RPC_OK || reply->n_answers < BC_STATE_FRAMES ||
	    bc_board_read_state(reply->answers, &state) != BC_OK)
		return fail_as(bus, BC_EPARSE);
	if (state.status != BC_BOARD_OK)
		return fail_status(bus, state.status, topic.p);
	size_t n = reply->n_answers - BC_STATE_FRAMES;
	bc_status rc = need_events(bus, n);
	for (size_t i = 0; i < n && rc == BC_OK; i++)
		rc = take_event(bus, topic, &state, reply->answers[BC_STATE_FRAMES + i], i);
	return rc == BC_OK ? (int)n : fail_as(bus, rc);
}

static int history(bookcast *bus, bc_str verb, const char *exchange, const char *symbol,
		   const char *channel, int n, const bookcast_message *const **messages)
{
	char text[BC_TOPIC_MAX + 1], number[16];
	struct bc_rpc_reply reply;
	bc_str args[2];
	if (n < 1 || n > BC_RPC_MAX_ARGS)
		return fail(bus, BOOKCAST_EINVAL, "%d: must be a number from 1 to 10000", n);
	int result = topic_of(bus, exchange, symbol, channel, text, &args[0]);
	if (result != BOOKCAST_OK)
		return result;
	snprintf(number, sizeof number, "%d", n);
	args[1] = bc_str_of(number);
	bc_status rc = bc_client_ask(bus->client, verb, args, 2, ASK_WITHIN, &reply);
	if (rc != BC_OK)
		return fail_as(bus, rc);
	result = take_history(bus, args[0], &reply);
	if (result >= 0)
		*messages = bus->history;
	return result;
}

int bookcast_trades(bookcast *bus, const char *exchange, const char *symbol, int n,
		    const bookcast_message *const **messages)
{
	return history(bus, BC_STR("TRADES"), exchange, symbol, "trade", n, messages);
}

int bookcast_candles(bookcast *bus, const char *exchange, const char *symbol, const char *interval,
		     int n, const bookcast_message *const **messages)
{
	char channel[32];
	if (interval == NULL || bc_interval_of(bc_str_of(interval)) < 0)
		return fail(bus, BOOKCAST_EINVAL,
			    "'%.20s' is no interval: 1s 1m 3m 5m 10m 15m 30m 1h 2h 4h 6h 8h 12h 1d "
			    "3d 1w 1M",
			    interval == NULL ? "" : interval);
	snprintf(channel, sizeof channel, "candle-%s", interval);
	return history(bus, BC_STR("CANDLES"), exchange, symbol, channel, n, messages);
}

/* ---- the rest ---- */

int bookcast_fd(const bookcast *bus)
{
	return bc_client_fd(bus->client);
}

void bookcast_stats(const bookcast *bus, bookcast_counters *counters, size_t size)
{
	const struct bc_board *board = bc_client_board(bus->client);
	const struct bc_board_stats *s = bc_board_stats(board);
	const struct bc_client_counters *c = bc_client_counters(bus->client);
	const struct bc_gateways *set = bc_board_gateways(board);
	bookcast_counters all = { .messages = s->messages,
				  .bytes = s->bytes,
				  .gaps = c->gaps,
				  .lost = c->lost,
				  .repaired = c->repaired,
				  .duplicates = c->duplicates,
				  .unreadable = s->bad,
				  .questions = c->questions,
				  .unanswered = c->unanswered,
				  .from_memory = bus->n_from_memory,
				  .arbitrated = c->arbitrated,
				  .filled = c->filled };
	bc_mono_time now = bc_boot_now();
	for (size_t i = 0; i < bc_gateways_count(set); i++) {
		const struct bc_gateway *g = bc_gateways_at(set, i);
		all.gateways += !g->replaced;
		all.gone += !g->replaced && bc_gateway_gone(g, now);
	}
	memset(counters, 0, size);
	memcpy(counters, &all, size < sizeof all ? size : sizeof all);
}

int bookcast_audit(bookcast *bus, const char *exchange, const char *symbol, const char *channel,
		   bookcast_account *account, size_t size)
{
	char text[BC_TOPIC_MAX + 1];
	struct bc_account a;
	bc_str topic;
	if (exchange == NULL) {
		bc_client_audit_all(bus->client, &a);
	} else {
		int result = topic_of(bus, exchange, symbol, channel, text, &topic);
		if (result != BOOKCAST_OK)
			return result;
		if (bc_client_audit(bus->client, topic, &a) != BC_OK)
			return fail(bus, BOOKCAST_ENOTFOUND, "%s is not subscribed", text);
	}
	const bookcast_account all = { a.published, a.received,  a.lost,
				       a.conflated, a.redundant, a.waiting };
	memset(account, 0, size);
	memcpy(account, &all, size < sizeof all ? size : sizeof all);
	return BOOKCAST_OK;
}

void bookcast_spin(bookcast *bus, int on)
{
	bc_client_spin(bus->client, on != 0);
}

void bookcast_latency(const bookcast *bus, bookcast_hop *hop, size_t size)
{
	struct bc_hop now;
	bc_client_latency(bus->client, &now);
	const struct bc_quantiles *q = &now.quantiles;
	const bookcast_hop all = { .count = q->count,
				   .negative = q->negative,
				   .p50_ns = q->p50_ns,
				   .p90_ns = q->p90_ns,
				   .p99_ns = q->p99_ns,
				   .p999_ns = q->p999_ns,
				   .max_ns = q->max_ns,
				   .window_ns = now.window_ns };
	memset(hop, 0, size);
	memcpy(hop, &all, size < sizeof all ? size : sizeof all);
}

const char *bookcast_error(const bookcast *bus)
{
	return bus == NULL ? "not connected" : bus->error;
}

const char *bookcast_version(void)
{
	return bc_version;
}

const char *bookcast_channel_word(int channel)
{
	return bc_channel_word((unsigned)channel);
}

const char *bookcast_state_word(int state)
{
	return bc_state_word((unsigned)state);
}

const char *bookcast_reason_word(int reason)
{
	return bc_reason_word((unsigned)reason);
}
