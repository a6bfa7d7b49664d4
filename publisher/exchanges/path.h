/* path.h - path and query of a REST request, written into a bounded buffer.
 *
 * What does not fit is counted and not written; bc_path_end() tells.
 * Threads one. */
#ifndef BC_PATH_H
#define BC_PATH_H

#include "proto/value.h"

struct bc_path {
	char *p;
	size_t n, cap;
};

void bc_path_add(struct bc_path *path, bc_str s);
void bc_path_add_escaped(struct bc_path *path, bc_str s); /* RFC 3986: %XX but the unreserved */
void bc_path_add_number(struct bc_path *path, uint64_t number);

/* BC_ERANGE: it did not fit; *len is untouched. */
bc_status bc_path_end(const struct bc_path *path, size_t *len);

#endif
