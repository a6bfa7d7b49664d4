/* fault_send.c - faults of what is sent: data frames that will be damaged, and frames and bytes
 * that nobody asked for. */
#include "publisher/simulator/sim_internal.h"

#include <stdio.h>
#include <string.h>

#define CHUNK_BYTES    65536
#define FRAGMENT_BYTES 1000

/* ------------------------------------------------------------------ data frames */

static const char *arm(struct sim *sim, const struct fault_args *args, fault_damage *damage)
{
	double n;

	if (!fault_number(args, "n", 1, 1e15, 1, &n))
		return "n must be 1 or more";
	for (size_t i = 0; i < FAULTS_ARMED_MAX; i++) {
		struct fault_armed *a = &sim->armed[i];

		if (a->damage != NULL && a->left > 0)
			continue;
		a->damage = damage;
		a->left = (uint64_t)n;
		snprintf(a->symbol, sizeof a->symbol, "%s", fault_text(args, "symbol", ""));
		snprintf(a->match, sizeof a->match, "%s", fault_text(args, "match", ""));
		snprintf(a->arg, sizeof a->arg, "%s", fault_text(args, "key", ""));
		return NULL;
	}
	return "too many faults wait already; clear them";
}

const char *fault_drop(struct sim *sim, const struct fault_args *args)
{
	return arm(sim, args, damage_drop);
}

const char *fault_duplicate(struct sim *sim, const struct fault_args *args)
{
	return arm(sim, args, damage_duplicate);
}

const char *fault_reorder(struct sim *sim, const struct fault_args *args)
{
	return arm(sim, args, damage_reorder);
}

const char *fault_corrupt(struct sim *sim, const struct fault_args *args)
{
	return arm(sim, args, damage_corrupt);
}

const char *fault_truncate(struct sim *sim, const struct fault_args *args)
{
	return arm(sim, args, damage_truncate);
}

const char *fault_cut(struct sim *sim, const struct fault_args *args)
{
	return arm(sim, args, damage_cut);
}

const char *fault_unknown(struct sim *sim, const struct fault_args *args)
{
	return arm(sim, args, damage_unknown);
}

const char *fault_missing(struct sim *sim, const struct fault_args *args)
{
	const char *key = fault_text(args, "key", "");

	if (key[0] == '\0' || strlen(key) >= sizeof sim->armed[0].arg)
		return "key is missing: which field shall be?";
	return arm(sim, args, damage_missing);
}

const char *fault_utf8(struct sim *sim, const struct fault_args *args)
{
	return arm(sim, args, damage_utf8);
}

const char *fault_nul(struct sim *sim, const struct fault_args *args)
{
	return arm(sim, args, damage_nul);
}

const char *fault_crossed(struct sim *sim, const struct fault_args *args)
{
	double n;

	if (sim->replay != NULL)
		return "a capture is sent as recorded; only the model market can be crossed";
	if (!fault_number(args, "n", 1, 1e9, 1, &n))
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

const char *fault_frame(struct sim *sim, const struct fault_args *args)
{
	return send_to_all(sim, bc_str_of(fault_text(args, "text", "")), false);
}

const char *fault_deep(struct sim *sim, const struct fault_args *args)
{
	struct sim_buffer text = { NULL, 0, 0, false };
	double depth;

	if (!fault_number(args, "depth", 1, 1e7, 100000, &depth))
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

const char *fault_giant(struct sim *sim, const struct fault_args *args)
{
	char header[WS_HEADER_MAX], chunk[CHUNK_BYTES];
	double bytes;
	size_t n;

	if (!fault_number(args, "bytes", 1, 9e18, 104857600, &bytes))
		return "bytes must be from 1 to 9e18";
	memset(chunk, ' ', sizeof chunk);
	n = ws_header(ws_first(sim->face->data_opcode), (uint64_t)bytes, header);
	return stream_to_all(sim, (bc_str){ header, n }, (bc_str){ chunk, sizeof chunk },
			     (uint64_t)bytes);
}

/* One message in ever more fragments, the last of which never comes. */
const char *fault_fragments(struct sim *sim, const struct fault_args *args)
{
	char header[WS_HEADER_MAX], chunk[WS_HEADER_MAX + FRAGMENT_BYTES];
	double bytes;
	size_t n, head;

	if (!fault_number(args, "bytes", 1, 9e18, 104857600, &bytes))
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

const char *fault_raw(struct sim *sim, const struct fault_args *args)
{
	const char *hex = fault_text(args, "hex", "");
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

const char *fault_violate(struct sim *sim, const struct fault_args *args)
{
	const char *what = fault_text(args, "what", "");

	for (size_t i = 0; i < sizeof violations / sizeof *violations; i++)
		if (strcmp(violations[i].what, what) == 0)
			return send_to_all(sim, violations[i].bytes, true);
	return "what must be mask, rsv, opcode, continuation, interleave, fragmented-ping, "
	       "bad-close, short-close or long-length";
}
