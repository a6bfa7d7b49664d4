/* buffer.h - growing bytes. After memory ran out every append is ignored and `failed` is set, so
 * that a writer checks once, at its end. */
#ifndef BC_SIM_BUFFER_H
#define BC_SIM_BUFFER_H

#include "proto/value.h"

struct sim_buffer {
	char *data;
	size_t n, cap;
	bool failed;
};

void sim_buffer_free(struct sim_buffer *b);
void sim_buffer_clear(struct sim_buffer *b);          /* keeps the memory */
void sim_buffer_drop(struct sim_buffer *b, size_t n); /* the first n bytes */
bool sim_buffer_reserve(struct sim_buffer *b, size_t more);
void sim_buffer_add(struct sim_buffer *b, const void *bytes, size_t n);
void sim_buffer_text(struct sim_buffer *b, const char *text);
void sim_buffer_str(struct sim_buffer *b, bc_str text);
void sim_buffer_char(struct sim_buffer *b, char c);
void sim_buffer_unsigned(struct sim_buffer *b, uint64_t value);
void sim_buffer_signed(struct sim_buffer *b, int64_t value);
void sim_buffer_json(struct sim_buffer *b, bc_str text); /* quoted and escaped */
void sim_buffer_printf(struct sim_buffer *b, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* How a number is spelled; exchanges differ, and differ within themselves. */
enum sim_number_style {
	SIM_PLAIN,     /* 116606000, 0.00077 */
	SIM_POINT,     /* as plain, with ".0" where it is whole: 4407000.0 */
	SIM_JAVA,      /* Java's Double.toString: 1.16539E8, 4407000.0, 7.9276E-4 */
	SIM_SMALL_EXP, /* plain, but below 0.001 as Java: 116606000, 7.9276E-4 */
	SIM_EIGHT,     /* eight decimals, trailing zeros kept: 0.00077720 */
};

void sim_buffer_number(struct sim_buffer *b, bc_decimal d, enum sim_number_style style);

/* 2026-11-21, 10:11:12 of a wall time; compact: 20261121, 101112. */
void sim_buffer_date(struct sim_buffer *b, bc_wall_time t, bool compact);
void sim_buffer_time(struct sim_buffer *b, bc_wall_time t, bool compact);

#endif
