/* One message out of pieces: in place where it comes whole, bounded where it does not. */
#include "publisher/ws_message.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT ((size_t)300000)

Test(ws_message, stays_where_it_is_when_it_comes_whole)
{
	struct ws_message m = { .max_bytes = LIMIT };
	bc_str out;
	const char *text = "whole";
	cr_expect_eq(ws_message_take(&m, text, 5, 0, true, &out), BC_OK);
	cr_expect_eq(out.p, text);
	cr_expect_eq(out.n, 5);
	cr_expect_null(m.held, "memory for nothing");
	cr_expect_eq(ws_message_take(&m, text, 0, 0, true, &out), BC_OK);
	cr_expect_eq(out.n, 0);
	ws_message_free(&m);
}

Test(ws_message, is_put_together_in_one_buffer)
{
	struct ws_message m = { .max_bytes = LIMIT };
	bc_str out;
	for (int i = 0; i < 3; i++) {
		cr_expect_eq(ws_message_take(&m, "he", 2, 0, false, &out), BC_EAGAIN);
		const bc_wall_time first = m.received;
		cr_expect_eq(ws_message_take(&m, "", 0, 0, false, &out), BC_EAGAIN);
		cr_expect_eq(ws_message_take(&m, "llo", 3, 0, true, &out), BC_OK);
		cr_expect(bc_str_is(out, "hello"));
		cr_expect_eq(m.received.ns, first.ns, "stamped at its first piece");
		cr_expect_eq(ws_message_take(&m, "next", 4, 0, true, &out), BC_OK);
		cr_expect(bc_str_is(out, "next"));
	}
	ws_message_free(&m);
}

Test(ws_message, ends_with_an_empty_piece)
{
	struct ws_message m = { .max_bytes = LIMIT };
	bc_str out;
	cr_expect_eq(ws_message_take(&m, "", 0, 0, false, &out), BC_EAGAIN);
	cr_expect_eq(ws_message_take(&m, "", 0, 0, true, &out), BC_OK);
	cr_expect_eq(out.n, 0);
	cr_expect_eq(ws_message_take(&m, "x", 1, 0, false, &out), BC_EAGAIN);
	cr_expect_eq(ws_message_take(&m, "", 0, 0, true, &out), BC_OK);
	cr_expect(bc_str_is(out, "x"));
	ws_message_free(&m);
}

Test(ws_message, is_bounded)
{
	static const struct {
		size_t first, second, rest;
		bc_status status; /* of the second piece */
	} rows[] = {
		{ 0, LIMIT, 0, BC_OK },         { 0, LIMIT + 1, 0, BC_ERANGE },
		{ 0, 1, LIMIT - 1, BC_OK },     { 0, 1, LIMIT, BC_ERANGE },
		{ 0, 1, SIZE_MAX, BC_ERANGE },  { 1, LIMIT - 1, 0, BC_OK },
		{ 1, LIMIT, 0, BC_ERANGE },     { 1, 1, LIMIT - 2, BC_OK },
		{ 1, 1, LIMIT - 1, BC_ERANGE }, { LIMIT, 0, 0, BC_OK },
		{ LIMIT, 1, 0, BC_ERANGE },     { LIMIT, 0, 1, BC_ERANGE },
		{ LIMIT - 1, 1, 0, BC_OK },     { LIMIT - 1, SIZE_MAX, 0, BC_ERANGE },
	};
	char *bytes = calloc(1, LIMIT + 1);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct ws_message m = { .max_bytes = LIMIT };
		bc_str out;
		cr_expect_eq(ws_message_take(&m, bytes, rows[i].first, 0, false, &out), BC_EAGAIN);
		const bc_status rc = ws_message_take(&m, bytes, rows[i].second, rows[i].rest,
						     rows[i].rest == 0, &out);
		cr_expect_eq(rc == BC_EAGAIN ? BC_OK : rc, rows[i].status, "row %zu: %s", i,
			     bc_status_text(rc));
		cr_expect_leq(m.held_cap, LIMIT, "row %zu", i);
		ws_message_free(&m);
	}
	free(bytes);
}
