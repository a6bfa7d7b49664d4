/* log_race.c - the loop logs into a pipe that nobody reads while another thread asks how many lines
 * were lost. Nothing may race, and every line is either lost and counted or in the pipe. */
#include "common/log.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define N_LINES 200000

struct watch {
	const struct bc_log *log;
	_Atomic bool done;
	uint64_t n_asked, last;
	bool shrank; /* a count that went down */
};

static void *ask(void *self)
{
	struct watch *w = self;
	while (!atomic_load(&w->done)) {
		uint64_t lost = bc_log_lost(w->log);
		w->shrank |= lost < w->last;
		w->last = lost;
		w->n_asked++;
	}
	return NULL;
}

static uint64_t count_lines(int fd)
{
	char bytes[65536];
	uint64_t n = 0;
	ssize_t got;
	while ((got = read(fd, bytes, sizeof bytes)) > 0)
		for (ssize_t i = 0; i < got; i++)
			n += bytes[i] == '\n';
	return n;
}

int main(void)
{
	int ends[2];
	struct watch w = { 0 };
	pthread_t thread;
	if (pipe(ends) != 0 || fcntl(ends[0], F_SETFL, O_NONBLOCK) != 0)
		return EXIT_FAILURE;
	struct bc_log *log = bc_log_new("race", ends[1]);
	w.log = log;
	if (log == NULL || pthread_create(&thread, NULL, ask, &w) != 0)
		return EXIT_FAILURE;

	char about[32];
	for (int i = 0; i < N_LINES; i++) {
		snprintf(about, sizeof about, "%d", i); /* all different, so that none is folded */
		bc_log_event(log, BC_LOG_INFO, "race.line", BC_LOG_S("about", about));
	}
	atomic_store(&w.done, true);
	pthread_join(thread, NULL);

	uint64_t lost = bc_log_lost(log);
	bc_log_free(&log);
	close(ends[1]);
	uint64_t through = count_lines(ends[0]);
	printf("%d lines: %llu through, %llu lost; asked %llu times\n", N_LINES,
	       (unsigned long long)through, (unsigned long long)lost,
	       (unsigned long long)w.n_asked);
	return lost > 0 && through > 0 && through + lost == N_LINES && !w.shrank ? EXIT_SUCCESS
										 : EXIT_FAILURE;
}
