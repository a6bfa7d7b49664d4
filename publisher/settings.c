/* settings.c - from configuration to settings; rules that need to know exchanges. */
#include "publisher/settings.h"

#include "common/bus_socket.h"
#include "common/config_keys.h"
#include "common/metrics.h"
#include "common/text.h"
#include "publisher/transport.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WHY_MAX       320
#define MAX_EXCHANGES 64

static bool complain(const struct bc_config *c, enum bc_key key, int item, const char *message)
{
	bc_config_complain(c, key, item, message);
	return false;
}

/* ------------------------------------------------------------------ who and where */

static const struct bc_exchange *exchange_of(const struct bc_config *c)
{
	return bc_exchange_find(bc_config_text(c, BC_KEY_EXCHANGE));
}

static bool exchange_rule(const struct bc_config *c)
{
	const char *known[MAX_EXCHANGES];
	char why[WHY_MAX];
	size_t n = 0;
	if (exchange_of(c) != NULL)
		return true;
	struct bc_text text = bc_text_on(why, sizeof why);
	bc_text_addf(&text, "no such exchange; there %s", bc_exchanges[1] == NULL ? "is" : "are");
	for (; bc_exchanges[n] != NULL && n < MAX_EXCHANGES; n++) {
		known[n] = bc_exchanges[n]->id;
		bc_text_addf(&text, " %s", known[n]);
	}
	const char *nearest = bc_text_nearest(bc_config_text(c, BC_KEY_EXCHANGE), known, n);
	if (nearest != NULL)
		bc_text_addf(&text, "; did you mean '%s'?", nearest);
	return complain(c, BC_KEY_EXCHANGE, -1, why);
}

static bool instance_rule(const struct bc_config *c)
{
	const char *instance = bc_config_text(c, BC_KEY_INSTANCE);
	size_t n = strlen(instance);
	if (n == 0)
		return true; /* the shard's */
	for (size_t i = 0; i < n; i++) {
		if (!isalnum((unsigned char)instance[i]) && instance[i] != '-')
			n = 0;
	}
	if (n == 0 || n > SETTINGS_INSTANCE_MAX)
		return complain(c, BC_KEY_INSTANCE, -1, "1 to 32 letters, digits and '-'");
	return true;
}

static bool shard_rule(const struct bc_config *c)
{
	uint32_t index, count;
	char why[WHY_MAX];
	if (bc_shard_parse(bc_config_text(c, BC_KEY_SHARD), &index, &count, why, sizeof why) !=
	    BC_OK)
		return complain(c, BC_KEY_SHARD, -1, why);
	return true;
}

static bool weights_rule(const struct bc_config *c)
{
	struct bc_division *division = NULL;
	char why[WHY_MAX];
	bc_status rc = settings_division(c, 1, &division, why, sizeof why);
	bc_division_free(&division);
	return rc == BC_OK || complain(c, BC_KEY_SHARD_WEIGHTS, -1, why);
}

static bool peers_rule(const struct bc_config *c)
{
	bool good = true;
	for (size_t i = 0; i < bc_config_count(c, BC_KEY_SHARD_PEERS); i++) {
		if (!bc_endpoint_is_tcp(bc_config_item(c, BC_KEY_SHARD_PEERS, i)))
			good = complain(c, BC_KEY_SHARD_PEERS, (int)i,
					"tcp://ADDRESS:PORT, such as tcp://10.0.0.5:7001");
	}
	return good;
}

static bool url_rule(const struct bc_config *c, enum bc_key key, enum bc_url_kind kind)
{
	struct bc_url url;
	char why[WHY_MAX];
	const char *text = bc_config_text(c, key);
	if (*text == '\0' || bc_url_parse(text, kind, &url, why, sizeof why) == BC_OK)
		return true;
	return complain(c, key, -1, why);
}

static bool ca_file_rule(const struct bc_config *c)
{
	const char *path = bc_config_text(c, BC_KEY_CA_FILE);
	if (*path == '\0' || access(path, R_OK) == 0)
		return true;
	return complain(c, BC_KEY_CA_FILE, -1, "no such file, or not readable");
}

