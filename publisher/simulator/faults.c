/* faults.c - the table of faults, and the arguments they take. */
#include "publisher/simulator/sim_internal.h"

#include "common/clock.h"

#include <stdlib.h>
#include <string.h>

#define CHUNK_BYTES    65536
#define FRAGMENT_BYTES 1000

/* ------------------------------------------------------------------ arguments */

bool fault_args_add(struct fault_args *args, bc_str key, bc_str value)
{
	struct fault_arg *arg = &args->args[args->n];

	if (args->n == FAULT_ARGS_MAX || key.n >= sizeof arg->key || value.n >= sizeof arg->value)
		return false;
	memset(arg, 0, sizeof *arg);
	memcpy(arg->key, key.p, key.n);
	memcpy(arg->value, value.p, value.n);
	args->n++;
	return true;
}

static const char *text_of(const struct fault_args *args, const char *key, const char *otherwise)
{
	for (size_t i = 0; i < args->n; i++)
		if (strcmp(args->args[i].key, key) == 0)
			return args->args[i].value;
	return otherwise;
}

/* False: not a number in [low, high]. */
static bool number_of(const struct fault_args *args, const char *key, double low, double high,
		      double otherwise, double *out)
{
	const char *text = text_of(args, key, NULL);
	char *end;

	*out = otherwise;
	if (text == NULL)
		return true;
	*out = strtod(text, &end);
	return end != text && *end == '\0' && *out >= low && *out <= high;
}

/* ------------------------------------------------------------------ data frames */

static const char *arm(struct sim *sim, const struct fault_args *args, fault_damage *damage)
{
	double n;

	if (!number_of(args, "n", 1, 1e15, 1, &n))
		return "n must be 1 or more";
	for (size_t i = 0; i < FAULTS_ARMED_MAX; i++) {
		struct fault_armed *a = &sim->armed[i];

		if (a->damage != NULL && a->left > 0)
			continue;
		a->damage = damage;
		a->left = (uint64_t)n;
		snprintf(a->symbol, sizeof a->symbol, "%s", text_of(args, "symbol", ""));
		snprintf(a->arg, sizeof a->arg, "%s", text_of(args, "key", ""));
		return NULL;
	}
	return "too many faults wait already; clear them";
}

static const char *do_drop(struct sim *sim, const struct fault_args *args)
{
	return arm(sim, args, damage_drop);
}

static const char *do_duplicate(struct sim *sim, const struct fault_args *args)
{
	return arm(sim, args, damage_duplicate);
}

static const char *do_reorder(struct sim *sim, const struct fault_args *args)
{
	return arm(sim, args, damage_reorder);
}

static const char *do_corrupt(struct sim *sim, const struct fault_args *args)
{
	return arm(sim, args, damage_corrupt);
}

static const char *do_truncate(struct sim *sim, const struct fault_args *args)
{
	return arm(sim, args, damage_truncate);
}

static const char *do_cut(struct sim *sim, const struct fault_args *args)
{
	return arm(sim, args, damage_cut);
}

static const char *do_unknown(struct sim *sim, const struct fault_args *args)
{
	return arm(sim, args, damage_unknown);
}

static const char *do_missing(struct sim *sim, const struct fault_args *args)
{
	const char *key = text_of(args, "key", "");

	if (key[0] == '\0' || strlen(key) >= sizeof sim->armed[0].arg)
		return "key is missing: which field shall be?";
	return arm(sim, args, damage_missing);
}

static const char *do_utf8(struct sim *sim, const struct fault_args *args)
{
	return arm(sim, args, damage_utf8);
}

static const char *do_nul(struct sim *sim, const struct fault_args *args)
{
	return arm(sim, args, damage_nul);
}

static const char *do_crossed(struct sim *sim, const struct fault_args *args)
{
	double n;

	if (sim->replay != NULL)
		return "a capture is sent as recorded; only the model market can be crossed";
	if (!number_of(args, "n", 1, 1e9, 1, &n))
		return "n must be 1 or more";
	sim->crossed += (uint32_t)n;
	return NULL;
}

