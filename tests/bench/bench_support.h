/* bench_support.h - what the benchmarks share: clocks, medians, a bus with one subscriber. */
#ifndef TESTS_BENCH_SUPPORT_H
#define TESTS_BENCH_SUPPORT_H

#include "common/bus_pub.h"
#include "tests/support/temp_dir.h"

#include <pthread.h>
#include <stdatomic.h>

void bench_die(const char *what) __attribute__((noreturn));
double bench_cpu_ns(void); /* of this thread, so that other programs do not count */
double bench_median(double *values, size_t n); /* sorts them */

/* A PUB socket on ipc and a thread that subscribes to its one topic and counts. */
struct bench_bus {
	void *context;
	struct temp_dir dir;
	struct bc_pub *pub;
	uint32_t topic;
	pthread_t thread;
	atomic_ulong received;
};

void bench_bus_open(struct bench_bus *bus);
void bench_bus_close(struct bench_bus *bus);

/* Sends the payload n times and waits until all of them have arrived; ns in all. */
double bench_publish(struct bench_bus *bus, const uint8_t *payload, size_t n_payload, size_t n);

#endif
