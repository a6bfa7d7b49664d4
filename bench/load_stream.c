/* load_stream.c - when a frame is sent.
 *
 * The schedule is open: each message has a due time that nothing moves. Who falls behind sends at
 * once until it has caught up, so a standstill of the contender shows in the times of all messages
 * that were due meanwhile. As fast as it goes means a window: LINE_WINDOW messages at most are
 * under way, and then the times say how long that window is. */
#include "bench/load.h"

#include "common/clock.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LOOK_AROUND_NS (1 * BC_NS_PER_MS) /* between two looks at what the peers say */
#define STUCK_NS       (60 * BC_NS_PER_S)
#define FIRST_EVERY_NS (2 * BC_NS_PER_MS) /* until all ears have heard something */

static void sleep_until(int64_t ns)
{
	struct timespec t = { ns / BC_NS_PER_S, ns % BC_NS_PER_S };
	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

static int64_t due_of(const struct load *l, int64_t start, int64_t k)
{
	return start + (int64_t)((double)k * 1e9 / l->plan->rate);
}

/* Frames of messages k to k + n - 1, one after the other. */
static const char *fill(struct load *l, int64_t base, int64_t k, size_t n, size_t *bytes)
{
	int64_t wall_ms = bc_wall_now().ns / BC_NS_PER_MS;
	const struct load_frame *f = NULL;
	*bytes = 0;
	for (size_t i = 0; i < n; i++) {
		f = &l->frames.all[l->number % l->frames.n];
		load_frame_set(f, base + k + (int64_t)i, wall_ms, l->number++);
		if (n > 1)
			memcpy(l->batch + *bytes, f->bytes, f->n);
		*bytes += f->n;
	}
	return n > 1 ? l->batch : f->bytes;
}

static void write_messages(struct load *l, int64_t base, int64_t k, size_t n, int64_t *began)
{
	size_t bytes;
	const char *frames = fill(l, base, k, n, &bytes);
	if (l->feed == NULL || !load_conn_write(l->feed, frames, bytes, began))
		line_die(l->shared, "the exchange: the feed was lost at message %lld",
			 (long long)k);
}

/* Holds back while the window is full. */
static void wait_for_ears(struct load *l, int64_t k, bool measured)
{
	const struct timespec moment = { 0, 50000 };
	int64_t stuck = line_now() + STUCK_NS;
	while (k - line_slowest(l->shared, l->plan->n_ears, measured) > LINE_WINDOW) {
		if (line_now() > stuck)
			line_die(l->shared, "after %lld messages the subscribers hear no more",
				 (long long)line_slowest(l->shared, l->plan->n_ears, measured));
		nanosleep(&moment, NULL);
	}
}

static void keep_times(struct load *l, int64_t start, int64_t k, size_t n, int64_t began)
{
	struct line_stamp *stamps = l->shared->stamps;
	for (int64_t i = k; stamps != NULL && i < k + (int64_t)n; i++) {
		stamps[i].sent = began;
		stamps[i].due = l->plan->rate > 0 ? due_of(l, start, i) : began;
	}
}

void load_send(struct load *l, int64_t first, int64_t last)
{
	int64_t start = line_now() + BC_NS_PER_MS, look = start, began = start;
	size_t n = l->plan->per_write;
	for (int64_t k = first; k <= last; k += (int64_t)n) {
		if ((int64_t)n > last - k + 1)
			n = (size_t)(last - k + 1);
		if (l->plan->rate > 0)
			sleep_until(due_of(l, start, k + (int64_t)n - 1));
		else
			wait_for_ears(l, k, true);
		write_messages(l, LINE_MEASURED, k, n, &began);
		keep_times(l, start, k, n, began);
		l->shared->sent = k + (int64_t)n - 1;
		if (began < look)
			continue;
		load_turn(l, 0);
		look = began + LOOK_AROUND_NS;
	}
}

void load_warm_up(struct load *l)
{
	size_t n = l->plan->per_write, largest = 1;
	int64_t began = line_now(), k = 1, end = began + STUCK_NS;
	assert(l->frames.n > 0); /* load.c has made them */
	for (size_t i = 0; i < l->frames.n; i++)
		largest = l->frames.all[i].n > largest ? l->frames.all[i].n : largest;
	if ((l->batch = malloc(n * largest)) == NULL)
		line_die(l->shared, "the exchange: no memory for %zu frames a write", n);
	for (; line_slowest(l->shared, l->plan->n_ears, false) == 0; k++) {
		if (began > end)
			line_die(l->shared, "no subscriber hears anything");
		load_turn(l, 0);
		write_messages(l, LINE_WARM, k, 1, &began);
		sleep_until(began + FIRST_EVERY_NS);
	}
	for (int64_t last = k + (int64_t)l->plan->n_warm; k <= last; k += (int64_t)n) {
		wait_for_ears(l, k, false);
		write_messages(l, LINE_WARM, k, n, &began);
		l->shared->warm = k + (int64_t)n - 1;
	}
	while (line_slowest(l->shared, l->plan->n_ears, false) < l->shared->warm &&
	       line_now() < began + STUCK_NS)
		load_turn(l, 1);
	l->shared->warmed = true;
}