/* ------------------------------------------------------------------ frames that nobody asked for
 */

static const char *send_to_all(struct sim *sim, bc_str payload, bool raw)
{
	struct sim_session *next;

	for (struct sim_session *s = sim->sessions; s != NULL; s = next) {
		next = s->next;
		if (raw)
			sim_conn_write(s->conn, payload);
		else
			fault_send(s, payload);
	}
	return NULL;
}

static const char *do_frame(struct sim *sim, const struct fault_args *args)
{
	return send_to_all(sim, bc_str_of(text_of(args, "text", "")), false);
}

static const char *do_deep(struct sim *sim, const struct fault_args *args)
{
	struct sim_buffer text = { NULL, 0, 0, false };
	double depth;

	if (!number_of(args, "depth", 1, 1e7, 100000, &depth))
		return "depth must be from 1 to 10000000";
	if (!sim_buffer_reserve(&text, (size_t)depth))
		return bc_status_text(BC_ENOMEM);
	memset(text.data, '[', (size_t)depth);
	text.n = (size_t)depth;
	send_to_all(sim, (bc_str){ text.data, text.n }, false);
	sim_buffer_free(&text);
	return NULL;
}

/* Starts `bytes` bytes of `chunk` again and again, after `head`, on every session. */
static const char *stream_to_all(struct sim *sim, bc_str head, bc_str chunk, uint64_t bytes)
{
	struct sim_session *next;

	for (struct sim_session *s = sim->sessions; s != NULL; s = next) {
		next = s->next;
		sim_buffer_clear(&s->stream.chunk);
		sim_buffer_str(&s->stream.chunk, chunk);
		if (s->stream.chunk.failed)
			return bc_status_text(BC_ENOMEM);
		s->stream.left = bytes;
		sim_conn_write(s->conn, head);
		sim_fault_stream(s);
	}
	return NULL;
}

static const char *do_giant(struct sim *sim, const struct fault_args *args)
{
	char header[WS_HEADER_MAX], chunk[CHUNK_BYTES];
	double bytes;
	size_t n;

	if (!number_of(args, "bytes", 1, 9e18, 104857600, &bytes))
		return "bytes must be from 1 to 9e18";
	memset(chunk, ' ', sizeof chunk);
	n = ws_header(ws_first(sim->face->data_opcode), (uint64_t)bytes, header);
	return stream_to_all(sim, (bc_str){ header, n }, (bc_str){ chunk, sizeof chunk },
			     (uint64_t)bytes);
}

/* One message in ever more fragments, the last of which never comes. */
static const char *do_fragments(struct sim *sim, const struct fault_args *args)
{
	char header[WS_HEADER_MAX], chunk[WS_HEADER_MAX + FRAGMENT_BYTES];
	double bytes;
	size_t n, head;

	if (!number_of(args, "bytes", 1, 9e18, 104857600, &bytes))
		return "bytes must be from 1 to 9e18";
	head = ws_header((uint8_t)sim->face->data_opcode, 0, header);
	n = ws_header(WS_CONTINUATION, FRAGMENT_BYTES, chunk);
	memset(chunk + n, ' ', FRAGMENT_BYTES);
	return stream_to_all(sim, (bc_str){ header, head }, (bc_str){ chunk, n + FRAGMENT_BYTES },
			     (uint64_t)bytes);
}

static int hex_digit(char c)
{
	const char *digits = "0123456789abcdef", *at = c != '\0' ? strchr(digits, c | 0x20) : NULL;

	return at != NULL ? (int)(at - digits) : -1;
}

