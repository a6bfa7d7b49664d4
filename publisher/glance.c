/* glance.c - whom a message is about, seen without reading it. */
#include "publisher/glance.h"

#include <string.h>

#define LOOK_BYTES 48 /* for the first comma */

static bc_str up_to(const char *p, const char *end, char last)
{
	size_t n = (size_t)(end - p) < BC_GLANCE_MAX ? (size_t)(end - p) : BC_GLANCE_MAX;
	const char *at = memchr(p, last, n);
	return at == NULL ? (bc_str){ NULL, 0 } : (bc_str){ p, (size_t)(at - p) };
}

static bc_str in_capitals(bc_str name, char *room)
{
	for (size_t i = 0; i < name.n; i++)
		room[i] = (char)(name.p[i] >= 'a' && name.p[i] <= 'z' ? name.p[i] - 'a' + 'A'
								      : name.p[i]);
	return (bc_str){ room, name.n };
}

bc_str bc_glance(const struct bc_glance *glance, const char *bytes, size_t n, char *room)
{
	const char *end = bytes + n, *p = bytes;
	if (glance->after_comma) {
		p = memchr(bytes, ',', n < LOOK_BYTES ? n : LOOK_BYTES);
		if (p++ == NULL)
			return (bc_str){ NULL, 0 };
	}
	for (size_t i = 0; i < 2 && glance->before[i] != NULL; i++) {
		bc_str before = bc_str_of(glance->before[i]);
		if ((size_t)(end - p) < before.n || memcmp(p, before.p, before.n) != 0)
			continue;
		bc_str name = up_to(p + before.n, end, glance->end);
		return glance->upper ? in_capitals(name, room) : name;
	}
	return (bc_str){ NULL, 0 };
}
