/* What can be measured, in the order it is printed: from the exchange's bytes to the subscriber. */
#include "bench/scenarios.h"

/* clang-format off */
const struct bench_group *const bench_groups[] = {
	&bench_websocket,
	&bench_decode,
	&bench_book,
	&bench_encode,
	&bench_publish,
	&bench_path,
	&bench_memory,
	&bench_latest,
	&bench_line,
	NULL,
};
/* clang-format on */