static const char *do_raw(struct sim *sim, const struct fault_args *args)
{
	const char *hex = text_of(args, "hex", "");
	char bytes[FAULT_VALUE_MAX / 2];
	size_t n = strlen(hex) / 2;

	if (n == 0 || strlen(hex) % 2 != 0)
		return "hex is missing: an even number of hex digits";
	for (size_t i = 0; i < n; i++) {
		int high = hex_digit(hex[2 * i]), low = hex_digit(hex[2 * i + 1]);

		if (high < 0 || low < 0)
			return "hex holds something else";
		bytes[i] = (char)(high << 4 | low);
	}
	return send_to_all(sim, (bc_str){ bytes, n }, true);
}

/* RFC 6455 broken in one frame. */
static const struct {
	const char *what;
	bc_str bytes;
} violations[] = {
	{ "mask", { "\x82\x82\x01\x02\x03\x04\x7a\x7f", 8 } }, /* masked "{}" */
	{ "rsv", { "\xc2\x02{}", 4 } },
	{ "opcode", { "\x83\x02{}", 4 } },
	{ "continuation", { "\x80\x02{}", 4 } }, /* of nothing */
	{ "interleave", { "\x02\x01{\x82\x02{}", 7 } },
	{ "fragmented-ping", { "\x09\x01x", 3 } },
	{ "bad-close", { "\x88\x02\x03\xed", 4 } }, /* 1005 may not be sent */
	{ "short-close", { "\x88\x01\x03", 3 } },
	{ "long-length", { "\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff", 10 } },
};

static const char *do_violate(struct sim *sim, const struct fault_args *args)
{
	const char *what = text_of(args, "what", "");

	for (size_t i = 0; i < sizeof violations / sizeof *violations; i++)
		if (strcmp(violations[i].what, what) == 0)
			return send_to_all(sim, violations[i].bytes, true);
	return "what must be mask, rsv, opcode, continuation, interleave, fragmented-ping, "
	       "bad-close, short-close or long-length";
}

/* ------------------------------------------------------------------ connections */

static const char *do_stall(struct sim *sim, const struct fault_args *args)
{
	double seconds;

	if (!number_of(args, "for", 0, 1e6, 1e6, &seconds))
		return "for must be seconds";
	for (struct sim_session *s = sim->sessions; s != NULL; s = s->next)
		s->stalled_until_ns = bc_mono_now().ns + (int64_t)(seconds * (double)BC_NS_PER_S);
	return NULL;
}

static const char *each_conn(struct sim *sim, void (*act)(struct sim_conn *conn))
{
	struct sim_session *next;

	for (struct sim_session *s = sim->sessions; s != NULL; s = next) {
		next = s->next;
		act(s->conn);
	}
	return NULL;
}

static const char *do_half_open(struct sim *sim, const struct fault_args *args)
{
	(void)args;
	return each_conn(sim, sim_conn_silence);
}

static const char *do_hang_up(struct sim *sim, const struct fault_args *args)
{
	(void)args;
	return each_conn(sim, sim_conn_end);
}

static const char *do_reset(struct sim *sim, const struct fault_args *args)
{
	(void)args;
	return each_conn(sim, sim_conn_reset);
}

static const char *do_close(struct sim *sim, const struct fault_args *args)
{
	struct sim_session *next;
	double code;

	if (!number_of(args, "code", 0, 65535, 1000, &code))
		return "code must be from 0 to 65535";
	for (struct sim_session *s = sim->sessions; s != NULL; s = next) {
		next = s->next;
		sim_conn_close(s->conn, (uint16_t)code);
	}
	return NULL;
}

/* ------------------------------------------------------------------ the door */

static const char *count_of(const struct fault_args *args, uint64_t *out)
{
	double n;

	if (!number_of(args, "n", 1, 1e15, 1, &n))
		return "n must be 1 or more";
	*out = (uint64_t)n;
	return NULL;
}

static const char *do_refuse(struct sim *sim, const struct fault_args *args)
{
	double status, retry;

	if (!number_of(args, "status", 300, 599, 503, &status) ||
	    !number_of(args, "retry_after", 0, 1e6, -1, &retry))
		return "status must be from 300 to 599, retry_after seconds";
	sim->door.refuse_status = (int)status;
	sim->door.refuse_retry_s = (long)retry;
	return count_of(args, &sim->door.refuse);
}

