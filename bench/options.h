/* options.h - what bookcast-bench was asked to do. Texts are those of argv. */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include "bench/run.h"

enum bench_asked { BENCH_RUN, BENCH_DONE, BENCH_BAD };

/* RUN: go on; DONE: --help or --version was answered; BAD: stderr says what would be right. */
enum bench_asked bench_options_read(struct bench_options *o, int argc, char **argv);

#endif
