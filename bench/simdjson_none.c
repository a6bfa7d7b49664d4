/* What stands in where simdjson or a C++ compiler is not there. */
#include "bench/simdjson.h"

const char *bench_simdjson_version(void)
{
	return "not built";
}

bool bench_simdjson_built(void)
{
	return false;
}

bool bench_simdjson_upbit(const char *bytes, size_t n, struct decoded *out)
{
	(void)bytes, (void)n, (void)out;
	return false;
}

bool bench_simdjson_binance(const char *bytes, size_t n, struct decoded *out)
{
	(void)bytes, (void)n, (void)out;
	return false;
}
