/* line_common.c - what the processes of a line agree on: marks, symbols, clocks, how one fails. */
#include "bench/line.h"

#include "publisher/simulator/face.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
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
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
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

bool line_symbols(struct line_symbols *out, size_t n)
{
	static struct market_spec specs[LINE_MAX_SYMBOLS];
	size_t at = 0;
	out->n = n;
	if (n == 0 || n > LINE_MAX_SYMBOLS || !sim_face_find("upbit")->specs(specs, n))
		return false;
	for (size_t i = 0; i < n; i++) {
		size_t len = strlen(specs[i].name);
		if (len >= sizeof out->names[i])
			return false;
		memcpy(out->names[i], specs[i].name, len + 1);
		at += (size_t)snprintf(out->list + at, sizeof out->list - at, "%s%s",
				       i > 0 ? "," : "", out->names[i]);
	}
	return true;
}
