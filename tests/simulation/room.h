/* room.h - arrays that grow. A test that runs out of memory ends. */
#ifndef BC_SIMULATION_ROOM_H
#define BC_SIMULATION_ROOM_H

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

static inline void *room_for_one(void *array, size_t n, size_t *cap, size_t each)
{
	if (n < *cap)
		return array;
	*cap = *cap == 0 ? 64 : *cap * 2;
	void *larger = realloc(array, *cap * each);
	if (larger == NULL) {
		fprintf(stderr, "out of memory\n");
		abort();
	}
	return larger;
}

#endif
