#include "common/clock.h"

#include <stdio.h>
#include <time.h>

static int64_t read_clock(clockid_t id)
{
	struct timespec t;
	clock_gettime(id, &t); /* cannot fail for these three on Linux */
	return (int64_t)t.tv_sec * BC_NS_PER_S + t.tv_nsec;
}

bc_wall_time bc_wall_now(void)
{
	return (bc_wall_time){ read_clock(CLOCK_REALTIME) };
}

bc_mono_time bc_mono_now(void)
{
	return (bc_mono_time){ read_clock(CLOCK_MONOTONIC) };
}

bc_mono_time bc_boot_now(void)
{
	return (bc_mono_time){ read_clock(CLOCK_BOOTTIME) };
}

size_t bc_wall_format(bc_wall_time t, char *out)
{
	int64_t fraction = t.ns % BC_NS_PER_S;
	time_t seconds = (time_t)(t.ns / BC_NS_PER_S);
	if (fraction < 0) { /* before 1970: round the seconds down */
		fraction += BC_NS_PER_S;
		seconds--;
	}
	struct tm utc;
	gmtime_r(&seconds, &utc);
	size_t n = strftime(out, BC_TIME_TEXT_MAX, "%Y-%m-%dT%H:%M:%S", &utc);
	n += (size_t)snprintf(out + n, BC_TIME_TEXT_MAX - n, ".%09lldZ", (long long)fraction);
	return n;
}
