/* What a connection writes: masked frames a server understands, in an order that does no harm. */
#include "publisher/ws_output.h"

#include "publisher/simulator/ws_frame.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Takes up to n bytes off the output; what a server makes of them is appended to `said`. */
static void drain(struct ws_output *o, size_t n, struct sim_buffer *wire, struct ws_parser *server,
		  char *said)
{
	bc_str bytes;
	while (n > 0 && (bytes = ws_output_next(o)).n > 0) {
		const size_t piece = bytes.n < n ? bytes.n : n;
		sim_buffer_add(wire, bytes.p, piece);
		ws_output_wrote(o, piece);
		n -= piece;
	}
	struct ws_message m;
	uint16_t code;
	size_t used;
	bc_status rc;
	do {
		rc = ws_parse(server, wire->data, wire->n, &used, &m, &code);
		if (rc == BC_OK && m.payload.n < 100)
			sprintf(said + strlen(said), "%d(%.*s) ", m.opcode, (int)m.payload.n,
				m.payload.p);
		else if (rc == BC_OK)
			sprintf(said + strlen(said), "%d of %zu ", m.opcode, m.payload.n);
		sim_buffer_drop(wire, used);
	} while (rc == BC_OK);
	cr_assert_eq(rc, BC_EAGAIN, "the server does not understand: %u", code);
}

struct rig {
	struct ws_random random;
	struct ws_output o;
	struct sim_buffer wire;
	struct ws_parser server;
	char said[4096];
};

static void rig_open(struct rig *r)
{
	memset(r, 0, sizeof *r);
	ws_output_init(&r->o, &r->random);
	ws_parser_init(&r->server, 1 << 20);
}

static void rig_close(struct rig *r)
{
	ws_output_free(&r->o);
	sim_buffer_free(&r->wire);
	ws_parser_free(&r->server);
}

static void take(struct rig *r, size_t n)
{
	drain(&r->o, n, &r->wire, &r->server, r->said);
}

Test(ws_output, writes_messages_of_every_length)
{
	static const size_t sizes[] = { 0, 1, 125, 126, 127, 65535, 65536, 70001 };
	char *text = malloc(70001), want[64];
	memset(text, 'x', 70001);
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		struct rig r;
		rig_open(&r);
		cr_assert_eq(ws_output_text(&r.o, text, sizes[i]), BC_OK);
		take(&r, SIZE_MAX);
		if (sizes[i] < 100)
			snprintf(want, sizeof want, "1(%.*s) ", (int)sizes[i], text);
		else
			snprintf(want, sizeof want, "1 of %zu ", sizes[i]);
		cr_expect_str_eq(r.said, want);
		cr_expect_not(ws_output_waiting(&r.o));
		rig_close(&r);
	}
	free(text);
}

Test(ws_output, control_frames_go_first_but_never_into_a_message)
{
	for (size_t written = 0; written < 17;
	     written++) { /* of the 11 + 5 bytes of two messages */
		struct rig r;
		rig_open(&r);
		ws_output_text(&r.o, "hello", 5);
		ws_output_text(&r.o, "again", 5);
		take(&r, written);
		ws_output_ping(&r.o);
		ws_output_pong(&r.o, BC_STR("old"));
		ws_output_pong(&r.o, BC_STR("new"));
		cr_expect(ws_output_waiting(&r.o));
		take(&r, SIZE_MAX);
		const char *want = written == 0    ? "10(new) 9() 1(hello) 1(again) "
				   : written <= 11 ? "1(hello) 10(new) 9() 1(again) "
						   : "1(hello) 1(again) 10(new) 9() ";
		cr_expect_str_eq(r.said, want, "%zu: %s", written, r.said);
		rig_close(&r);
	}
}

