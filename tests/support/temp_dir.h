/* temp_dir.h - a directory of a test's own, and waiting for a condition with a deadline. */
#ifndef BC_TESTS_TEMP_DIR_H
#define BC_TESTS_TEMP_DIR_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct temp_dir {
	char path[64];
};

static inline bool temp_dir_new(struct temp_dir *dir)
{
	strcpy(dir->path, "/tmp/bookcast-test-XXXXXX");
	return mkdtemp(dir->path) != NULL;
}

/* Removes the directory and the files in it; there are no directories below. */
static inline void temp_dir_free(const struct temp_dir *dir)
{
	char command[96];
	snprintf(command, sizeof command, "rm -rf '%s'", dir->path);
	if (system(command) != 0)
		fprintf(stderr, "%s stays behind\n", dir->path);
}

static inline const char *temp_dir_file(const struct temp_dir *dir, const char *scheme,
					const char *name, char *out, size_t cap)
{
	snprintf(out, cap, "%s%s/%s", scheme, dir->path, name);
	return out;
}

static inline int64_t test_now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* while (!condition && test_waits(end)): true after a millisecond, false once `end` has passed. */
static inline int64_t test_in(double seconds)
{
	return test_now_ns() + (int64_t)(seconds * 1e9);
}

static inline bool test_waits(int64_t end)
{
	const struct timespec ms = { 0, 1000000 };
	nanosleep(&ms, NULL);
	return test_now_ns() < end;
}

#endif
