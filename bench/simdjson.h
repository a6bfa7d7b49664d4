/* simdjson.h - the library that others would take to read JSON, as a floor: on demand, to the same
 * exact levels. One file in C++, built where libsimdjson-dev and a C++ compiler are. */
#ifndef BENCH_SIMDJSON_H
#define BENCH_SIMDJSON_H

#ifdef __cplusplus
extern "C" {
#endif

const char *bench_simdjson_version(void); /* "not built" where it is not */

#ifdef __cplusplus
}
#endif
#endif
