#include "publisher/join_buffer.h"

#include <stdlib.h>
#include <string.h>

struct join_buffer {
	size_t cap, used;
	char *bytes;
};

struct kept { /* followed by its levels, bids first */
	uint64_t first_seq, last_seq, prev_seq;
	uint32_t stream, n_bids, n_asks;
};

bc_status join_buffer_new(struct join_buffer **out, size_t max_bytes)
{
	struct join_buffer *buffer = calloc(1, sizeof *buffer);
	*out = buffer;
	if (buffer == NULL)
		return BC_ENOMEM;
	buffer->cap = max_bytes;
	buffer->bytes = malloc(max_bytes > 0 ? max_bytes : 1);
	if (buffer->bytes == NULL) {
		join_buffer_free(out);
		return BC_ENOMEM;
	}
	return BC_OK;
}

void join_buffer_free(struct join_buffer **buffer)
{
	if (*buffer == NULL)
		return;
	free((*buffer)->bytes);
	free(*buffer);
	*buffer = NULL;
}

void buffer_clear(struct join_buffer *buffer)
{
	buffer->used = 0;
}

bool buffer_keep(struct join_buffer *buffer, uint32_t stream, const struct bc_delta *delta)
{
	struct kept kept = { .first_seq = delta->first_seq,
			     .last_seq = delta->last_seq,
			     .prev_seq = delta->prev_seq,
			     .stream = stream,
			     .n_bids = delta->n_bids,
			     .n_asks = delta->n_asks };
	size_t bids = delta->n_bids * sizeof(bc_level), asks = delta->n_asks * sizeof(bc_level);
	char *p = buffer->bytes + buffer->used;
	if (sizeof kept + bids + asks > buffer->cap - buffer->used)
		return false;
	memcpy(p, &kept, sizeof kept);
	if (bids > 0)
		memcpy(p + sizeof kept, delta->bids, bids);
	if (asks > 0)
		memcpy(p + sizeof kept + bids, delta->asks, asks);
	buffer->used += sizeof kept + bids + asks;
	return true;
}

bool buffer_next(const struct join_buffer *buffer, size_t *cursor, uint32_t *stream,
		 struct bc_delta *delta)
{
	const char *p = buffer->bytes + *cursor;
	struct kept kept;
	if (*cursor >= buffer->used)
		return false;
	memcpy(&kept, p, sizeof kept);
	const bc_level *levels = (const bc_level *)(const void *)(p + sizeof kept);
	*stream = kept.stream;
	*delta = (struct bc_delta){ .bids = levels,
				    .asks = levels + kept.n_bids,
				    .n_bids = kept.n_bids,
				    .n_asks = kept.n_asks,
				    .first_seq = kept.first_seq,
				    .last_seq = kept.last_seq,
				    .prev_seq = kept.prev_seq };
	*cursor += sizeof kept + ((size_t)kept.n_bids + kept.n_asks) * sizeof *levels;
	return true;
}
