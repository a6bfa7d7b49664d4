/* The public functions: arguments checked, errors put into words, messages in the public form. */
#include "subscribers/libbookcast/bus.h"

#include "common/run_dir.h"
#include "common/version.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* NOLINTNEXTLINE(misc-redundant-expression): that is what it asserts */
static_assert(BOOKCAST_UNKNOWN == BC_TIME_UNKNOWN && BOOKCAST_NEVER == BC_AGE_NEVER, "one meaning");
static_assert(BOOKCAST_STATE == (int)BC_CHANNEL_STATE && BOOKCAST_DOWN == (int)BC_STATE_DOWN &&
		      BOOKCAST_REASON_GATEWAY == (int)BC_REASON_GATEWAY &&
		      BOOKCAST_FLAG_LOCKED == (int)BC_FLAG_LOCKED &&
		      BOOKCAST_SELL == (int)BC_SIDE_SELL &&
		      BOOKCAST_FROM_HERE == (int)BC_FROM_HERE &&
		      BOOKCAST_FROM_MEMORY == (int)BC_FROM_MEMORY,
	      "the numbers of the wire");

int bus_fail(bookcast *bus, int result, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	vsnprintf(bus->error, sizeof bus->error, format, args);
	va_end(args);
	return result;
}

int bus_fail_as(bookcast *bus, bc_status rc)
{
	int result = rc == BC_ENOMEM                        ? BOOKCAST_ENOMEM
		     : rc == BC_ETIMEOUT || rc == BC_EPARSE ? BOOKCAST_ENOANSWER
							    : BOOKCAST_EIO;
	return bus_fail(bus, result, "%s",
			result == BOOKCAST_ENOANSWER ? "the cache does not answer"
						     : bc_status_text(rc));
}

int bus_fail_status(bookcast *bus, enum bc_board_status status, const char *topic)
{
	if (status == BC_BOARD_NOT_FOUND)
		return bus_fail(bus, BOOKCAST_ENOTFOUND, "nobody serves %s", topic);
	return bus_fail(bus, BOOKCAST_ENODATA, "%s has no data yet", topic);
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
		return bus_fail(bus, BOOKCAST_EINVAL,
				"'%.40s' is no channel: book bbo trade ticker candle-<interval> "
				"instrument state",
				channel);
	if (n <= 0 || n > BC_TOPIC_MAX || bc_topic_split(*topic, &parts) != BC_OK ||
	    !bc_str_equal(parts.exchange, exchange) || bc_symbol_check(exchange, symbol) != BC_OK)
		return bus_fail(bus, BOOKCAST_EINVAL,
				"'%.40s' '%.60s' cannot be an exchange's symbol", exchange.p,
				symbol.p);
	return BOOKCAST_OK;
}

int bus_topic(bookcast *bus, const char *exchange, const char *symbol, const char *channel,
	      char out[BC_TOPIC_MAX + 1], bc_str *topic)
{
	struct bc_rpc_reply reply;
	*topic = BC_STR("");
	if (exchange == NULL || symbol == NULL || channel == NULL)
		return bus_fail(bus, BOOKCAST_EINVAL, "exchange, symbol and channel must be given");
	bc_str args[2] = { bc_str_of(exchange), bc_str_of(symbol) };
	if (strchr(symbol, '/') == NULL)
		return join(bus, args[0], args[1], channel, out, topic);
	bc_status rc =
		bc_client_ask(bus->client, BC_STR("RESOLVE"), args, 2, BUS_ASK_WITHIN, &reply);
	if (rc != BC_OK || reply.status != BC_RPC_OK || reply.n_answers != 2)
		return bus_fail(bus, BOOKCAST_ENOANSWER,
				"the cache does not answer what %.60s is called on %.40s", symbol,
				exchange);
	if (!bc_str_is(reply.answers[0], "200"))
		return bus_fail(bus, BOOKCAST_ENOTFOUND, "nobody serves %.60s on %.40s", symbol,
				exchange);
	return join(bus, args[0], reply.answers[1], channel, out, topic);
}

int bookcast_subscribe(bookcast *bus, const char *exchange, const char *symbol, const char *channel)
{
	char text[BC_TOPIC_MAX + 1];
	bc_str topic;
	int result = bus_topic(bus, exchange, symbol, channel, text, &topic);
	if (result != BOOKCAST_OK)
		return result;
	bc_status rc = bc_client_add(bus->client, topic);
	return rc == BC_OK ? BOOKCAST_OK : bus_fail_as(bus, rc);
}

int bookcast_unsubscribe(bookcast *bus, const char *exchange, const char *symbol,
			 const char *channel)
{
	char text[BC_TOPIC_MAX + 1];
	bc_str topic;
	int result = bus_topic(bus, exchange, symbol, channel, text, &topic);
	if (result != BOOKCAST_OK)
		return result;
	if (bc_client_remove(bus->client, topic) != BC_OK)
		return bus_fail(bus, BOOKCAST_ENOTFOUND, "%s is not subscribed", text);
	return BOOKCAST_OK;
}

/* ---- messages ---- */

int bookcast_policy(bookcast *bus, int policy)
{
	if (policy != BOOKCAST_ALL && policy != BOOKCAST_LATEST)
		return bus_fail(bus, BOOKCAST_EINVAL,
				"%d is no policy: BOOKCAST_ALL (0), BOOKCAST_LATEST (1)", policy);
	bc_status rc = bc_client_latest(bus->client, policy == BOOKCAST_LATEST);
	return rc == BC_OK ? BOOKCAST_OK : bus_fail_as(bus, rc);
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
		return bus_fail_as(bus, rc);
	*message = &bus->presentation.message;
	return BOOKCAST_MESSAGE;
}

/* ---- the rest ---- */

int bookcast_fd(const bookcast *bus)
{
	return bc_client_fd(bus->client);
}

void bookcast_spin(bookcast *bus, int on)
{
	bc_client_spin(bus->client, on != 0);
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
