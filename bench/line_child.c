/* line_child.c - processes of a run: started, watched, ended. */
#include "bench/line.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define READY_MS 60000
#define END_MS   1000

/* In the child: ends when its parent does, sleeps as exactly as it can. */
static void become_child(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	prctl(PR_SET_TIMERSLACK, 1);
	if (getppid() != parent)
		_exit(1);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
}

pid_t line_fork(const char *name, void (*fn)(const struct line_child *), const struct line_child *c)
{
	pid_t parent = getpid();
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		become_child(parent);
		prctl(PR_SET_NAME, name); /* ps, perf and top tell them apart */
		setenv("TMPDIR", c->dir, 1);
		fn(c);
	}
	return pid;
}

static void clean(int held, const char *dir)
{
	char none, command[LINE_PATH_MAX];
	setsid(); /* what interrupts the program does not interrupt this */
	while (read(held, &none, 1) > 0)
		;
	snprintf(command, sizeof command, "rm -rf '%s'", dir);
	_exit(system(command) == 0 ? 0 : 1);
}

pid_t line_janitor(const char *dir, int *hold)
{
	int ends[2];
	*hold = -1;
	if (pipe2(ends, O_CLOEXEC) != 0)
		return -1;
	fflush(NULL);
	pid_t pid = fork();
	if (pid == 0) {
		close(ends[1]);
		clean(ends[0], dir);
	}
	close(ends[0]);
	*hold = ends[1];
	return pid;
}

/* What the file says last, as far as it fits. */
static void tail(const char *path, char *out, size_t cap)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	off_t size = fd < 0 ? 0 : lseek(fd, 0, SEEK_END);
	off_t from = size > (off_t)cap - 1 ? size - (off_t)cap + 1 : 0;
	ssize_t n = fd < 0 ? 0 : pread(fd, out, cap - 1, from);
	out[n > 0 ? n : 0] = '\0';
	out[strcspn(out, "\n")] = '\0';
	if (fd >= 0)
		close(fd);
}

static bool read_line(int fd, char *line, size_t cap)
{
	size_t n = 0;
	int64_t end = line_now() + READY_MS * INT64_C(1000000);
	while (n + 1 < cap && line_now() < end) {
		struct pollfd p = { fd, POLLIN, 0 };
		if (poll(&p, 1, 100) <= 0)
			continue;
		ssize_t got = read(fd, line + n, cap - 1 - n);
		if (got <= 0)
			break;
		n += (size_t)got;
		line[n] = '\0';
		if (strchr(line, '\n') != NULL)
			return true;
	}
	return false;
}

static void run_program(const char *path, const char *const *argv, const char *errors, int out)
{
	int err = open(errors, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	dup2(out, STDOUT_FILENO);
	dup2(err, STDERR_FILENO);
	execv(path, (char *const *)(uintptr_t)argv);
	dprintf(STDERR_FILENO, "%s: %s\n", path, strerror(errno));
	_exit(127);
}

pid_t line_exec(const char *const *argv, const char *dir, char *line, size_t cap, char *why)
{
	const char *other = getenv("BOOKCAST_BENCH_GATEWAY");
	char path[LINE_PATH_MAX], errors[LINE_PATH_MAX + 16];
	int out[2];
	pid_t parent = getpid();
	if (strchr(argv[0], '/') != NULL)
		snprintf(path, sizeof path, "%s", argv[0]);
	else
		bench_program(argv[0], path, sizeof path);
	if (other != NULL && strcmp(argv[0], "bookcast-gateway") == 0)
		snprintf(path, sizeof path, "%s", other);
	snprintf(errors, sizeof errors, "%s/%s.stderr", dir, basename(argv[0]));
	if (pipe2(out, O_CLOEXEC) != 0) {
		snprintf(why, LINE_WHY_MAX, "no pipe: %s", strerror(errno));
		return -1;
	}
	pid_t pid = fork();
	if (pid == 0) {
		become_child(parent);
		line_pin(LINE_CONTENDER);
		run_program(path, argv, errors, out[1]);
	}
	close(out[1]);
	bool ready = pid > 0 && (line == NULL || read_line(out[0], line, cap));
	close(out[0]);
	if (ready)
		return pid;
	line_stop(&pid);
	int n = snprintf(why, LINE_WHY_MAX, "%s does not start: ", argv[0]);
	tail(errors, why + n, LINE_WHY_MAX - (size_t)n);
	return -1;
}

bool line_alive(pid_t pid)
{
	return pid > 0 && waitpid(pid, NULL, WNOHANG) == 0;
}

void line_stop(pid_t *pid)
{
	const struct timespec moment = { 0, 2000000 };
	pid_t p = *pid;
	*pid = 0;
	if (p <= 0 || kill(p, SIGTERM) != 0)
		return;
	for (int ms = 0; ms < END_MS; ms += 2) {
		if (waitpid(p, NULL, WNOHANG) != 0)
			return;
		nanosleep(&moment, NULL);
	}
	kill(p, SIGKILL);
	waitpid(p, NULL, 0);
}

double line_cpu_ns(pid_t pid)
{
	clockid_t clock;
	struct timespec t;
	if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &t) != 0)
		return -1;
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* Which of n CPUs, counted from 0, belong to the part: from first to last. */
static void cpus_of(enum line_part part, int n, int *first, int *last)
{
	bool few = n < 4;
	*first = part == LINE_CONTENDER ? 1 : part == LINE_EARS && !few ? n - 1 : 0;
	*last = part == LINE_CONTENDER ? (few ? 1 : n - 2) : *first;
}

void line_pin(enum line_part part)
{
	const char *asked = getenv("BOOKCAST_BENCH_PIN");
	cpu_set_t may, own;
	int first, last, seen = 0;
	if ((asked != NULL && strcmp(asked, "0") == 0) ||
	    sched_getaffinity(0, sizeof may, &may) != 0 || CPU_COUNT(&may) < 2)
		return;
	cpus_of(part, CPU_COUNT(&may), &first, &last);
	CPU_ZERO(&own);
	for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++) {
		if (!CPU_ISSET(cpu, &may))
			continue;
		if (seen >= first && seen <= last)
			CPU_SET(cpu, &own);
		seen++;
	}
	sched_setaffinity(0, sizeof own, &own);
}
