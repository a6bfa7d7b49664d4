/* text.h - bounded text: a builder that never overflows, durations as people write them, safe
 * printing of foreign bytes, and the nearest of some known words.
 *
 * Memory  the caller's buffers; nothing here allocates.
 * Threads pure functions. */
#ifndef BC_TEXT_H
#define BC_TEXT_H

#include "proto/value.h"

/* A text that grows at its end inside the caller's buffer and is always NUL terminated. What does
 * not fit is left out and `cut` is set. */
struct bc_text {
	char *p;
	size_t n, cap;
	bool cut;
};

struct bc_text bc_text_on(char *buffer, size_t cap); /* cap >= 1 */
void bc_text_add(struct bc_text *t, bc_str s);
void bc_text_addf(struct bc_text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A number in decimal, without printf. */
void bc_text_add_int(struct bc_text *t, int64_t number);

/* Adds foreign bytes so that they can do no harm on a terminal or in a line of a log: control
 * characters, '"', '\' and what is not UTF-8 as \n \r \t \" \\ \xNN. At most max bytes are taken;
 * "..." says that there were more. */
void bc_text_add_escaped(struct bc_text *t, bc_str s, size_t max);

/* "250ms", "5s", "1.5s", "10m", "1h": digits, at most one point, a unit (ns us ms s m h d).
 * BC_EPARSE: not that. BC_ERANGE: not whole nanoseconds, or more than int64_t holds. */
bc_status bc_duration_parse(bc_str text, int64_t *ns);
#define BC_DURATION_TEXT_MAX 24
/* Exactly, in the largest unit that keeps it whole: "1500ms", "2m". */
size_t bc_duration_format(int64_t ns, char out[BC_DURATION_TEXT_MAX]);
/* For people, three digits: "12.3ms", "4.01s", "3m12s", "2d4h". */
size_t bc_duration_round(int64_t ns, char out[BC_DURATION_TEXT_MAX]);

/* The known word that `word` was probably meant to be, or NULL. */
const char *bc_text_nearest(const char *word, const char *const *known, size_t n);

#endif
