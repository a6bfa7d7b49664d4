#include "publisher/simulator/ws_frame.h"

#include <openssl/evp.h>
#include <string.h>

#define FIN_BIT      0x80
#define RESERVED     0x70
#define OPCODE_BITS  0x0f
#define CONTROL_BIT  0x08
#define MASK_BIT     0x80
#define CONTROL_MAX  125
#define LENGTH_2     126
#define LENGTH_8     127
#define LENGTH_2_MAX 0xffff

struct header {
	bool fin;
	enum ws_opcode opcode;
	uint64_t length;
	const unsigned char *mask;
	size_t n; /* bytes of the header */
};

void ws_parser_init(struct ws_parser *p, size_t max_bytes)
{
	*p = (struct ws_parser){ .max_bytes = max_bytes };
}

void ws_parser_free(struct ws_parser *p)
{
	sim_buffer_free(&p->message);
}

static bool opcode_known(unsigned opcode)
{
	return opcode <= WS_BINARY || (opcode >= WS_CLOSE && opcode <= WS_PONG);
}

static bc_status read_header(const unsigned char *b, size_t n, struct header *h)
{
	size_t extended;

	if (n < 2)
		return BC_EAGAIN;
	h->fin = (b[0] & FIN_BIT) != 0;
	if ((b[0] & RESERVED) != 0 || !opcode_known(b[0] & OPCODE_BITS) || (b[1] & MASK_BIT) == 0)
		return BC_EPARSE;
	h->opcode = (enum ws_opcode)(b[0] & OPCODE_BITS);
	h->length = b[1] & (MASK_BIT - 1);
	extended = h->length == LENGTH_2 ? 2 : h->length == LENGTH_8 ? 8 : 0;
	if ((h->opcode & CONTROL_BIT) != 0 && (extended != 0 || !h->fin))
		return BC_EPARSE;
	h->n = 2 + extended + 4;
	if (n < h->n)
		return BC_EAGAIN;
	if (extended != 0)
		h->length = 0;
	for (size_t i = 0; i < extended; i++)
		h->length = h->length << 8 | b[2 + i];
	h->mask = b + 2 + extended;
	return BC_OK;
}

static void unmask(char *payload, size_t n, const unsigned char *mask)
{
	for (size_t i = 0; i < n; i++)
		payload[i] = (char)((unsigned char)payload[i] ^ mask[i & 3]);
}

/* A data frame: alone, or a piece of a message. */
static bc_status join(struct ws_parser *p, const struct header *h, bc_str payload,
		      struct ws_message *out)
{
	bool begins = h->opcode != WS_CONTINUATION;

	if (begins == (p->opcode != WS_CONTINUATION))
		return BC_EPARSE;
	if (begins && h->fin) {
		*out = (struct ws_message){ h->opcode, payload };
		return BC_OK;
	}
	if (begins) {
		p->opcode = h->opcode;
		sim_buffer_clear(&p->message);
	}
	sim_buffer_str(&p->message, payload);
	if (p->message.failed)
		return BC_ENOMEM;
	if (!h->fin)
		return BC_EAGAIN;
	*out = (struct ws_message){ p->opcode, { p->message.data, p->message.n } };
	p->opcode = WS_CONTINUATION;
	return BC_OK;
}

static bc_status parse_frame(struct ws_parser *p, char *bytes, size_t n, size_t *used,
			     struct ws_message *out)
{
	struct header h;
	bc_str payload;
	size_t joined = p->opcode != WS_CONTINUATION ? p->message.n : 0;
	bc_status rc = read_header((const unsigned char *)bytes, n, &h);

	*used = 0;
	if (rc != BC_OK)
		return rc;
	if (h.length > p->max_bytes || joined + h.length > p->max_bytes)
		return BC_ERANGE;
	if (n - h.n < h.length)
		return BC_EAGAIN;
	*used = h.n + (size_t)h.length;
	payload = (bc_str){ bytes + h.n, (size_t)h.length };
	unmask(bytes + h.n, payload.n, h.mask);
	if ((h.opcode & CONTROL_BIT) == 0)
		return join(p, &h, payload, out);
	*out = (struct ws_message){ h.opcode, payload };
	return BC_OK;
}

bc_status ws_parse(struct ws_parser *p, char *bytes, size_t n, size_t *used, struct ws_message *out,
		   uint16_t *close_code)
{
	bc_status rc = parse_frame(p, bytes, n, used, out);

	*close_code = rc == BC_ERANGE ? WS_CLOSE_TOO_LARGE : WS_CLOSE_PROTOCOL;
	if (rc == BC_OK && out->opcode == WS_TEXT &&
	    !bc_utf8_valid(out->payload.p, out->payload.n)) {
		*close_code = WS_CLOSE_BAD_DATA;
		return BC_EPARSE;
	}
	return rc;
}

uint8_t ws_first(enum ws_opcode opcode)
{
	return (uint8_t)(FIN_BIT | (unsigned)opcode);
}

size_t ws_header(uint8_t first, uint64_t n, char out[WS_HEADER_MAX])
{
	size_t extended = n <= CONTROL_MAX ? 0 : n <= LENGTH_2_MAX ? 2 : 8;

	out[0] = (char)first;
	out[1] = (char)(extended == 0 ? n : extended == 2 ? LENGTH_2 : LENGTH_8);
	for (size_t i = 0; i < extended; i++)
		out[2 + i] = (char)(n >> (8 * (extended - 1 - i)));
	return 2 + extended;
}

bc_status ws_accept(bc_str key, char out[WS_ACCEPT_MAX])
{
	static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* RFC 6455, 1.3 */
	char text[128];
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	if (key.n == 0 || key.n + sizeof guid > sizeof text)
		return BC_EINVAL;
	memcpy(text, key.p, key.n);
	memcpy(text + key.n, guid, sizeof guid - 1);
	if (EVP_Digest(text, key.n + sizeof guid - 1, digest, &n, EVP_sha1(), NULL) != 1)
		return BC_EIO;
	EVP_EncodeBlock((unsigned char *)out, digest, (int)n);
	return BC_OK;
}