Test(ws_output, a_close_frame_is_the_last)
{
	for (size_t written = 0; written < 12; written++) {
		struct rig r;
		rig_open(&r);
		ws_output_text(&r.o, "hello", 5);
		ws_output_text(&r.o, "never", 5);
		take(&r, written);
		ws_output_ping(&r.o);
		ws_output_close(&r.o, 1000);
		ws_output_close(&r.o, 1002);
		ws_output_pong(&r.o, BC_STR("late"));
		cr_expect_not(ws_output_closed(&r.o));
		take(&r, SIZE_MAX);
		cr_expect_str_eq(r.said, written == 0 ? "8(\x03\xe8) " : "1(hello) 8(\x03\xe8) ",
				 "%zu: %s", written, r.said);
		cr_expect(ws_output_closed(&r.o));
		cr_expect_not(ws_output_waiting(&r.o));
		rig_close(&r);
	}
	struct rig r;
	rig_open(&r);
	ws_output_close(&r.o, 0);
	take(&r, SIZE_MAX);
	cr_expect_str_eq(r.said, "8() ");
	rig_close(&r);
}

Test(ws_output, is_bounded)
{
	struct rig r;
	rig_open(&r);
	for (int i = 0; i < WS_OUTPUT_QUEUE_MAX; i++)
		cr_assert_eq(ws_output_text(&r.o, "x", 1), BC_OK);
	cr_expect_eq(ws_output_text(&r.o, "x", 1), BC_EAGAIN);
	take(&r, 7); /* one of them */
	cr_expect_eq(ws_output_text(&r.o, "x", 1), BC_OK);
	cr_expect_eq(ws_output_text(&r.o, "x", 1), BC_EAGAIN);
	take(&r, 3); /* one that has begun is still there */
	cr_expect_eq(ws_output_text(&r.o, "x", 1), BC_EAGAIN);
	ws_output_close(&r.o, 1000);
	take(&r, SIZE_MAX);
	rig_close(&r);
}

/* Every frame has a mask of its own, and no bytes are given out twice. */
Test(ws_output, masks_cannot_be_guessed)
{
	struct rig r;
	unsigned char masks[600][4];
	rig_open(&r);
	for (size_t i = 0; i < 600; i++) {
		ws_output_ping(&r.o);
		const bc_str bytes = ws_output_next(&r.o);
		cr_assert_eq(bytes.n, 6);
		memcpy(masks[i], bytes.p + 2, 4);
		ws_output_wrote(&r.o, bytes.n);
	}
	size_t same = 0;
	for (size_t i = 0; i < 600; i++)
		for (size_t k = 0; k < i; k++)
			same += memcmp(masks[i], masks[k], 4) == 0;
	cr_expect_leq(same, 2, "%zu of 600 alike", same); /* one in 24,000 runs has one */
	rig_close(&r);
}

/* ------------------------------------------------------------------ no random bytes */

static int n_asked, fails_from;

/* Is interrupted each time at first, then gives bytes, from `fails_from` on none or only some. */
static ssize_t scarce(void *out, size_t n, unsigned flags)
{
	(void)flags;
	if (n_asked++ % 2 == 0) {
		errno = EINTR;
		return -1;
	}
	memset(out, 'r', n);
	if (n_asked / 2 < fails_from)
		return (ssize_t)n;
	errno = ENOSYS;
	return n_asked % 4 == 0 ? -1 : (ssize_t)n - 1;
}

/* Nothing goes out with a mask that can be guessed: what is said is refused, and what the
 * connection says by itself is left out. */
Test(ws_output, without_random_bytes_nothing_is_written)
{
	enum { A_BLOCK = WS_RANDOM_BLOCK / 4 }; /* masks */
	struct rig r;
	rig_open(&r);
	r.random.get = scarce;
	n_asked = 0;
	fails_from = 2;
	for (int i = 0; i < A_BLOCK; i++) {
		cr_assert_eq(ws_output_text(&r.o, "x", 1), BC_OK, "%d", i);
		take(&r, SIZE_MAX);
	}
	size_t n_said = strlen(r.said);
	cr_expect_eq(n_said, 5 * A_BLOCK);
	for (int i = 0; i < 4; i++) {
		cr_expect_eq(ws_output_text(&r.o, "y", 1), BC_EIO);
		ws_output_ping(&r.o);
		ws_output_pong(&r.o, BC_STR("z"));
		take(&r, SIZE_MAX);
	}
	ws_output_close(&r.o, 1000);
	take(&r, SIZE_MAX);
	cr_expect_eq(strlen(r.said), n_said, "%s", r.said + n_said);
	cr_expect_not(ws_output_waiting(&r.o));
	rig_close(&r);
}