static bool bind_rule(const struct bc_config *c)
{
	bool allowed = bc_config_bool(c, BC_KEY_BUS_ALLOW_INSECURE), good = true;
	for (size_t i = 0; i < bc_config_count(c, BC_KEY_BUS_BIND); i++) {
		const char *endpoint = bc_config_item(c, BC_KEY_BUS_BIND, i);
		if (!bc_endpoint_is_tcp(endpoint))
			good = complain(c, BC_KEY_BUS_BIND, (int)i,
					"tcp://ADDRESS:PORT, such as tcp://127.0.0.1:0");
		else if (!allowed && !bc_endpoint_is_local(endpoint))
			good = complain(
				c, BC_KEY_BUS_BIND, (int)i,
				"anybody who can connect can read; bind tcp://127.0.0.1:PORT, or "
				"set bus.allow_insecure if that is meant");
	}
	return good;
}

/* Before 4.3.4 libwebsockets hands one uncompressed message over for ever where compression was
 * agreed on, so it is never offered through it. */
static bool compression_rule(const struct bc_config *c)
{
	if (!bc_config_bool(c, BC_KEY_COMPRESSION) ||
	    strcmp(bc_config_text(c, BC_KEY_TRANSPORT), bc_transport_lws.name) != 0)
		return true;
	return complain(c, BC_KEY_COMPRESSION, -1,
			"not with transport lws; direct (or auto) can, or leave it false");
}

static bool metrics_rule(const struct bc_config *c)
{
	if (bc_metrics_address_good(bc_config_text(c, BC_KEY_METRICS_LISTEN)))
		return true;
	return complain(c, BC_KEY_METRICS_LISTEN, -1, BC_METRICS_ADDRESS_HINT);
}

/* ------------------------------------------------------------------ what */

static bool symbols_rule(const struct bc_config *c, const struct bc_exchange *x)
{
	bool good = true;
	char why[WHY_MAX];
	for (size_t i = 0; i < bc_config_count(c, BC_KEY_SYMBOLS); i++) {
		const char *spec = bc_config_item(c, BC_KEY_SYMBOLS, i);
		if (session_check_symbol(x, spec, why, sizeof why) != BC_OK)
			good = complain(c, BC_KEY_SYMBOLS, (int)i, why);
	}
	return good;
}

/* Adds what one item of `channels` asks for. */
static bool take_channel(const struct bc_exchange *x, const char *word, struct outlet_options *o)
{
	static const uint32_t askable =
		BC_CHANNEL_BIT(BC_CHANNEL_BOOK) | BC_CHANNEL_BIT(BC_CHANNEL_BBO) |
		BC_CHANNEL_BIT(BC_CHANNEL_TRADE) | BC_CHANNEL_BIT(BC_CHANNEL_TICKER) |
		BC_CHANNEL_BIT(BC_CHANNEL_CANDLE);
	uint32_t served = x->channels;
	if (served & BC_CHANNEL_BIT(BC_CHANNEL_BOOK))
		served |= BC_CHANNEL_BIT(BC_CHANNEL_BBO); /* the top of it */
	int channel = bc_channel_of(bc_str_of(word));
	if (channel < 0 || (askable & served & BC_CHANNEL_BIT(channel)) == 0)
		return false;
	if (channel == BC_CHANNEL_CANDLE) {
		const char *dash = strchr(word, '-');
		int interval = dash == NULL ? -1 : bc_interval_of(bc_str_of(dash + 1));
		if (interval < 0 || (x->intervals & 1u << interval) == 0)
			return false;
		o->intervals |= 1u << interval;
	}
	o->channels |= BC_CHANNEL_BIT(channel);
	return true;
}

static void list_channels(const struct bc_exchange *x, char *out, size_t cap)
{
	struct bc_text text = bc_text_on(out, cap);
	struct outlet_options unused = { 0 };
	bc_text_addf(&text, "%s serves", x->id);
	for (unsigned i = 0; i < BC_N_CHANNELS; i++) {
		if (i != BC_CHANNEL_CANDLE && take_channel(x, bc_channel_word(i), &unused))
			bc_text_addf(&text, " %s", bc_channel_word(i));
	}
	for (unsigned i = 0; i < BC_N_INTERVALS; i++) {
		if ((x->channels & BC_CHANNEL_BIT(BC_CHANNEL_CANDLE)) && (x->intervals & 1u << i))
			bc_text_addf(&text, " candle-%s", bc_interval_word(i));
	}
}

