/* line_common.c - what the processes of a line agree on: marks, symbols, clocks, how one fails. */
#include "bench/line.h"

#include "common/clock.h"
#include "publisher/simulator/replay.h"
#include "publisher/simulator/upbit.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void line_mark_write(char out[LINE_MARK_DIGITS], int64_t mark)
{
	for (size_t i = LINE_MARK_DIGITS; i-- > 2; mark /= 10)
		out[i] = (char)('0' + mark % 10);
	out[1] = '.';
	out[0] = (char)('0' + mark % 10);
}

int64_t line_mark_of(bc_decimal q)
{
	for (; q.exponent > LINE_MARK_EXPONENT && q.mantissa < LINE_MEASURED * 10; q.exponent--)
		q.mantissa *= 10;
	return q.exponent == LINE_MARK_EXPONENT ? q.mantissa : 0;
}

int64_t line_now(void)
{
	return bc_mono_now().ns;
}

void line_die(struct line_shared *s, const char *format, ...)
{
	va_list args;
	if (!atomic_exchange(&s->dying, true)) {
		va_start(args, format);
		vsnprintf(s->why, sizeof s->why, format, args);
		va_end(args);
		s->failed = true;
	}
	_exit(1);
}

int64_t line_slowest(const struct line_shared *s, size_t n_ears, bool measured)
{
	int64_t slowest = INT64_MAX;
	for (size_t i = 0; i < n_ears; i++) {
		const struct line_heard *h = &s->ears[i];
		int64_t at = atomic_load_explicit(measured ? &h->measured : &h->warm,
						  memory_order_acquire);
		slowest = at < slowest ? at : slowest;
	}
	return slowest;
}

static void add_symbol(struct line_symbols *out, const char *name)
{
	size_t len = strlen(name), at = strlen(out->list);
	if (len >= sizeof out->names[0] || out->n == LINE_MAX_SYMBOLS)
		return;
	for (size_t i = 0; i < out->n; i++)
		if (strcmp(out->names[i], name) == 0)
			return;
	memcpy(out->names[out->n++], name, len + 1);
	snprintf(out->list + at, sizeof out->list - at, "%s%s", at > 0 ? "," : "", name);
}

static bool symbols_of_capture(struct line_symbols *out, const char *path)
{
	struct sim_replay *replay = NULL;
	char why[LINE_WHY_MAX], name[MARKET_NAME_MAX];
	if (sim_replay_open(&replay, path, why, sizeof why) != BC_OK)
		return false;
	for (size_t i = 0; i < sim_replay_n_frames(replay); i++)
		if (sim_face_upbit.symbol_of(sim_replay_frame(replay, i), name))
			add_symbol(out, name);
	sim_replay_free(&replay);
	return out->n > 0;
}

bool line_symbols(struct line_symbols *out, const struct line_plan *plan)
{
	static struct market_spec specs[LINE_MAX_SYMBOLS];
	out->n = 0;
	out->list[0] = '\0';
	if (plan->capture != NULL)
		return symbols_of_capture(out, plan->capture);
	if (plan->n_symbols == 0 || plan->n_symbols > LINE_MAX_SYMBOLS ||
	    !sim_face_upbit.specs(specs, plan->n_symbols))
		return false;
	size_t at = 0;
	for (; out->n < plan->n_symbols; out->n++) {
		size_t len = strlen(specs[out->n].name);
		if (len >= sizeof out->names[0])
			return false;
		memcpy(out->names[out->n], specs[out->n].name, len + 1);
		at += (size_t)snprintf(out->list + at, sizeof out->list - at, "%s%s",
				       at > 0 ? "," : "", specs[out->n].name);
	}
	return true;
}
