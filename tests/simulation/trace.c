#include "tests/simulation/trace.h"

#include <stdarg.h>
#include <string.h>

void trace_bytes(struct trace *trace, bc_str bytes)
{
	uint64_t hash = trace->hash ^ bytes.n;
	size_t at = 0;
	for (uint64_t word; at + sizeof word <= bytes.n; at += sizeof word) {
		memcpy(&word, bytes.p + at, sizeof word);
		hash = (hash ^ word) * UINT64_C(0x9e3779b97f4a7c15);
		hash ^= hash >> 29;
	}
	for (; at < bytes.n; at++)
		hash = (hash ^ (unsigned char)bytes.p[at]) * UINT64_C(0x100000001b3);
	trace->hash = hash;
}

static void print_entry(const struct trace_entry *e, FILE *out)
{
	fprintf(out, "%8llu %12.6f %u %s\n", (unsigned long long)e->step, (double)e->at_ns / 1e9,
		e->who, e->text);
}

void trace_note(struct trace *trace, uint32_t who, int64_t at_ns, uint64_t step, const char *format,
		...)
{
	struct trace_entry *e = &trace->kept[trace->n++ % TRACE_KEPT];
	va_list args;
	e->who = who;
	e->at_ns = at_ns;
	e->step = step;
	va_start(args, format);
	int n = vsnprintf(e->text, sizeof e->text, format, args);
	va_end(args);
	trace_bytes(trace, (bc_str){ (const char *)&at_ns, sizeof at_ns });
	trace_bytes(trace, (bc_str){ e->text,
				     (size_t)n < sizeof e->text ? (size_t)n : sizeof e->text - 1 });
	if (trace->verbose)
		print_entry(e, stdout);
}

void trace_print(const struct trace *trace, FILE *out)
{
	uint64_t first = trace->n > TRACE_KEPT ? trace->n - TRACE_KEPT : 0;
	for (uint64_t i = first; i < trace->n; i++)
		print_entry(&trace->kept[i % TRACE_KEPT], out);
}
