#include "tests/conformance/hear.h"

#include "tests/support/ws_server.h"

#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_HEADER "\r\nSec-WebSocket-Key: "

static bool has_line(const char *head, const char *line)
{
	char text[128];
	snprintf(text, sizeof text, "\r\n%s\r\n", line);
	return strcasestr(head, text) != NULL;
}

/* Base64 of 16 bytes: 24 characters. */
static bool key_is_sound(const char *head)
{
	unsigned char bytes[20];
	const char *key = strcasestr(head, KEY_HEADER);
	if (key == NULL)
		return false;
	key += strlen(KEY_HEADER);
	return strcspn(key, "\r") == 24 && key[22] == '=' && key[23] == '=' &&
	       EVP_DecodeBlock(bytes, (const unsigned char *)key, 24) == 18;
}

const char *hear_request(const char *head, const struct conformance_case *c, char accept_value[29])
{
	static const char *const lines[] = { "Upgrade: websocket", "Connection: Upgrade",
					     "Sec-WebSocket-Version: 13" };
	if (strncmp(head, "GET /feed?a=b HTTP/1.1\r\n", 24) != 0)
		return "not GET /feed?a=b HTTP/1.1";
	for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
		if (!has_line(head, lines[i]))
			return lines[i];
	if (strcasestr(head, "\r\nHost: exchange.test:") == NULL)
		return "no Host";
	if (!key_is_sound(head) || !ws_accept_value(head, accept_value))
		return "no Sec-WebSocket-Key of 16 bytes";
	if (strcasestr(head, "\r\nOrigin:") != NULL)
		return "an Origin, which is for browsers";
	if (strcasestr(head, "\r\nSec-WebSocket-Protocol:") != NULL)
		return "a subprotocol";
	if (!c->compression && strcasestr(head, "\r\nSec-WebSocket-Extensions:") != NULL)
		return "an extension";
	return c->request != NULL ? c->request(head) : NULL;
}

/* ------------------------------------------------------------------ frames */

struct frame {
	unsigned char first;
	uint64_t n;
	const unsigned char *mask;
	char *payload;
	size_t size; /* all of it */
};

/* False: there is no whole frame yet. */
static bool frame_parse(struct sim_buffer *in, struct frame *f)
{
	const unsigned char *head = (const unsigned char *)in->data;
	if (in->n < 2)
		return false;
	const size_t more = (head[1] & 0x7f) == 127 ? 8 : (head[1] & 0x7f) == 126 ? 2 : 0;
	const size_t n_mask = (head[1] & 0x80) != 0 ? 4 : 0;
	if (in->n < 2 + more + n_mask)
		return false;
	f->n = more == 0 ? head[1] & 0x7f : 0;
	for (size_t i = 0; i < more; i++)
		f->n = f->n << 8 | head[2 + i];
	f->size = 2 + more + n_mask + f->n;
	if (f->n > in->n || in->n < f->size)
		return false;
	f->first = head[0];
	f->mask = n_mask > 0 ? head + 2 + more : NULL;
	f->payload = in->data + 2 + more + n_mask;
	return true;
}

static const char *frame_wrong(const struct peer *p, const struct frame *f)
{
	const unsigned int opcode = f->first & 0x0f;
	unsigned char head[10];
	if (f->mask == NULL)
		return "a frame that is not masked";
	if (p->n_heard > 0 && memcmp(p->mask, f->mask, 4) == 0)
		return "the masking key of the frame before";
	if ((f->first & 0x30) != 0 || ((f->first & 0x40) != 0 && !p->c->compression))
		return "a reserved bit";
	if (frame_head(f->first, f->n, head) + 4 + f->n != f->size)
		return "a length longer than need be";
	if (opcode > 10 || (opcode > 2 && opcode < 8))
		return "an unknown opcode";
	if (opcode >= 8 && (f->n > 125 || (f->first & 0x80) == 0))
		return "a control frame in pieces, or too long";
	if (p->heard_close)
		return "a frame after its close frame";
	return NULL;
}

static void frame_hear(struct peer *p, struct frame *f)
{
	unsigned char head[10];
	if (f->mask != NULL) {
		memcpy(p->mask, f->mask, 4);
		for (size_t i = 0; i < f->n; i++)
			f->payload[i] = (char)(f->payload[i] ^ p->mask[i & 3]);
	}
	if (f->first == 0x88) {
		p->heard_close = true;
		if (f->n > 2 && bc_utf8_valid(f->payload + 2, f->n - 2))
			f->n = 2;
	}
	sim_buffer_add(&p->heard, head, frame_head(f->first, f->n, head));
	sim_buffer_add(&p->heard, f->payload, f->n);
	p->n_heard++;
}

void hear_frames(struct peer *p)
{
	struct frame f;
	while (frame_parse(&p->in, &f)) {
		const char *wrong = frame_wrong(p, &f);
		if (wrong != NULL && p->wrong[0] == '\0')
			snprintf(p->wrong, sizeof p->wrong, "sent %s: %02X and %lu bytes", wrong,
				 f.first, (unsigned long)f.n);
		frame_hear(p, &f);
		sim_buffer_drop(&p->in, f.size);
	}
}
