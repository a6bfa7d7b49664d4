#include "common/log_out.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

/* systemd.exec(5): JOURNAL_STREAM is "<device>:<inode>" of what it connected us to. */
static bool is_journal(const struct stat *st)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char *colon, *end;
	if (stream == NULL)
		return false;
	unsigned long long device = strtoull(stream, &colon, 10);
	if (*colon != ':')
		return false;
	unsigned long long inode = strtoull(colon + 1, &end, 10);
	return *end == '\0' && st->st_dev == (dev_t)device && st->st_ino == (ino_t)inode;
}

static void ignore_sigpipe(void)
{
	struct sigaction action;
	if (sigaction(SIGPIPE, NULL, &action) == 0 && action.sa_handler == SIG_DFL)
		signal(SIGPIPE, SIG_IGN);
}

void log_out_open(struct log_out *out, int fd)
{
	struct stat st;
	*out = (struct log_out){ .fd = fd };
	ignore_sigpipe();
	if (fstat(fd, &st) != 0)
		return; /* closed: every write fails and is counted as lost */
	out->journal = is_journal(&st);
	out->socket = S_ISSOCK(st.st_mode);
	if (S_ISFIFO(st.st_mode) || (S_ISCHR(st.st_mode) && isatty(fd))) {
		char path[32];
		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
		int own = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
		if (own >= 0) {
			out->fd = own;
			out->own = true;
		}
	}
}

void log_out_close(struct log_out *out)
{
	if (out->own)
		close(out->fd);
	out->fd = -1;
	out->own = false;
}

static ssize_t put(const struct log_out *out, const char *bytes, size_t n)
{
	struct pollfd p = { .fd = out->fd, .events = POLLOUT };
	ssize_t done;
	if (!out->own && !out->socket && (poll(&p, 1, 0) != 1 || !(p.revents & POLLOUT)))
		return -1;
	do
		done = out->socket ? send(out->fd, bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL)
				   : write(out->fd, bytes, n);
	while (done < 0 && errno == EINTR);
	return done;
}

bool log_out_write(struct log_out *out, const char *line, size_t n)
{
	if (out->torn) { /* ends the piece, or the next line would read as part of it */
		if (put(out, "\n", 1) != 1)
			return false;
		out->torn = false;
	}
	ssize_t done = put(out, line, n);
	out->torn = done > 0 && (size_t)done < n;
	return done == (ssize_t)n;
}
