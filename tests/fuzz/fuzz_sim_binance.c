/* Any text as a request to the simulated Binance, over WebSocket, REST and in a path: it is
 * answered in JSON and ends no connection. The first byte says where it arrives. */
#include "publisher/simulator/binance.h"
#include "tests/support/sim_fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_MAX 4096

static const struct sim_face *const faces[] = { &sim_face_binance_spot, &sim_face_binance_usdm };
static struct market *markets[2];

static void on_reply(void *self, bc_str payload)
{
	++*(size_t *)self;
	sim_fuzz_check(payload);
}

static void on_close(void *self, uint16_t code, int64_t after_ns)
{
	(void)self;
	(void)code;
	(void)after_ns;
	abort();
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	for (int f = 0; f < 2; f++) {
		struct market_spec specs[4];
		struct market_options options = { .seed = 1,
						  .rate = 50,
						  .start = { SIM_FUZZ_START_NS },
						  .specs = specs,
						  .n_specs = 4,
						  .intervals_s = faces[f]->intervals_s,
						  .n_intervals = faces[f]->n_intervals };

		if (!faces[f]->specs(specs, 4))
			abort();
		for (size_t i = 0; i < 4; i++)
			specs[i].levels = 20;
		markets[f] = market_new(&options);
		if (markets[f] == NULL)
			abort();
	}
	return 0;
}

/* "GET <text> HTTP/1.1"; false: that is no request. */
static bool parse(bc_str text, char out[TEXT_MAX], struct http_request *r)
{
	int status, n = snprintf(out, TEXT_MAX, "GET %.*s HTTP/1.1\r\n\r\n", (int)text.n, text.p);
	size_t used;

	return n > 0 && n < TEXT_MAX && http_parse(out, (size_t)n, r, &used, &status) == BC_OK;
}

static void rest(const struct sim_face *face, void *state, const struct sim_world *world,
		 bc_str text)
{
	struct sim_reply reply = { .status = 200 };
	char bytes[TEXT_MAX];
	struct http_request r;

	if (parse(text, bytes, &r)) {
		face->request(state, world, &r, &reply);
		sim_fuzz_check((bc_str){ reply.body.data, reply.body.n });
	}
	sim_buffer_free(&reply.headers);
	sim_buffer_free(&reply.body);
}

static void open_and_say(const struct sim_face *face, void *state, struct sim_world *world,
			 bc_str path, bc_str text)
{
	size_t replies = 0;
	struct sim_sink sink = { &replies, sim_fuzz_data, on_reply, on_close, NULL };
	void *session = face->session_new(state);
	char bytes[TEXT_MAX];
	struct http_request r;

	if (session == NULL)
		return;
	if (parse(path, bytes, &r))
		face->opened(session, world, &r, &sink);
	if (text.n > 0)
		face->message(session, world, text, &sink);
	if (text.n > 0 && replies != 1)
		abort();
	for (int i = 0; i < 5; i++) {
		world->now.ns += 300 * BC_NS_PER_MS;
		market_advance(world->market, world->now);
		face->tick(session, world, true, &sink);
	}
	face->session_free(session);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t f = size > 0 ? data[0] & 1 : 0;
	bc_str text = { (const char *)data + 1, size > 0 ? size - 1 : 0 };
	static int64_t now_ns = SIM_FUZZ_START_NS + 100 * BC_NS_PER_MS;
	uint32_t crossed = 1;
	struct sim_world world = { .market = markets[f],
				   .now = { now_ns },
				   .mono = { BC_NS_PER_S },
				   .crossed = &crossed };
	void *state = faces[f]->state_new();
	struct sim_frame frame;
	uint64_t id;

	if (state == NULL || size == 0)
		goto out;
	switch (data[0] >> 1 & 3) {
	case 0:
		open_and_say(faces[f], state, &world, BC_STR("/stream"), text);
		break;
	case 1:
		open_and_say(faces[f], state, &world, text, BC_STR(""));
		break;
	case 2:
		rest(faces[f], state, &world, text);
		break;
	default:
		faces[f]->frame_of(text, &frame);
		faces[f]->body_id(text, &id);
		break;
	}
	now_ns = world.now.ns;
out:
	faces[f]->state_free(state);
	return 0;
}
