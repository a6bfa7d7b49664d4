/* decode_input.h - recorded frames, one a line, plain or zstd (told apart by the first bytes).
 *
 * Memory  a line lives until the next call. Threads: one. */
#ifndef BC_DECODE_INPUT_H
#define BC_DECODE_INPUT_H

#include "proto/value.h"

#define DECODE_MAX_LINE (64u << 20) /* bytes; a longer one is BC_ERANGE */

struct lines;

/* path "-" is standard input. On failure why[cap] says what went wrong. */
bc_status lines_open(struct lines **out, const char *path, char *why, size_t cap);
void lines_close(struct lines **lines);

/* The next line, without its end.
 *   BC_ENOTFOUND  there are no more
 *   BC_ERANGE     it is too long; it was passed over and the one after it comes next
 *   BC_EIO        reading failed, or the zstd stream is broken or cut; lines_why() says more */
bc_status lines_next(struct lines *lines, bc_str *line);
const char *lines_why(const struct lines *lines);

/* All of a file, plain or zstd; the caller frees *bytes. Errors as above. */
bc_status file_read(const char *path, char **bytes, size_t *n, char *why, size_t cap);

#endif
