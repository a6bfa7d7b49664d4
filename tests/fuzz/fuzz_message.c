/* Any bytes give a message or a status. What decodes encodes again (unless it holds numbers of
 * enumerations of a newer version), decodes to the same, and is then stable byte for byte; and it
 * prints as one line of UTF-8. */
#include "common/message_json.h"
#include "proto/codec.h"
#include "tests/support/same_envelope.h"

#include <stdlib.h>
#include <string.h>

#define MAX_LEVELS 256

static void demand(bool ok)
{
	if (!ok)
		abort();
}

static bool all_enums_known(const struct bc_message *m)
{
	const struct bc_envelope *e = &m->envelope;
	if ((unsigned)e->state >= BC_N_STATES || (unsigned)e->reason >= BC_N_REASONS)
		return false;
	switch (e->channel) {
	case BC_CHANNEL_TRADE:
		return (unsigned)m->body.trade.side < BC_N_SIDES;
	case BC_CHANNEL_CANDLE:
		return (unsigned)m->body.candle.interval < BC_N_INTERVALS;
	case BC_CHANNEL_INSTRUMENT:
		return (unsigned)m->body.instrument.kind < BC_N_KINDS &&
		       (unsigned)m->body.instrument.status < BC_N_LISTINGS;
	case BC_CHANNEL_STATE:
		return (unsigned)m->body.state.previous < BC_N_STATES;
	default:
		return true;
	}
}

static bc_status count_text(void *self, const char *bytes, size_t n)
{
	(void)bytes;
	*(size_t *)self += n;
	return BC_OK;
}

static void check_json(const struct bc_message *m, size_t size)
{
	struct bc_message_view view = { .exchange = BC_STR("x"), .symbol = BC_STR("y") };
	struct bc_json_writer w;
	size_t total = 0, cap = 16384 + 8 * size;
	char buffer[64], *text = malloc(cap);
	demand(text != NULL);
	bc_json_start(&w, buffer, sizeof buffer, count_text, &total);
	demand(bc_message_json(&w, m, &view) == BC_OK);
	bc_json_start(&w, text, cap, NULL, NULL);
	bc_status rc = bc_message_json(&w, m, &view);
	demand(rc == (total < cap ? BC_OK : BC_ERANGE));
	if (rc == BC_OK)
		demand(w.n == total && bc_utf8_valid(text, w.n) && text[w.n - 1] == '\n');
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bc_message first, second;
	bc_level levels[MAX_LEVELS], again[MAX_LEVELS];
	size_t n, n_again, cap = bc_message_bound(MAX_LEVELS, 2 * size);
	bc_str payload = { (const char *)data, size };
	if (bc_message_decode(payload, &first, levels, MAX_LEVELS) != BC_OK)
		return 0;
	check_json(&first, size);
	uint8_t *out = malloc(2 * cap);
	demand(out != NULL);
	bc_status rc = bc_message_encode(&first, out, cap, &n);
	demand(rc == (all_enums_known(&first) ? BC_OK : BC_EINVAL));
	if (rc == BC_OK) {
		demand(bc_message_decode((bc_str){ (char *)out, n }, &second, again, MAX_LEVELS) ==
		       BC_OK);
		demand(same_envelope(&first.envelope, &second.envelope));
		demand(bc_message_encode(&second, out + cap, cap, &n_again) == BC_OK);
		demand(n == n_again && memcmp(out, out + cap, n) == 0);
	}
	free(out);
	return 0;
}
