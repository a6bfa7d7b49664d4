/* json_writer.h - JSON text, one value after the other, without allocation.
 *
 * Shape   commas are put by the writer; opening and closing, and a key before each member of an
 *         object, are the caller's business.
 * Memory  text collects in the caller's buffer. With a sink the buffer is handed over whenever it
 *         is full and at bc_json_end(); without one, text that does not fit is BC_ERANGE.
 * Errors  are remembered: write on, and look at what bc_json_end() returns.
 * Threads a writer belongs to one thread. */
#ifndef BC_JSON_WRITER_H
#define BC_JSON_WRITER_H

#include "proto/value.h"

/* Takes n bytes of text. A status other than BC_OK ends the writing and is passed on. */
typedef bc_status bc_json_sink(void *self, const char *bytes, size_t n);

struct bc_json_writer {
	char *buffer;
	size_t cap, n;
	bc_json_sink *sink;
	void *self;
	bc_status status;
	bool comma; /* before the next value or key */
};

/* sink may be NULL; then cap bounds the text and one byte of it is kept for a NUL. */
void bc_json_start(struct bc_json_writer *w, char *buffer, size_t cap, bc_json_sink *sink,
		   void *self);

/* Ends the text with `tail` ("\n" for a line, "" for none) and hands it over, or, without a sink,
 * terminates it with a NUL; w->n is its length then. The writer is ready for the next value. */
bc_status bc_json_end(struct bc_json_writer *w, const char *tail);

/* A sink onto a FILE; self is the FILE. BC_EIO where it does not take all. */
bc_status bc_json_to_file(void *file, const char *bytes, size_t n);

void bc_json_object(struct bc_json_writer *w); /* { */
void bc_json_object_end(struct bc_json_writer *w);
void bc_json_array(struct bc_json_writer *w); /* [ */
void bc_json_array_end(struct bc_json_writer *w);
void bc_json_key(struct bc_json_writer *w, bc_str key);

/* Escapes what JSON wants escaped; a byte that is not part of valid UTF-8 becomes U+FFFD. */
void bc_json_string(struct bc_json_writer *w, bc_str text);
void bc_json_null(struct bc_json_writer *w);
void bc_json_bool(struct bc_json_writer *w, bool value);
void bc_json_int(struct bc_json_writer *w, int64_t value);
void bc_json_uint(struct bc_json_writer *w, uint64_t value);
void bc_json_decimal(struct bc_json_writer *w, bc_decimal value); /* a string; null if unknown */
void bc_json_number(struct bc_json_writer *w, bc_decimal value);  /* its digits, not quoted */

/* A member of an object: its key, and its value or the bracket that opens it. */
void bc_json_put_text(struct bc_json_writer *w, const char *key, const char *text); /* NULL: null */
void bc_json_put_string(struct bc_json_writer *w, const char *key, bc_str text);
void bc_json_put_null(struct bc_json_writer *w, const char *key);
void bc_json_put_bool(struct bc_json_writer *w, const char *key, bool value);
void bc_json_put_int(struct bc_json_writer *w, const char *key, int64_t value);
void bc_json_put_uint(struct bc_json_writer *w, const char *key, uint64_t value);
void bc_json_put_decimal(struct bc_json_writer *w, const char *key, bc_decimal value);
void bc_json_put_object(struct bc_json_writer *w, const char *key);
void bc_json_put_array(struct bc_json_writer *w, const char *key);

#endif
