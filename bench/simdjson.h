/* simdjson.h - the library that others would take to read JSON, as a floor: on demand, to the same
 * exact levels.
 *
 * It takes keys in any order, as the adapters do, and numbers from their digits by the plain
 * scanner of decoded.h. Of what an adapter checks it leaves out: keys that come twice or are
 * missing, the form of numbers, symbols, the order of levels, text behind the object; it is told
 * the format.
 *
 * One file in C++, built where libsimdjson-dev and a C++ compiler are; else simdjson_none.c. */
#ifndef BENCH_SIMDJSON_H
#define BENCH_SIMDJSON_H

#include "bench/decoded.h"

#ifdef __cplusplus
extern "C" {
#endif

const char *bench_simdjson_version(void); /* "not built" where it is not */
bool bench_simdjson_built(void);

/* FRAMES_PADDING bytes behind n can be read. False: not understood. Static state: one thread. */
bool bench_simdjson_upbit(const char *bytes, size_t n, struct decoded *out);
bool bench_simdjson_binance(const char *bytes, size_t n, struct decoded *out);

#ifdef __cplusplus
}
#endif
#endif
