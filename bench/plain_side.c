#include "bench/plain_side.h"

#include <stdlib.h>
#include <string.h>

#define NEAR 16

bool plain_side_new(struct plain_side *s, uint32_t cap)
{
	*s = (struct plain_side){ malloc((size_t)cap * sizeof *s->levels), 0, cap };
	return s->levels != NULL;
}

void plain_side_free(struct plain_side *s)
{
	free(s->levels);
	*s = (struct plain_side){ 0 };
}

/* The place behind the last level that is not better. */
static inline uint32_t place(const struct plain_side *s, int64_t key)
{
	uint32_t at = s->n, near = s->n > NEAR ? s->n - NEAR : 0;
	while (at > near && s->levels[at - 1].key > key)
		at--;
	if (at > near || at == 0 || s->levels[at - 1].key <= key)
		return at;
	for (uint32_t low = 0; low < at;) {
		uint32_t middle = low + (at - low) / 2;
		if (s->levels[middle].key > key)
			at = middle;
		else
			low = middle + 1;
	}
	return at;
}

void plain_side_set(struct plain_side *s, int64_t key, int64_t quantity)
{
	uint32_t at = place(s, key);
	struct plain_level *behind = s->levels + at;
	size_t n_better = s->n - at;

	if (at > 0 && behind[-1].key == key) {
		behind[-1].quantity = quantity;
		if (quantity == 0) {
			memmove(behind - 1, behind, n_better * sizeof *behind);
			s->n--;
		}
	} else if (quantity != 0 && s->n < s->cap) {
		memmove(behind + 1, behind, n_better * sizeof *behind);
		*behind = (struct plain_level){ key, quantity };
		s->n++;
	}
}
