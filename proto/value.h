/* value.h - the small values everything else is made of: status, text, decimals, times.
 *
 * Memory  nothing here allocates; all types are passed by copy.
 * Threads every function is pure. */
#ifndef BC_PROTO_VALUE_H
#define BC_PROTO_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One row per outcome: name, text for people. BC_OK is 0 and means success everywhere. */
#define BC_STATUS_ROWS(X)                                                   \
	X(BC_OK, "ok")                                                      \
	X(BC_EPARSE, "not in the expected form")                            \
	X(BC_ERANGE, "does not fit")                                        \
	X(BC_ENOMEM, "out of memory")                                       \
	X(BC_EINVAL, "invalid argument")                                    \
	X(BC_EVERSION, "newer major version than this program understands") \
	X(BC_EDUPLICATE, "already seen")                                    \
	X(BC_EGAP, "sequence broken")                                       \
	X(BC_ENOTFOUND, "not found")                                        \
	X(BC_EAGAIN, "nothing available now")                               \
	X(BC_ETIMEOUT, "no answer in time")                                 \
	X(BC_EBUSY, "in use by another process")                            \
	X(BC_EIO, "input or output failed")                                 \
	X(BC_EBUS, "message bus failed")

typedef enum {
#define BC_STATUS_ENUM(name, text) name,
	BC_STATUS_ROWS(BC_STATUS_ENUM)
#undef BC_STATUS_ENUM
} bc_status;

/* The text for people; never NULL. */
const char *bc_status_text(bc_status status);

/* Borrowed bytes with a length; not NUL terminated. */
typedef struct {
	const char *p;
	size_t n;
} bc_str;

#define BC_STR(literal) ((bc_str){ (literal), sizeof(literal) - 1 })

bc_str bc_str_of(const char *text); /* NULL gives an empty one */
bool bc_str_equal(bc_str a, bc_str b);
bool bc_str_is(bc_str a, const char *text);
bool bc_str_starts(bc_str a, bc_str prefix);
bool bc_utf8_valid(const char *bytes, size_t n); /* RFC 3629; NUL is valid UTF-8 */
/* In any locale; of A to Z alone, so UTF-8 stays what it is. */
static inline char bc_ascii_lower(char c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c - 'A' + 'a');
	return c;
}
static inline char bc_ascii_upper(char c)
{
	if (c >= 'a' && c <= 'z')
		return (char)(c - 'a' + 'A');
	return c;
}

/* value = mantissa * 10^exponent. Never a double, never rounded.
 * A normal decimal has no trailing zeros in its mantissa; zero is 0 * 10^0. Mantissas lie in
 * [-INT64_MAX, INT64_MAX], so a sign can always be changed.
 * Exponents lie in [BC_EXPONENT_MIN, BC_EXPONENT_MAX]; BC_EXPONENT_NONE marks "no value". */
#define BC_EXPONENT_MIN  (-64)
#define BC_EXPONENT_MAX  64
#define BC_EXPONENT_NONE INT32_MIN

typedef struct {
	int64_t mantissa;
	int32_t exponent;
} bc_decimal;

#define BC_DECIMAL_NONE ((bc_decimal){ 0, BC_EXPONENT_NONE })

static inline bool bc_decimal_known(bc_decimal d)
{
	return d.exponent != BC_EXPONENT_NONE;
}

/* Parses one whole JSON number token (RFC 8259, section 6; no surrounding space) into a normal
 * decimal. The digits may be many as long as the value fits: trailing zeros cost nothing.
 *   BC_OK      *out is the exact value
 *   BC_EPARSE  not a JSON number
 *   BC_ERANGE  a number, but its mantissa needs more than 63 bits or its exponent is out of
 *              bounds; *out is untouched */
bc_status bc_decimal_parse(const char *text, size_t n, bc_decimal *out);

/* Plain digits without exponent, without trailing zeros, with a terminating NUL: "-0.00012".
 * Returns the length without NUL, 0 for BC_DECIMAL_NONE. BC_DECIMAL_TEXT_MAX bytes suffice. */
#define BC_DECIMAL_TEXT_MAX 160
size_t bc_decimal_format(bc_decimal d, char *out);

bc_decimal bc_decimal_normal(bc_decimal d);
int bc_decimal_compare(bc_decimal a, bc_decimal b); /* by value; <0, 0, >0; any exponents */
static inline bool bc_decimal_is_zero(bc_decimal d)
{
	return d.mantissa == 0;
}

/* The mantissa of d at `exponent`. BC_ERANGE: it does not fit or would not be whole. BC_EINVAL:
 * d is BC_DECIMAL_NONE. *mantissa is untouched on error. */
bc_status bc_decimal_at(bc_decimal d, int32_t exponent, int64_t *mantissa);

/* Exact sums and differences, normal; BC_ERANGE where the result does not fit, BC_EINVAL where an
 * operand is BC_DECIMAL_NONE. */
bc_status bc_decimal_add(bc_decimal a, bc_decimal b, bc_decimal *out);
bc_status bc_decimal_sub(bc_decimal a, bc_decimal b, bc_decimal *out);

typedef struct {
	bc_decimal price, quantity;
} bc_level;

/* Two clocks that must not be mixed, so two types. */
typedef struct {
	int64_t ns; /* since 1970-01-01T00:00:00Z; BC_TIME_UNKNOWN where nobody said */
} bc_wall_time;
typedef struct {
	int64_t ns; /* since some fixed point; only differences mean anything */
} bc_mono_time;

#define BC_TIME_UNKNOWN INT64_MIN
#define BC_NS_PER_S     INT64_C(1000000000)
#define BC_NS_PER_MS    INT64_C(1000000)
#define BC_NS_PER_US    INT64_C(1000)

static inline bool bc_wall_known(bc_wall_time t)
{
	return t.ns != BC_TIME_UNKNOWN;
}

#endif
