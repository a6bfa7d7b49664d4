/* Any text as a request to the simulated Upbit: it is refused with an error and a close, or it is
 * taken, and then everything that is sent is JSON. */
#include "publisher/simulator/upbit.h"
#include "tests/support/sim_fuzz.h"

#include <stdlib.h>
#include <string.h>

struct seen {
	bool error, closed;
};

static void on_reply(void *self, bc_str payload)
{
	struct seen *seen = self;

	sim_fuzz_check(payload);
	seen->error |= memmem(payload.p, payload.n, "\"error\"", 7) != NULL;
}

static void on_close(void *self, uint16_t code, int64_t after_ns)
{
	if (code != WS_CLOSE_NORMAL || after_ns <= 0)
		abort();
	((struct seen *)self)->closed = true;
}

static struct market *market;
static void *state;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct market_spec specs[8];
	struct market_options options = { .seed = 1,
					  .rate = 1000,
					  .start = { SIM_FUZZ_START_NS },
					  .specs = specs,
					  .n_specs = 8,
					  .intervals_s = sim_face_upbit.intervals_s,
					  .n_intervals = sim_face_upbit.n_intervals };

	(void)argc;
	(void)argv;
	if (!sim_face_upbit.specs(specs, 8))
		abort();
	market = market_new(&options);
	state = sim_face_upbit.state_new();
	return market != NULL && state != NULL ? 0 : -1;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct seen seen = { false, false };
	struct sim_sink sink = { &seen, sim_fuzz_data, on_reply, on_close, NULL };
	uint32_t crossed = 0;
	struct sim_world world = { .market = market,
				   .now = { SIM_FUZZ_START_NS + 100 * BC_NS_PER_MS },
				   .mono = { BC_NS_PER_S },
				   .crossed = &crossed };
	void *session = sim_face_upbit.session_new(state);

	if (session == NULL)
		return 0;
	sim_face_upbit.message(session, &world, (bc_str){ (const char *)data, size }, &sink);
	if (seen.error != seen.closed)
		abort();
	sim_face_upbit.tick(session, &world, true, &sink);
	sim_face_upbit.session_free(session);
	return 0;
}