static const char *do_mute(struct sim *sim, const struct fault_args *args)
{
	return count_of(args, &sim->door.mute);
}

static const char *do_mute_connect(struct sim *sim, const struct fault_args *args)
{
	uint64_t n = 0;
	const char *why = count_of(args, &n);

	if (why == NULL)
		sim_server_mute(sim->server, n > UINT32_MAX ? UINT32_MAX : (uint32_t)n);
	return why;
}

static const char *do_extension(struct sim *sim, const struct fault_args *args)
{
	return count_of(args, &sim->door.extension);
}

static const char *do_bad_accept(struct sim *sim, const struct fault_args *args)
{
	return count_of(args, &sim->door.bad_accept);
}

static const char *do_rest_fail(struct sim *sim, const struct fault_args *args)
{
	double status, retry;

	if (!number_of(args, "status", 300, 599, 503, &status) ||
	    !number_of(args, "retry_after", 0, 1e6, -1, &retry))
		return "status must be from 300 to 599, retry_after seconds";
	sim->door.rest_status = (int)status;
	sim->door.rest_retry_s = (long)retry;
	return count_of(args, &sim->door.rest_fail);
}

static const char *do_rest_garbage(struct sim *sim, const struct fault_args *args)
{
	return count_of(args, &sim->door.rest_garbage);
}

static const char *do_rest_slow(struct sim *sim, const struct fault_args *args)
{
	double ms;

	if (!number_of(args, "ms", 1, 1e9, 1000, &ms))
		return "ms must be 1 or more";
	sim->door.rest_slow_ns = (int64_t)(ms * (double)BC_NS_PER_MS);
	return count_of(args, &sim->door.rest_slow);
}

/* ------------------------------------------------------------------ the market */

static const char *do_skew(struct sim *sim, const struct fault_args *args)
{
	double ms;

	if (!number_of(args, "ms", -1e12, 1e12, 0, &ms))
		return "ms must be a number";
	sim->skew_ns = (int64_t)(ms * (double)BC_NS_PER_MS);
	return NULL;
}

static const char *do_delist(struct sim *sim, const struct fault_args *args)
{
	size_t symbol;

	if (!market_find(sim->market, bc_str_of(text_of(args, "symbol", "")), &symbol))
		return "symbol must be one of the market's";
	market_delist(sim->market, symbol);
	return NULL;
}

static const char *do_burst(struct sim *sim, const struct fault_args *args)
{
	double times, seconds;

	if (!number_of(args, "x", 0.001, 1e6, 100, &times) ||
	    !number_of(args, "for", 0, 1e6, 10, &seconds))
		return "x and for must be numbers above 0";
	market_set_rate(sim->market, sim->options.rate * times);
	sim->burst_until_ns = bc_mono_now().ns + (int64_t)(seconds * (double)BC_NS_PER_S);
	return NULL;
}

static const char *do_clear(struct sim *sim, const struct fault_args *args)
{
	(void)args;
	memset(sim->armed, 0, sizeof sim->armed);
	sim->door = (struct fault_door){ .refuse = 0 };
	sim->crossed = 0;
	sim->skew_ns = 0;
	sim_server_mute(sim->server, 0);
	market_set_rate(sim->market, sim->options.rate);
	for (struct sim_session *s = sim->sessions; s != NULL; s = s->next) {
		s->stalled_until_ns = 0;
		s->stream.left = 0;
	}
	return NULL;
}

/* ------------------------------------------------------------------ the table */

