#include "tests/bench/bench_support.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <zmq.h>

#define WINDOW 1000   /* messages under way at most */
#define HWM    100000 /* so that none is dropped: libzmq hears late what was read */
#define TOPIC  "upbit.KRW-BTC.book"

void bench_die(const char *what)
{
	fprintf(stderr, "%s: %s\n", program_invocation_short_name, what);
	exit(EXIT_FAILURE);
}

static double clock_ns(clockid_t clock)
{
	struct timespec t;
	clock_gettime(clock, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static double now_ns(void) /* monotonic */
{
	return clock_ns(CLOCK_MONOTONIC);
}

double bench_cpu_ns(void)
{
	return clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

double bench_median(double *values, size_t n)
{
	qsort(values, n, sizeof *values, by_value);
	return values[n / 2];
}

/* ------------------------------------------------------------------ publishing */

static void *subscriber(void *self)
{
	struct bench_bus *bus = self;
	void *context = zmq_ctx_new(), *socket = zmq_socket(context, ZMQ_SUB);
	int hwm = HWM;
	zmq_msg_t m;

	zmq_setsockopt(socket, ZMQ_RCVHWM, &hwm, sizeof hwm);
	zmq_setsockopt(socket, ZMQ_SUBSCRIBE, TOPIC, sizeof TOPIC); /* with its NUL */
	if (zmq_connect(socket, bc_pub_endpoint(bus->pub, 0)) != 0)
		bench_die("cannot connect");
	zmq_msg_init(&m);
	while (zmq_msg_recv(&m, socket, 0) > (int)sizeof TOPIC)
		atomic_fetch_add_explicit(&bus->received, 1, memory_order_release);
	zmq_msg_close(&m); /* the last message is only a topic */
	zmq_close(socket);
	zmq_ctx_term(context);
	return NULL;
}

double bench_publish(struct bench_bus *bus, const uint8_t *payload, size_t n_payload, size_t n)
{
	unsigned long before = atomic_load(&bus->received), sent = 0;
	double start = now_ns();

	for (; sent < n; sent++) {
		while (sent - (atomic_load_explicit(&bus->received, memory_order_acquire) -
			       before) >=
		       WINDOW)
			sched_yield();
		if (bc_pub_send(bus->pub, bus->topic,
				(bc_str){ (const char *)payload, n_payload }) != BC_OK)
			bench_die("cannot publish");
	}
	while (atomic_load_explicit(&bus->received, memory_order_acquire) - before < n)
		if (now_ns() - start > 60e9)
			bench_die("messages were lost");
		else
			sched_yield();
	return now_ns() - start;
}

void bench_bus_open(struct bench_bus *bus)
{
	const struct bc_pub_options options = { HWM, 0 };
	char why[256];
	double start = now_ns();

	bus->context = zmq_ctx_new();
	if (!temp_dir_new(&bus->dir) || bc_pub_new(&bus->pub, bus->context, &options) != BC_OK ||
	    bc_pub_bind_ipc(bus->pub, bus->dir.path, "bench.pub", why, sizeof why) != BC_OK ||
	    bc_filters_topic_open(bc_pub_filters(bus->pub), BC_STR(TOPIC), &bus->topic) != BC_OK ||
	    pthread_create(&bus->thread, NULL, subscriber, bus) != 0)
		bench_die("cannot open the bus");
	while (!bc_filters_wanted(bc_pub_filters(bus->pub), bus->topic)) {
		bc_pub_read(bus->pub, 16, NULL, NULL);
		if (now_ns() - start > 10e9)
			bench_die("nobody subscribes");
		sched_yield();
	}
}

void bench_bus_close(struct bench_bus *bus)
{
	bc_pub_send(bus->pub, bus->topic, BC_STR(""));
	pthread_join(bus->thread, NULL);
	bc_pub_free(&bus->pub);
	zmq_ctx_term(bus->context);
	temp_dir_free(&bus->dir);
}
