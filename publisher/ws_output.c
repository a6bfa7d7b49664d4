#include "publisher/ws_output.h"

#include <stdlib.h>
#include <string.h>

#define HEADER_MAX 14 /* with its mask */

enum first_byte { FIRST_TEXT = 0x81, FIRST_CLOSE = 0x88, FIRST_PING = 0x89, FIRST_PONG = 0x8a };

void ws_output_init(struct ws_output *o, struct ws_random *random)
{
	*o = (struct ws_output){ .random = random };
	o->last = &o->first;
}

static void queue_drop(struct ws_output *o)
{
	while (o->first != NULL) {
		struct ws_outgoing *message = o->first;
		o->first = message->next;
		o->n_queued--;
		free(message);
	}
	o->last = &o->first;
}

void ws_output_free(struct ws_output *o)
{
	queue_drop(o);
	free(o->writing);
	o->writing = NULL;
	o->left = 0;
}

/* ------------------------------------------------------------------ frames */

/* The header of a masked frame; returns its length, the mask being its last four bytes. */
static size_t header_write(char *out, enum first_byte first, size_t n, const unsigned char mask[4])
{
	const size_t extra = n <= 125 ? 0 : n <= UINT16_MAX ? 2 : 8;
	out[0] = (char)first;
	out[1] = (char)(0x80 | (extra == 0 ? n : extra == 2 ? 126 : 127));
	for (size_t i = 0; i < extra; i++)
		out[2 + i] = (char)((uint64_t)n >> (8 * (extra - 1 - i)));
	memcpy(out + 2 + extra, mask, 4);
	return 2 + extra + 4;
}

static void masked_copy(char *out, const char *in, size_t n, const unsigned char mask[4])
{
	for (size_t i = 0; i < n; i++)
		out[i] = (char)((unsigned char)in[i] ^ mask[i & 3]);
}

/* ------------------------------------------------------------------ what to write */

static bc_status enqueue(struct ws_output *o, struct ws_outgoing *message)
{
	message->next = NULL;
	*o->last = message;
	o->last = &message->next;
	o->n_queued++;
	return BC_OK;
}

bc_status ws_output_raw(struct ws_output *o, const char *bytes, size_t n)
{
	struct ws_outgoing *message = malloc(sizeof *message + n);
	if (message == NULL)
		return BC_ENOMEM;
	message->n = n;
	memcpy(message->bytes, bytes, n);
	return enqueue(o, message);
}

bc_status ws_output_text(struct ws_output *o, const char *text, size_t n)
{
	unsigned char mask[4];
	if (o->n_queued >= WS_OUTPUT_QUEUE_MAX)
		return BC_EAGAIN;
	if (ws_random_take(o->random, mask, sizeof mask) != BC_OK)
		return BC_EIO;
	struct ws_outgoing *message = malloc(sizeof *message + HEADER_MAX + n);
	if (message == NULL)
		return BC_ENOMEM;
	const size_t header = header_write(message->bytes, FIRST_TEXT, n, mask);
	masked_copy(message->bytes + header, text, n, mask);
	message->n = header + n;
	return enqueue(o, message);
}

void ws_output_ping(struct ws_output *o)
{
	o->ping_due = true;
}

void ws_output_pong(struct ws_output *o, bc_str payload)
{
	o->n_pong = (unsigned char)payload.n;
	if (payload.n > 0)
		memcpy(o->pong, payload.p, payload.n);
	o->pong_due = true;
}

void ws_output_close(struct ws_output *o, uint16_t code)
{
	if (o->close_due || o->close_done)
		return;
	queue_drop(o);
	o->pong_due = o->ping_due = false;
	o->close_due = true;
	o->close_code = code;
}

/* ------------------------------------------------------------------ writing it */

static void control_begin(struct ws_output *o, enum first_byte first, const char *payload, size_t n)
{
	unsigned char mask[4];
	if (ws_random_take(o->random, mask, sizeof mask) != BC_OK)
		return; /* rather nothing than a mask that can be guessed */
	const size_t header = header_write(o->control, first, n, mask);
	masked_copy(o->control + header, payload, n, mask);
	o->at = o->control;
	o->left = header + n;
}

static void close_begin(struct ws_output *o)
{
	const char code[2] = { (char)(o->close_code >> 8), (char)o->close_code };
	o->close_due = false;
	o->close_done = true;
	control_begin(o, FIRST_CLOSE, code, o->close_code != 0 ? sizeof code : 0);
}

static void message_begin(struct ws_output *o)
{
	struct ws_outgoing *message = o->first;
	o->first = message->next;
	if (o->first == NULL)
		o->last = &o->first;
	o->writing = message;
	o->at = message->bytes;
	o->left = message->n;
}

bool ws_output_waiting(const struct ws_output *o)
{
	return o->left > 0 || o->close_due ||
	       (!o->close_done && (o->pong_due || o->ping_due || o->first != NULL));
}

bool ws_output_closed(const struct ws_output *o)
{
	return o->close_done && o->left == 0;
}

bc_str ws_output_next(struct ws_output *o)
{
	if (o->left > 0) {
		/* what has begun */
	} else if (o->close_due) {
		close_begin(o);
	} else if (o->close_done) {
		return (bc_str){ NULL, 0 };
	} else if (o->pong_due) {
		o->pong_due = false;
		control_begin(o, FIRST_PONG, o->pong, o->n_pong);
	} else if (o->ping_due) {
		o->ping_due = false;
		control_begin(o, FIRST_PING, NULL, 0);
	} else if (o->first != NULL) {
		message_begin(o);
	}
	return (bc_str){ o->at, o->left };
}

void ws_output_wrote(struct ws_output *o, size_t n)
{
	o->at += n;
	o->left -= n;
	if (o->left == 0 && o->writing != NULL) {
		free(o->writing);
		o->writing = NULL;
		o->n_queued--;
	}
}
