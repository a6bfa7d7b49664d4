#include "publisher/exchanges/path.h"

#include <stdio.h>
#include <string.h>

void bc_path_add(struct bc_path *path, bc_str s)
{
	if (path->n + s.n <= path->cap && s.n > 0)
		memcpy(path->p + path->n, s.p, s.n);
	path->n += s.n;
}

static bool is_unreserved(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '.' || c == '_' || c == '~';
}

void bc_path_add_escaped(struct bc_path *path, bc_str s)
{
	static const char hex[] = "0123456789ABCDEF";

	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		char escaped[3] = { '%', hex[c >> 4], hex[c & 15] };
		if (is_unreserved((char)c))
			bc_path_add(path, (bc_str){ &s.p[i], 1 });
		else
			bc_path_add(path, (bc_str){ escaped, sizeof escaped });
	}
}

void bc_path_add_number(struct bc_path *path, uint64_t number)
{
	char text[24];
	int n = snprintf(text, sizeof text, "%llu", (unsigned long long)number);

	bc_path_add(path, (bc_str){ text, (size_t)n });
}

bc_status bc_path_end(const struct bc_path *path, size_t *len)
{
	if (path->n > path->cap)
		return BC_ERANGE;
	*len = path->n;
	return BC_OK;
}
