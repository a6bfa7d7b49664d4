/* log_out.h - a descriptor written to without ever waiting for its reader.
 *
 *   pipe, terminal  opened anew through /proc/self/fd with O_NONBLOCK: the flags of the one that
 *                   was inherited belong to whoever shares it
 *   socket          send() with MSG_DONTWAIT (journald's stderr is one)
 *   file            write(): the kernel does not wait for readers
 *   where the pipe cannot be opened anew: poll() first, then a write of at most PIPE_BUF */
#ifndef BC_LOG_OUT_H
#define BC_LOG_OUT_H

#include <stdbool.h>
#include <stddef.h>

struct log_out {
	int fd;
	bool own; /* fd was opened here */
	bool socket;
	bool journal; /* JOURNAL_STREAM names this descriptor */
	bool torn;    /* the last write stopped inside a line */
};

void log_out_open(struct log_out *out, int fd);
void log_out_close(struct log_out *out);
/* Writes a line of at most PIPE_BUF bytes, its newline included; false: lost. */
bool log_out_write(struct log_out *out, const char *line, size_t n);

#endif
