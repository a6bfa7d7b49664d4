/* fault_frames.c - the ways a data frame can arrive wrong. */
#include "publisher/simulator/sim_internal.h"

#include <string.h>

#define STREAM_QUEUE (1u << 20) /* a stream keeps this much waiting */

void fault_send(struct sim_session *s, bc_str payload)
{
	s->sim->data_frames++;
	sim_conn_send(s->conn, s->sim->face->data_opcode, payload);
}

void damage_drop(struct sim_session *s, bc_str payload, const char *arg)
{
	(void)s;
	(void)payload;
	(void)arg;
}

void damage_duplicate(struct sim_session *s, bc_str payload, const char *arg)
{
	(void)arg;
	fault_send(s, payload);
	fault_send(s, payload);
}

/* Held until the next frame that the fault is for has gone out; that one is let go by
 * sim_fault_data(). */
void damage_reorder(struct sim_session *s, bc_str payload, const char *arg)
{
	(void)arg;
	if (s->held.n > 0) {
		fault_send(s, payload);
		return;
	}
	sim_buffer_str(&s->held, payload);
	s->held_new = true;
}

/* A byte that no JSON text may hold. */
void damage_corrupt(struct sim_session *s, bc_str payload, const char *arg)
{
	struct sim_buffer copy = { NULL, 0, 0, false };

	(void)arg;
	sim_buffer_str(&copy, payload);
	if (!copy.failed && copy.n > 0)
		copy.data[copy.n / 2] = 0x01;
	fault_send(s, (bc_str){ copy.data, copy.n });
	sim_buffer_free(&copy);
}

void damage_truncate(struct sim_session *s, bc_str payload, const char *arg)
{
	(void)arg;
	fault_send(s, (bc_str){ payload.p, payload.n / 2 });
}

/* The header promises all of it; half comes, then the end of the connection. */
void damage_cut(struct sim_session *s, bc_str payload, const char *arg)
{
	struct sim_buffer bytes = { NULL, 0, 0, false };
	char header[WS_HEADER_MAX];
	size_t n = ws_header(ws_first(s->sim->face->data_opcode), payload.n, header);

	(void)arg;
	sim_buffer_add(&bytes, header, n);
	sim_buffer_add(&bytes, payload.p, payload.n / 2);
	sim_conn_write(s->conn, (bc_str){ bytes.data, bytes.n });
	sim_conn_end(s->conn);
	sim_buffer_free(&bytes);
}

/* Sends the payload with `extra` after its first brace. */
static void send_with(struct sim_session *s, bc_str payload, bc_str extra)
{
	struct sim_buffer text = { NULL, 0, 0, false };
	const char *brace = memchr(payload.p, '{', payload.n);
	size_t n = brace != NULL ? (size_t)(brace - payload.p) + 1 : 0;

	sim_buffer_add(&text, payload.p, n);
	sim_buffer_str(&text, extra);
	sim_buffer_add(&text, payload.p + n, payload.n - n);
	fault_send(s, (bc_str){ text.data, text.n });
	sim_buffer_free(&text);
}

void damage_unknown(struct sim_session *s, bc_str payload, const char *arg)
{
	(void)arg;
	send_with(s, payload,
		  BC_STR("\"brand_new\":{\"a\":[1,-2.5e3,null,true,{\"b\":\"\\u00e9\"}]},"
			 "\"also\":\"\",\"z\":[],"));
}

void damage_utf8(struct sim_session *s, bc_str payload, const char *arg)
{
	(void)arg;
	send_with(s, payload, BC_STR("\"note\":\"\xff\xc0\x80\","));
}

void damage_nul(struct sim_session *s, bc_str payload, const char *arg)
{
	(void)arg;
	send_with(s, payload, BC_STR("\"note\":\"a\0b\","));
}

/* "key": becomes "_": wherever it stands. */
void damage_missing(struct sim_session *s, bc_str payload, const char *arg)
{
	struct sim_buffer text = { NULL, 0, 0, false };
	char key[80];
	int n = snprintf(key, sizeof key, "\"%s\":", arg);
	const char *at;

	while ((at = memmem(payload.p, payload.n, key, (size_t)n)) != NULL) {
		size_t before = (size_t)(at - payload.p);

		sim_buffer_add(&text, payload.p, before);
		sim_buffer_text(&text, "\"_\":");
		payload.p += before + (size_t)n;
		payload.n -= before + (size_t)n;
	}
	sim_buffer_str(&text, payload);
	fault_send(s, (bc_str){ text.data, text.n });
	sim_buffer_free(&text);
}

static bool is_for(const struct fault_armed *armed, const struct sim_session *s, bc_str symbol,
		   bc_str payload)
{
	char name[MARKET_NAME_MAX];

	if (armed->match[0] != '\0' &&
	    memmem(payload.p, payload.n, armed->match, strlen(armed->match)) == NULL)
		return false;
	if (armed->symbol[0] == '\0')
		return true;
	if (symbol.n == 0 && s->sim->face->symbol_of(payload, name))
		symbol = bc_str_of(name); /* of a capture: nobody looked inside before */
	return bc_str_is(symbol, armed->symbol);
}

static bool damage(struct sim_session *s, bc_str symbol, bc_str payload)
{
	for (size_t i = 0; i < FAULTS_ARMED_MAX; i++) {
		struct fault_armed *armed = &s->sim->armed[i];

		if (armed->damage == NULL || armed->left == 0 || !is_for(armed, s, symbol, payload))
			continue;
		armed->left--;
		armed->damage(s, payload, armed->arg);
		if (s->held_new)
			s->held_by = *armed;
		return true;
	}
	return false;
}

bool sim_fault_data(struct sim_session *s, bc_str symbol, bc_str payload)
{
	bool dealt_with;

	if (s->stream.left > 0)
		return true; /* a frame is being sent that does not end: nothing fits between */
	dealt_with = damage(s, symbol, payload);
	if (s->held.n == 0)
		return dealt_with;
	if (s->held_new) {
		s->held_new = false;
		return dealt_with;
	}
	if (!is_for(&s->held_by, s, symbol, payload))
		return dealt_with;
	if (!dealt_with)
		fault_send(s, payload);
	fault_send(s, (bc_str){ s->held.data, s->held.n });
	sim_buffer_clear(&s->held);
	return true;
}

bool sim_fault_stream(struct sim_session *s)
{
	while (s->stream.left > 0 && sim_conn_queued(s->conn) < STREAM_QUEUE) {
		size_t n = s->stream.left < s->stream.chunk.n ? (size_t)s->stream.left
							      : s->stream.chunk.n;

		s->stream.left -= n;
		sim_conn_write(s->conn, (bc_str){ s->stream.chunk.data, n });
		if (s->gone)
			return true;
	}
	return s->stream.left > 0;
}