static bool channels_rule(const struct bc_config *c, const struct bc_exchange *x)
{
	bool good = true;
	struct outlet_options o = { 0 };
	char why[WHY_MAX];
	list_channels(x, why, sizeof why);
	for (size_t i = 0; i < bc_config_count(c, BC_KEY_CHANNELS); i++) {
		if (!take_channel(x, bc_config_item(c, BC_KEY_CHANNELS, i), &o))
			good = complain(c, BC_KEY_CHANNELS, (int)i, why);
	}
	if (bc_config_count(c, BC_KEY_CHANNELS) == 0)
		good = complain(c, BC_KEY_CHANNELS, -1, why);
	return good;
}

static bool group_by_rule(const struct bc_config *c)
{
	bc_decimal step;
	const char *text = bc_config_text(c, BC_KEY_BOOK_GROUP_BY);
	if (bc_decimal_parse(text, strlen(text), &step) == BC_OK && step.mantissa >= 0)
		return true;
	return complain(c, BC_KEY_BOOK_GROUP_BY, -1, "a price step such as 1000, or 0 for none");
}

static void read_feed(const struct bc_config *c, struct bc_feed_options *out)
{
	const char *format = bc_config_text(c, BC_KEY_FEED_FORMAT);
	const char *speed = bc_config_text(c, BC_KEY_BOOK_SPEED);
	const char *step = bc_config_text(c, BC_KEY_BOOK_GROUP_BY);
	const char *trades = bc_config_text(c, BC_KEY_TRADE_SOURCE);
	*out = (struct bc_feed_options){
		.format = *format == '\0' ? NULL : format,
		.group_by = BC_DECIMAL_NONE,
		.book_partial = strcmp(bc_config_text(c, BC_KEY_BOOK_SOURCE), "partial") == 0,
		.book_speed = *speed == '\0' ? NULL : speed,
	};
	bc_decimal_parse(step, strlen(step), &out->group_by);
	if (strcmp(trades, "trade") == 0)
		out->trades = BC_TRADES_RAW;
	else if (strcmp(trades, "agg") == 0)
		out->trades = BC_TRADES_AGGREGATED;
}

/* The key that a complaint begins with, by its last word or whole: "speed: 100ms or 1000ms". */
static enum bc_key key_of(const char *why)
{
	static const enum bc_key keys[] = { BC_KEY_FEED_FORMAT,  BC_KEY_BOOK_GROUP_BY,
					    BC_KEY_TRADE_SOURCE, BC_KEY_BOOK_SOURCE,
					    BC_KEY_BOOK_SPEED,   BC_KEY_REST_WEIGHT_PERCENT };
	size_t n = strcspn(why, ":");
	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
		const char *key = bc_keys[keys[i]].key, *dot = strchr(key, '.');
		bc_str begins = { why, n };
		if (bc_str_is(begins, key) || (dot != NULL && bc_str_is(begins, dot + 1)))
			return keys[i];
	}
	return BC_KEY_EXCHANGE;
}

/* The key is told by whoever prints it. */
static bool complain_of(const struct bc_config *c, const char *why)
{
	enum bc_key key = key_of(why);
	const char *colon = strchr(why, ':');
	if (key != BC_KEY_EXCHANGE)
		why = colon + 1 + strspn(colon + 1, " ");
	return complain(c, key, -1, why);
}

/* The adapter knows its own options; it is asked with a state to throw away. */
static bool feed_rule(const struct bc_config *c, const struct bc_exchange *x)
{
	const char *why = "";
	struct bc_feed_options options;
	read_feed(c, &options);
	void *state = calloc(1, x->state_size + 1);
	bool good = state != NULL && x->start(state, &options, &why) == BC_OK;
	free(state);
	return good || complain_of(c, why);
}

static bool levels_rule(const struct bc_config *c)
{
	int64_t most = bc_config_int(c, BC_KEY_BOOK_MAX_LEVELS);
	bool good = true;
	if (bc_config_int(c, BC_KEY_BOOK_LEVELS) > most)
		good = complain(c, BC_KEY_BOOK_LEVELS, -1, "more than book.max_levels keeps");
	if (bc_config_int(c, BC_KEY_BOOK_SNAPSHOT_LEVELS) > most)
		good = complain(c, BC_KEY_BOOK_SNAPSHOT_LEVELS, -1,
				"more than book.max_levels keeps");
	return good;
}

