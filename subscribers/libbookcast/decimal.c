/* Decimals in the public form. */
#include "subscribers/libbookcast/include/bookcast.h"

#include "proto/value.h"

#include <assert.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static_assert(BOOKCAST_DECIMAL_MAX >= BC_DECIMAL_TEXT_MAX, "every decimal fits");

/* What a caller made up may be anything; outside of the bounds there is no value. */
static bc_decimal checked(bookcast_decimal d)
{
	if (d.exponent < BC_EXPONENT_MIN || d.exponent > BC_EXPONENT_MAX || d.mantissa == INT64_MIN)
		return BC_DECIMAL_NONE;
	return bc_decimal_normal((bc_decimal){ d.mantissa, d.exponent });
}

char *bookcast_decimal_text(bookcast_decimal value, char out[BOOKCAST_DECIMAL_MAX])
{
	out[bc_decimal_format(checked(value), out)] = '\0';
	return out;
}

/* strtod() rounds once and correctly, a multiplication would round twice. No point in the text:
 * the locale of the program may have a comma. */
double bookcast_decimal_double(bookcast_decimal value)
{
	char text[48];
	bc_decimal d = checked(value);
	if (!bc_decimal_known(d))
		return (double)NAN;
	snprintf(text, sizeof text, "%" PRId64 "e%d", d.mantissa, d.exponent);
	return strtod(text, NULL);
}

int bookcast_decimal_compare(bookcast_decimal a, bookcast_decimal b)
{
	bc_decimal x = checked(a), y = checked(b);
	if (!bc_decimal_known(x) || !bc_decimal_known(y))
		return bc_decimal_known(x) - bc_decimal_known(y);
	return bc_decimal_compare(x, y);
}
