/* seeds.h - a corpus for the transports' fuzzers out of the cases. */
#ifndef BC_CONFORMANCE_SEEDS_H
#define BC_CONFORMANCE_SEEDS_H

#include <stdbool.h>

/* False: a file cannot be written; stderr says which. */
bool seeds_write(const char *directory);

#endif
