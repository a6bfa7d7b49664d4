/* child.h - runs something in a process of its own and keeps what it printed.
 *
 * Memory  child_free() releases the texts. */
#ifndef BC_TEST_CHILD_H
#define BC_TEST_CHILD_H

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

struct child {
	char *out, *err; /* NUL terminated */
	int exit_code;   /* -1: ended by a signal */
};

/* In the child; returns the exit code. */
typedef int child_fn(void *self);

static inline void child_collect(int fds[2], char *texts[2])
{
	FILE *streams[2];
	size_t sizes[2];
	struct pollfd p[2] = { { fds[0], POLLIN, 0 }, { fds[1], POLLIN, 0 } };
	for (int i = 0; i < 2; i++)
		streams[i] = open_memstream(&texts[i], &sizes[i]);
	for (int open = 2; open > 0;) {
		poll(p, 2, -1);
		for (int i = 0; i < 2; i++) {
			char part[4096];
			ssize_t n = p[i].fd >= 0 && p[i].revents ? read(p[i].fd, part, sizeof part)
								 : -2;
			if (n > 0)
				fwrite(part, 1, (size_t)n, streams[i]);
			else if (n != -2) {
				close(p[i].fd);
				p[i].fd = -1;
				open--;
			}
		}
	}
	fclose(streams[0]);
	fclose(streams[1]);
}

static inline struct child child_run(child_fn *fn, void *self)
{
	int out[2], err[2], status = 0;
	struct child c = { NULL, NULL, -1 };
	fflush(NULL);
	if (pipe(out) != 0 || pipe(err) != 0)
		abort();
	pid_t pid = fork();
	if (pid == 0) {
		dup2(out[1], 1);
		dup2(err[1], 2);
		for (int i = 0; i < 2; i++) {
			close(out[i]);
			close(err[i]);
		}
		/* Not exit(): LeakSanitizer would look for the parent's threads, and say so in
		 * `err`. What leaks at the programs' ends is seen by the integration tests. */
		int code = fn(self);
		fflush(NULL);
		_exit(code);
	}
	close(out[1]);
	close(err[1]);
	char *texts[2];
	child_collect((int[2]){ out[0], err[0] }, texts);
	c.out = texts[0];
	c.err = texts[1];
	if (waitpid(pid, &status, 0) == pid && WIFEXITED(status))
		c.exit_code = WEXITSTATUS(status);
	return c;
}

static inline void child_free(struct child *c)
{
	free(c->out);
	free(c->err);
}

#endif
