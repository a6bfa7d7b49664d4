/* decode_print.h - what an adapter said, one line each: a table for people, or JSON.
 *
 * Memory  borrows events for the call.
 * Errors  what stdout does not take is remembered; printer_end() tells. Threads: one. */
#ifndef BC_DECODE_PRINT_H
#define BC_DECODE_PRINT_H

#include "common/message_json.h"
#include "publisher/decode_books.h"

struct printer_options {
	const char *exchange;
	bool json, control;
	uint32_t depth; /* levels a side; 0: all */
	enum bc_json_times times;
};

struct printer;

struct printer *printer_new(const struct printer_options *options); /* NULL: out of memory */
void printer_free(struct printer **printer);

void print_event(struct printer *p, const struct bc_event *event);
void print_control(struct printer *p, const struct bc_control *control);
void print_final(struct printer *p, const struct final_book *book);
/* Whether all went out. */
bc_status printer_end(struct printer *p);

#endif
