/* notation.h - bytes as words, in which the cases are written.
 *
 *   0A ff             bytes in hexadecimal
 *   'text'            bytes as they stand
 *   {81 'hi'}         a frame: its first byte, then its payload; the shortest length is put between
 *   T{...} B{...} P   what a client is told: a text, a binary message, a pong
 *   (...)             together
 *   Z{...} N{...}     deflated without its last four bytes; Z goes on with what it said before
 *   @                 the value of Sec-WebSocket-Accept
 *   ITEM*1000         an item a thousand times
 *
 * and what the server does in between, none of which is a byte:
 *
 *   |     what follows is sent when the client has read what came before
 *   ?3    waits until the client has sent three frames
 *   FIN   ends its direction; with TLS it says so first
 *   RST   resets the connection
 *   DEAF  reads no more */
#ifndef BC_CONFORMANCE_NOTATION_H
#define BC_CONFORMANCE_NOTATION_H

#include "publisher/simulator/buffer.h"

enum step_kind { STEP_CUT, STEP_WAIT, STEP_FIN, STEP_RST, STEP_DEAF };

struct script_step {
	enum step_kind kind;
	size_t at; /* before this byte */
	unsigned int n;
};

struct script {
	struct sim_buffer bytes;
	struct script_step *steps;
	size_t n_steps, steps_cap;
};

/* Appends what the words mean; aborts with a message where they mean nothing. */
void script_add(struct script *script, const char *words, const char *accept_value);
void script_free(struct script *script);

/* A frame's header for n bytes, as short as can be; gives its length. */
size_t frame_head(unsigned char first, uint64_t n, unsigned char head[10]);

/* One record of what a client is told: kind 'T', 'B' or 'P'. */
void told_add(struct sim_buffer *told, char kind, const void *bytes, size_t n);
/* As words again, long ones cut, for people; the caller frees it. */
char *told_words(const struct sim_buffer *told);
char *frames_words(const struct sim_buffer *frames);

#endif
