/* power_of_ten.h - the powers of ten that fit in 64 bits. Internal to proto/, to order
 * books and to reading of JSON. */
#ifndef BC_POWER_OF_TEN_H
#define BC_POWER_OF_TEN_H

#include <stdint.h>

#define BC_DIGITS_MAX 19 /* as many decimal digits always fit in a uint64_t */

extern const uint64_t bc_power_of_ten[BC_DIGITS_MAX + 1];

/* 1 / 5^n modulo 2^64, and UINT64_MAX / 5^n: x is a multiple of 5^n exactly where x times the one
 * is not above the other, and the product is what x is divided by 5^n. */
extern const uint64_t bc_one_over_five[BC_DIGITS_MAX], bc_most_over_five[BC_DIGITS_MAX];

#endif
