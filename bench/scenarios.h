/* scenarios.h - the tables, one a file. */
#ifndef BENCH_SCENARIOS_H
#define BENCH_SCENARIOS_H

#include "bench/bench.h"

extern const struct bench_group bench_websocket;
extern const struct bench_group bench_decode;
extern const struct bench_group bench_book;
extern const struct bench_group bench_encode;
extern const struct bench_group bench_publish;
extern const struct bench_group bench_path;
extern const struct bench_group bench_memory;
extern const struct bench_group bench_line;
extern const struct bench_group bench_latest;

#endif
