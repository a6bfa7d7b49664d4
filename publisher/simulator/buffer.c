#include "publisher/simulator/buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void sim_buffer_free(struct sim_buffer *b)
{
	free(b->data);
	*b = (struct sim_buffer){ NULL, 0, 0, false };
}

void sim_buffer_clear(struct sim_buffer *b)
{
	b->n = 0;
	b->failed = false;
}

void sim_buffer_drop(struct sim_buffer *b, size_t n)
{
	if (n == 0)
		return;
	memmove(b->data, b->data + n, b->n - n);
	b->n -= n;
}

bool sim_buffer_reserve(struct sim_buffer *b, size_t more)
{
	size_t cap = b->cap == 0 ? 256 : b->cap;
	char *data;

	if (b->failed)
		return false;
	if (b->cap - b->n >= more)
		return true;
	while (cap - b->n < more) {
		if (cap > SIZE_MAX / 4) {
			b->failed = true;
			return false;
		}
		cap *= 2;
	}
	data = realloc(b->data, cap);
	if (data == NULL) {
		b->failed = true;
		return false;
	}
	b->data = data;
	b->cap = cap;
	return true;
}

void sim_buffer_add(struct sim_buffer *b, const void *bytes, size_t n)
{
	if (n == 0 || !sim_buffer_reserve(b, n))
		return;
	memcpy(b->data + b->n, bytes, n);
	b->n += n;
}

void sim_buffer_text(struct sim_buffer *b, const char *text)
{
	sim_buffer_add(b, text, strlen(text));
}

void sim_buffer_str(struct sim_buffer *b, bc_str text)
{
	sim_buffer_add(b, text.p, text.n);
}

void sim_buffer_char(struct sim_buffer *b, char c)
{
	sim_buffer_add(b, &c, 1);
}

void sim_buffer_unsigned(struct sim_buffer *b, uint64_t value)
{
	char digits[20];
	size_t at = sizeof digits;

	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value != 0);
	sim_buffer_add(b, digits + at, sizeof digits - at);
}

void sim_buffer_signed(struct sim_buffer *b, int64_t value)
{
	if (value < 0)
		sim_buffer_char(b, '-');
	sim_buffer_unsigned(b, value < 0 ? -(uint64_t)value : (uint64_t)value);
}

void sim_buffer_json(struct sim_buffer *b, bc_str text)
{
	sim_buffer_char(b, '"');
	for (size_t i = 0; i < text.n; i++) {
		unsigned char c = (unsigned char)text.p[i];

		if (c == '"' || c == '\\')
			sim_buffer_char(b, '\\');
		if (c < 0x20)
			sim_buffer_printf(b, "\\u%04x", c);
		else
			sim_buffer_char(b, (char)c);
	}
	sim_buffer_char(b, '"');
}

void sim_buffer_printf(struct sim_buffer *b, const char *format, ...)
{
	char text[512];
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (n < 0 || (size_t)n >= sizeof text) {
		b->failed = true;
		return;
	}
	sim_buffer_add(b, text, (size_t)n);
}

static void add_zeros(struct sim_buffer *b, int64_t n)
{
	while (n-- > 0)
		sim_buffer_char(b, '0');
}

/* digits[n] times 10^exponent, without exponent. */
static void add_plain(struct sim_buffer *b, const char *digits, int n, int exponent)
{
	int whole = n + exponent; /* digits before the point */

	if (exponent >= 0) {
		sim_buffer_add(b, digits, (size_t)n);
		add_zeros(b, exponent);
	} else if (whole > 0) {
		sim_buffer_add(b, digits, (size_t)whole);
		sim_buffer_char(b, '.');
		sim_buffer_add(b, digits + whole, (size_t)(n - whole));
	} else {
		sim_buffer_text(b, "0.");
		add_zeros(b, -whole);
		sim_buffer_add(b, digits, (size_t)n);
	}
}

static void add_scientific(struct sim_buffer *b, const char *digits, int n, int exponent)
{
	sim_buffer_char(b, digits[0]);
	sim_buffer_char(b, '.');
	if (n > 1)
		sim_buffer_add(b, digits + 1, (size_t)(n - 1));
	else
		sim_buffer_char(b, '0');
	sim_buffer_char(b, 'E');
	sim_buffer_signed(b, n - 1 + exponent);
}

void sim_buffer_number(struct sim_buffer *b, bc_decimal d, enum sim_number_style style)
{
	char digits[24];
	int n, magnitude; /* 1 <= value * 10^-magnitude < 10 */
	uint64_t mantissa;

	d = bc_decimal_normal(d);
	mantissa = d.mantissa < 0 ? -(uint64_t)d.mantissa : (uint64_t)d.mantissa;
	n = snprintf(digits, sizeof digits, "%llu", (unsigned long long)mantissa);
	magnitude = n - 1 + d.exponent;
	if (d.mantissa < 0)
		sim_buffer_char(b, '-');
	if (mantissa != 0 && ((style == SIM_JAVA && (magnitude >= 7 || magnitude < -3)) ||
			      (style == SIM_SMALL_EXP && magnitude < -3))) {
		add_scientific(b, digits, n, d.exponent);
		return;
	}
	add_plain(b, digits, n, d.exponent);
	if (style == SIM_EIGHT && d.exponent > -8) {
		if (d.exponent >= 0)
			sim_buffer_char(b, '.');
		add_zeros(b, d.exponent >= 0 ? 8 : 8 + d.exponent);
	} else if ((style == SIM_JAVA || style == SIM_POINT) && d.exponent >= 0) {
		sim_buffer_text(b, ".0");
	}
}

static struct tm parts_of(bc_wall_time t)
{
	time_t seconds = (time_t)(t.ns / BC_NS_PER_S);
	struct tm parts;

	gmtime_r(&seconds, &parts);
	return parts;
}

void sim_buffer_date(struct sim_buffer *b, bc_wall_time t, bool compact)
{
	struct tm p = parts_of(t);

	sim_buffer_printf(b, compact ? "%04d%02d%02d" : "%04d-%02d-%02d", p.tm_year + 1900,
			  p.tm_mon + 1, p.tm_mday);
}

void sim_buffer_time(struct sim_buffer *b, bc_wall_time t, bool compact)
{
	struct tm p = parts_of(t);

	sim_buffer_printf(b, compact ? "%02d%02d%02d" : "%02d:%02d:%02d", p.tm_hour, p.tm_min,
			  p.tm_sec);
}
