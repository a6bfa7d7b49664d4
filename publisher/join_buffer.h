/* join_buffer.h - changes that wait for a snapshot, in the order they came. Internal to join.c.
 *
 * Bounded: an arena taken at once; what does not fit is refused. */
#ifndef JOIN_BUFFER_H
#define JOIN_BUFFER_H

#include "publisher/join.h"

void buffer_clear(struct join_buffer *buffer);
bool buffer_keep(struct join_buffer *buffer, uint32_t stream, const struct bc_delta *delta);

/* The next one; *cursor is 0 at the first call. Borrowed until the buffer changes. */
bool buffer_next(const struct join_buffer *buffer, size_t *cursor, uint32_t *stream,
		 struct bc_delta *delta);

#endif
