/* What stands in where simdjson or a C++ compiler is not there. */
#include "bench/simdjson.h"

const char *bench_simdjson_version(void)
{
	return "not built";
}
