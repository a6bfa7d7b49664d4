/* decode_options.h - what bookcast-decode was asked to do. Texts are those of argv. */
#ifndef BC_DECODE_OPTIONS_H
#define BC_DECODE_OPTIONS_H

#include "publisher/decode_books.h"
#include "publisher/decode_print.h"

#define DECODE_MAX_SNAPSHOTS 256

struct decode_options {
	const struct bc_exchange *exchange;
	struct printer_options print;
	bool final_book;
	const char *path; /* "-": standard input */
	struct snapshot_file snapshots[DECODE_MAX_SNAPSHOTS];
	size_t n_snapshots;
};

enum decode_asked { DECODE_RUN, DECODE_DONE, DECODE_BAD };

/* RUN: go on; DONE: --help or --version was answered; BAD: stderr says what would be right. */
enum decode_asked decode_options_read(struct decode_options *o, int argc, char **argv);

#endif