/* What is left, a session that is thrown away says. */
static bool session_rule(const struct bc_config *c)
{
	struct settings settings;
	struct session *session = NULL;
	char why[WHY_MAX];
	settings_read(c, &settings);
	bc_status rc = session_new(&session, &settings.session, &(struct session_actions){ 0 }, why,
				   sizeof why);
	session_free(&session);
	return rc == BC_OK || complain_of(c, why);
}

bool settings_rules(const struct bc_config *c)
{
	const struct bc_exchange *x = exchange_of(c);
	bool good = exchange_rule(c);
	good &= instance_rule(c);
	good &= shard_rule(c);
	good &= peers_rule(c);
	good &= url_rule(c, BC_KEY_WS_URL, BC_URL_WS);
	good &= url_rule(c, BC_KEY_REST_URL, BC_URL_HTTP);
	good &= ca_file_rule(c);
	good &= bind_rule(c);
	good &= compression_rule(c);
	good &= metrics_rule(c);
	good &= group_by_rule(c);
	good &= levels_rule(c);
	if (x != NULL) {
		good &= symbols_rule(c, x);
		good &= channels_rule(c, x);
		good &= feed_rule(c, x);
		good &= weights_rule(c);
	}
	return good && session_rule(c);
}

/* ------------------------------------------------------------------ shards */

#define WEIGHTS_MAX_BYTES (4u << 20)

/* The whole file, to be freed; NULL: why[cap] says it. */
static char *read_weights(const char *path, size_t *n, char *why, size_t cap)
{
	FILE *file = fopen(path, "rb");
	char *text = file == NULL ? NULL : malloc(WEIGHTS_MAX_BYTES);
	*n = text == NULL ? 0 : fread(text, 1, WEIGHTS_MAX_BYTES, file);
	bool good = text != NULL && !ferror(file) && *n < WEIGHTS_MAX_BYTES;
	if (!good)
		snprintf(why, cap, "%s",
			 *n == WEIGHTS_MAX_BYTES ? "longer than 4 MiB" : strerror(errno));
	if (file != NULL)
		fclose(file);
	if (good)
		return text;
	free(text);
	return NULL;
}

bc_status settings_division(const struct bc_config *c, uint32_t shards, struct bc_division **out,
			    char *why, size_t cap)
{
	const char *path = bc_config_text(c, BC_KEY_SHARD_WEIGHTS);
	char *text;
	size_t n;
	*out = NULL;
	snprintf(why, cap, "%s", bc_status_text(BC_ENOMEM));
	if (shards == 1 && *path == '\0')
		return BC_OK;
	bc_status rc = bc_division_new(out, exchange_of(c)->id, shards);
	if (rc != BC_OK || *path == '\0')
		return rc;
	if ((text = read_weights(path, &n, why, cap)) == NULL)
		rc = BC_EINVAL;
	else
		rc = bc_division_weigh(*out, (bc_str){ text, n }, why, cap);
	free(text);
	if (rc != BC_OK)
		bc_division_free(out);
	return rc == BC_OK || rc == BC_ENOMEM ? rc : BC_EINVAL;
}

/* ------------------------------------------------------------------ reading it */

static void read_shard(const struct bc_config *c, struct settings *out)
{
	const char *instance = bc_config_text(c, BC_KEY_INSTANCE);
	char why[WHY_MAX];
	out->shards = 1;
	bc_shard_parse(bc_config_text(c, BC_KEY_SHARD), &out->shard, &out->shards, why, sizeof why);
	if (*instance != '\0')
		snprintf(out->instance, sizeof out->instance, "%s", instance);
	else
		snprintf(out->instance, sizeof out->instance, "%u", out->shard);
}

static void read_url(const struct bc_config *c, enum bc_key key, const char *own,
		     enum bc_url_kind kind, struct bc_url *out)
{
	char why[WHY_MAX];
	const char *text = bc_config_text(c, key);
	bc_url_parse(*text != '\0' ? text : own, kind, out, why,
		     sizeof why); /* rules have seen it */
}