static const struct fault {
	const char *name;
	const char *keys; /* what it takes, as shown by --help: "n symbol" */
	const char *help;
	const char *(*run)(struct sim *sim, const struct fault_args *args);
} faults[] = {
	{ "drop", "n symbol", "the next n data frames are not sent", do_drop },
	{ "duplicate", "n symbol", "... are sent twice", do_duplicate },
	{ "reorder", "n symbol", "... are sent after the frame behind them", do_reorder },
	{ "corrupt", "n symbol", "... hold a byte that JSON forbids", do_corrupt },
	{ "truncate", "n symbol", "... are half their JSON in a whole frame", do_truncate },
	{ "cut-frame", "n symbol", "... stop in the middle, and the connection ends", do_cut },
	{ "unknown-fields", "n symbol", "... have fields nobody knows", do_unknown },
	{ "missing-field", "key n symbol", "... lack the field `key`", do_missing },
	{ "invalid-utf8", "n symbol", "... hold bytes that are not UTF-8", do_utf8 },
	{ "nul", "n symbol", "... hold a NUL byte", do_nul },
	{ "crossed", "n", "the next n REALTIME books have their best prices exchanged",
	  do_crossed },
	{ "frame", "text", "sends this text as a data frame", do_frame },
	{ "deep", "depth", "a frame of nested arrays (100000)", do_deep },
	{ "giant", "bytes", "one frame of so many bytes (104857600), streamed", do_giant },
	{ "fragments", "bytes", "one message in fragments without end", do_fragments },
	{ "raw", "hex", "these bytes, outside any frame", do_raw },
	{ "violate", "what", "breaks RFC 6455: mask rsv opcode continuation ...", do_violate },
	{ "stall", "for", "no data for so many seconds; pings are answered", do_stall },
	{ "half-open", "", "nothing is read or written any more", do_half_open },
	{ "close", "code", "a close frame (1000)", do_close },
	{ "hang-up", "", "the connection ends without a close frame", do_hang_up },
	{ "reset", "", "the connection is reset", do_reset },
	{ "refuse", "n status retry_after", "the next n upgrades get this status (503)",
	  do_refuse },
	{ "mute", "n", "... are never answered", do_mute },
	{ "mute-connect", "n", "the next n connections are never read", do_mute_connect },
	{ "extension", "n", "the next n upgrades name an extension nobody offered", do_extension },
	{ "bad-accept", "n", "... have a wrong Sec-WebSocket-Accept", do_bad_accept },
	{ "rest-fail", "n status retry_after", "the next n REST requests get this status (503)",
	  do_rest_fail },
	{ "rest-garbage", "n", "... get half their body", do_rest_garbage },
	{ "rest-slow", "n ms", "... are answered so much later (1000)", do_rest_slow },
	{ "skew", "ms", "all times of the exchange are off by this; 0 ends it", do_skew },
	{ "delist", "symbol", "the symbol is not traded any more", do_delist },
	{ "burst", "x for", "x times the rate (100) for so many seconds (10)", do_burst },
	{ "clear", "", "disarms what waits, ends stall, skew and burst", do_clear },
};

static const struct fault *find(const char *name)
{
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
		if (strcmp(faults[i].name, name) == 0)
			return &faults[i];
	return NULL;
}

static bool key_known(const struct fault *fault, const char *key)
{
	size_t n = strlen(key);

	for (const char *at = fault->keys; n > 0 && (at = strstr(at, key)) != NULL; at += n)
		if ((at == fault->keys || at[-1] == ' ') && (at[n] == ' ' || at[n] == '\0'))
			return true;
	return false;
}

const char *sim_fault_check(const char *name, const struct fault_args *args)
{
	const struct fault *fault = find(name);

	if (fault == NULL)
		return "no such fault; bookcast-sim --help lists them";
	for (size_t i = 0; i < args->n; i++)
		if (!key_known(fault, args->args[i].key))
			return "takes no such argument; bookcast-sim --help lists them";
	return NULL;
}

const char *sim_fault(struct sim *sim, const char *name, const struct fault_args *args)
{
	const char *why = sim_fault_check(name, args);

	return why != NULL ? why : find(name)->run(sim, args);
}

void sim_faults_help(FILE *out)
{
	for (size_t i = 0; i < sizeof faults / sizeof *faults; i++)
		fprintf(out, "  %-15s %-21s %s\n", faults[i].name, faults[i].keys, faults[i].help);
}
