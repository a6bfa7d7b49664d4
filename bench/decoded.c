#include "bench/decoded.h"

const char *decoded_long_decimal(const char *p, bc_decimal *out)
{
	const char *end = p;
	while (*end == '-' || *end == '+' || *end == '.' || (*end | 32) == 'e' ||
	       (unsigned char)(*end - '0') < 10)
		end++;
	if (bc_decimal_parse(p, (size_t)(end - p), out) != BC_OK)
		*out = BC_DECIMAL_NONE;
	return end;
}