static void read_outlet(const struct bc_config *c, const struct bc_exchange *x,
			struct outlet_options *out)
{
	int64_t levels = bc_config_int(c, BC_KEY_BOOK_LEVELS);
	*out = (struct outlet_options){
		.exchange = x->id,
		.levels = levels > x->max_levels ? x->max_levels : (uint32_t)levels,
		.own_bbo = (session_carried(x) & BC_CHANNEL_BIT(BC_CHANNEL_BBO)) != 0,
		.interval_ns = bc_config_int(c, BC_KEY_PUBLISH_INTERVAL_MS) * BC_NS_PER_MS,
	};
	for (size_t i = 0; i < bc_config_count(c, BC_KEY_CHANNELS); i++)
		take_channel(x, bc_config_item(c, BC_KEY_CHANNELS, i), out);
}

static enum session_source read_source(const struct bc_config *c)
{
	const char *word = bc_config_text(c, BC_KEY_FEED_SOURCE);
	if (strcmp(word, "rest") == 0)
		return SESSION_REST;
	return strcmp(word, "ws") == 0 ? SESSION_WS : SESSION_AUTO;
}

void settings_read(const struct bc_config *c, struct settings *out)
{
	const struct bc_exchange *x = exchange_of(c);
	const char *ca_file = bc_config_text(c, BC_KEY_CA_FILE);
	*out = (struct settings){
		.config = c,
		.ca_file = *ca_file == '\0' ? NULL : ca_file,
		.max_message_bytes = (size_t)bc_config_int(c, BC_KEY_FEED_MAX_MESSAGE),
		.compression = bc_config_bool(c, BC_KEY_COMPRESSION),
	};
	out->transport = bc_transport_find(bc_config_text(c, BC_KEY_TRANSPORT), out->compression);
	read_outlet(c, x, &out->outlet);
	read_shard(c, out);
	out->outlet.instance = out->instance;
	out->session = (struct session_options){
		.exchange = x,
		.channels = out->outlet.channels,
		.intervals = out->outlet.intervals,
		.levels = out->outlet.levels,
		.max_levels = (uint32_t)bc_config_int(c, BC_KEY_BOOK_MAX_LEVELS),
		.snapshot_levels = (uint32_t)bc_config_int(c, BC_KEY_BOOK_SNAPSHOT_LEVELS),
		.weight_percent = (uint32_t)bc_config_int(c, BC_KEY_REST_WEIGHT_PERCENT),
		.source = read_source(c),
		.rest_after_ns = bc_config_ns(c, BC_KEY_REST_AFTER),
		.rest_interval_ns = bc_config_ns(c, BC_KEY_REST_INTERVAL),
		.history_trades = (uint32_t)bc_config_int(c, BC_KEY_HISTORY_TRADES),
		.history_candles = (uint32_t)bc_config_int(c, BC_KEY_HISTORY_CANDLES),
		.maintenance_after_ns = bc_config_ns(c, BC_KEY_FEED_MAINTENANCE_AFTER),
		.probe_interval_ns = bc_config_ns(c, BC_KEY_FEED_PROBE_INTERVAL),
		.silent_after_ns = bc_config_ns(c, BC_KEY_FEED_SILENT_AFTER),
		.quiet_after_ns = bc_config_ns(c, BC_KEY_FEED_QUIET_AFTER),
		.first_data_after_ns = bc_config_ns(c, BC_KEY_FEED_FIRST_DATA_AFTER),
		.backoff_max_ns = bc_config_ns(c, BC_KEY_FEED_BACKOFF_MAX),
		.listing_every_ns = bc_config_ns(c, BC_KEY_REST_LISTING_EVERY),
		.linger_ns = bc_config_ns(c, BC_KEY_SHARD_LINGER),
	};
	read_feed(c, &out->session.feed);
	read_url(c, BC_KEY_WS_URL, x->ws_url, BC_URL_WS, &out->ws);
	read_url(c, BC_KEY_REST_URL, x->rest_url, BC_URL_HTTP, &out->rest);
	snprintf(out->pub_name, sizeof out->pub_name, "%s.%s.pub", x->id, out->outlet.instance);
	const char *latest = bc_config_text(c, BC_KEY_LATEST);
	out->latest = strcmp(latest, "off") != 0;
	out->outlet.encode_all = strcmp(latest, "all") == 0;
	snprintf(out->latest_name, sizeof out->latest_name, "%s.%s.latest", x->id,
		 out->outlet.instance);
	snprintf(out->ctl_name, sizeof out->ctl_name, "%s.%s.ctl", x->id, out->outlet.instance);
}
