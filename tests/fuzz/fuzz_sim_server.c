/* What a client may send to the simulated exchange. However the bytes are cut into pieces, the same
 * requests and frames come out of them. */
#include "publisher/simulator/http.h"
#include "publisher/simulator/ws_frame.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MESSAGE_MAX 4096

/* Everything that was understood, in order, and how it ended. */
static void read_frames(const uint8_t *data, size_t size, size_t step, struct sim_buffer *out)
{
	struct ws_parser parser;
	struct sim_buffer in = { NULL, 0, 0, false };
	bc_status rc = BC_EAGAIN;

	ws_parser_init(&parser, MESSAGE_MAX);
	for (size_t at = 0; at < size && (rc == BC_OK || rc == BC_EAGAIN); at += step) {
		size_t used, n = size - at < step ? size - at : step;

		sim_buffer_add(&in, data + at, n);
		do {
			struct ws_message m;
			uint16_t code;

			rc = ws_parse(&parser, in.data, in.n, &used, &m, &code);
			if (rc == BC_OK) {
				sim_buffer_printf(out, "%d %zu ", m.opcode, m.payload.n);
				sim_buffer_str(out, m.payload);
			} else if (rc != BC_EAGAIN) {
				sim_buffer_printf(out, "%u", code);
			}
			sim_buffer_drop(&in, used);
		} while ((rc == BC_OK || rc == BC_EAGAIN) && used > 0);
	}
	sim_buffer_free(&in);
	ws_parser_free(&parser);
}

static void check_request(const uint8_t *data, size_t size)
{
	struct http_request r;
	char value[32];
	size_t used;
	int status = 0;
	bc_status rc = http_parse((const char *)data, size, &r, &used, &status);

	if (rc == BC_OK && (used == 0 || used > size || r.path.n == 0))
		abort();
	if (rc != BC_OK && rc != BC_EAGAIN && status < 400)
		abort();
	if (rc != BC_OK)
		return;
	(void)http_query(&r, "market", value, sizeof value);
	/* One byte less is never a whole request. */
	if (http_parse((const char *)data, used - 1, &r, &used, &status) == BC_OK)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sim_buffer whole = { NULL, 0, 0, false }, pieces = { NULL, 0, 0, false };

	check_request(data, size);
	if (size < 2)
		return 0;
	read_frames(data + 1, size - 1, size, &whole);
	read_frames(data + 1, size - 1, 1 + data[0] % 16, &pieces);
	if (whole.n != pieces.n || (whole.n > 0 && memcmp(whole.data, pieces.data, whole.n) != 0))
		abort();
	sim_buffer_free(&whole);
	sim_buffer_free(&pieces);
	return 0;
}
