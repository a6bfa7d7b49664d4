/* One who asks, as bytes: whatever the pieces they come in, the same questions and answers. */
#include "common/zmtp.h"
#include "tests/support/rpc_talk.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

struct stream {
	char *p;
	size_t n;
};

static void add(struct stream *s, const void *bytes, size_t n)
{
	s->p = realloc(s->p, s->n + n + 1);
	if (n > 0)
		memcpy(s->p + s->n, bytes, n);
	s->n += n;
}

static void add_frame(struct stream *s, unsigned flags, const void *bytes, size_t n)
{
	char head[ZMTP_HEAD_MAX];
	add(s, head, zmtp_write_head(head, flags, n));
	add(s, bytes, n);
}

static void add_hello(struct stream *s, const char *type)
{
	char bytes[ZMTP_WRITE_MAX];
	add(s, bytes, zmtp_write_greeting(bytes));
	add(s, bytes, zmtp_write_ready(bytes, bc_str_of(type)));
}

/* Frames separated by '|'. */
static void add_message(struct stream *s, const char *frames)
{
	for (;;) {
		size_t n = strcspn(frames, "|");
		add_frame(s, frames[n] == '|' ? ZMTP_MORE : 0, frames, n);
		if (frames[n] == '\0')
			return;
		frames += n + 1;
	}
}

/* In one piece, byte by byte, and in some others; all the same. */
static void expect_talk(const struct stream *in, const struct stream *want, bc_status want_rc)
{
	const size_t pieces[] = { SIZE_MAX, 1, 2, 3, 7, 64, 65, 1000 };
	for (size_t i = 0; i < sizeof pieces / sizeof *pieces; i++) {
		if (in->n > 100000 && pieces[i] < 1000)
			continue;
		struct rpc_said sent = rpc_talk(in->p, in->n, pieces[i]);
		cr_expect_eq(sent.rc, want_rc, "pieces of %zu: %s", pieces[i],
			     bc_status_text(sent.rc));
		cr_assert_eq(sent.n, want->n, "pieces of %zu: %zu bytes, not %zu", pieces[i],
			     sent.n, want->n);
		cr_expect_eq(memcmp(sent.p, want->p, sent.n), 0, "pieces of %zu", pieces[i]);
		free(sent.p);
	}
}

/* Frees both. */
static void expect(const char *type, struct stream *said, struct stream *answered, bc_status rc)
{
	struct stream in = { NULL, 0 }, want = { NULL, 0 };
	add_hello(&in, type);
	add(&in, said->p, said->n);
	add_hello(&want, "ROUTER");
	add(&want, answered->p, answered->n);
	expect_talk(&in, &want, rc);
	free(in.p);
	free(want.p);
	free(said->p);
	free(answered->p);
}

static void feed_all(struct rpc_peer *peer, const struct stream *said)
{
	bc_status rc = BC_OK;
	for (size_t at = 0; at < said->n;) {
		at += rpc_feed(peer, said->p + at, said->n - at, &rc);
		cr_assert_eq(rc, BC_OK);
	}
}

Test(rpc_peer, questions_have_answers_whatever_the_pieces)
{
	static const char *const types[] = { "REQ", "DEALER", "ROUTER" };
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		struct stream said = { NULL, 0 }, answered = { NULL, 0 };
		add_message(&said, "|BC1|HEALTH");
		add_message(&answered, "|=BC1|=HEALTH");
		add_message(&said, "7|routing||BC1|GET|upbit.KRW-BTC.book|");
		add_message(&answered, "7|routing||=BC1|=GET|=upbit.KRW-BTC.book|=");
		add_message(&said, "");
		add_message(&answered, ""); /* an envelope and nothing in it */
		expect(types[i], &said, &answered, BC_OK);
	}
}

Test(rpc_peer, no_empty_frame_among_the_first_is_no_envelope)
{
	struct stream said = { NULL, 0 }, answered = { NULL, 0 };
	add_message(&said, "BC1|GET|topic");
	add_message(&answered, "not in the expected form|=BC1|=GET|=topic");
	add_message(&said, "1|2|3|4|5|6|7||BC1|GET");
	add_message(&answered, "1|2|3|4|5|6|7||=BC1|=GET");
	add_message(&said, "1|2|3|4|5|6|7|8||BC1|GET");
	add_message(&answered, "not in the expected form|=1|=2|=3|=4|=5|=6|=7|=8|=|=BC1|=GET");
	expect("DEALER", &said, &answered, BC_OK);
}

Test(rpc_peer, pings_are_answered_before_after_and_within_a_message)
{
	struct stream said = { NULL, 0 }, answered = { NULL, 0 };
	add_frame(&said, ZMTP_COMMAND, "\4PING\0\1before", 13);
	add_frame(&answered, ZMTP_COMMAND, "\4PONGbefore", 11);
	add_frame(&said, ZMTP_MORE, "", 0);
	add_frame(&said, ZMTP_COMMAND, "\4PING\0\1in", 9);
	add_frame(&said, ZMTP_COMMAND, "\7UNKNOWNx", 9);
	add_message(&said, "BC1|GET");
	add_frame(&answered, ZMTP_COMMAND, "\4PONGin", 7);
	add_message(&answered, "|=BC1|=GET");
	add_frame(&said, ZMTP_COMMAND,
		  "\4PING\0\1"
		  "0123456789abcdefX",
		  24); /* too long a context */
	add_frame(&said, ZMTP_COMMAND, "\4PING\0\1", 7);
	add_frame(&answered, ZMTP_COMMAND, "\4PONG", 5);
	expect("REQ", &said, &answered, BC_OK);
}

Test(rpc_peer, too_many_frames_are_refused_and_the_next_question_is_answered)
{
	for (size_t n = RPC_MAX_FRAMES; n <= RPC_MAX_FRAMES + 2000; n += 1000) {
		struct stream said = { NULL, 0 }, answered = { NULL, 0 };
		add_frame(&said, ZMTP_MORE, "7", 1);
		add_frame(&said, ZMTP_MORE, "", 0);
		for (size_t i = 2; i < n; i++) {
			add_frame(&said, ZMTP_MORE, "x", 1);
			if (i == n - 2)
				add_frame(&said, ZMTP_COMMAND, "\4PING\0\1", 7);
		}
		add_frame(&said, 0, "x", 1);
		add_frame(&answered, ZMTP_COMMAND, "\4PONG", 5);
		add_message(&answered, "7||does not fit");
		add_message(&said, "|BC1|GET");
		add_message(&answered, "|=BC1|=GET");
		expect("REQ", &said, &answered, BC_OK);
	}
}

Test(rpc_peer, too_many_bytes_are_refused_while_they_come)
{
	const size_t half = 9u << 20;
	char *bytes = calloc(1, half);
	struct stream said = { NULL, 0 }, answered = { NULL, 0 };
	add_frame(&said, ZMTP_MORE, "", 0);
	for (int i = 0; i < 5; i++)
		add_frame(&said, ZMTP_MORE, bytes, half);
	add_frame(&said, 0, "", 0);
	add_message(&answered, "|does not fit");
	add_frame(&said, ZMTP_MORE, bytes, half); /* no envelope */
	add_frame(&said, 0, bytes, half);
	add_message(&answered, "does not fit");
	add_message(&said, "|BC1|GET");
	add_message(&answered, "|=BC1|=GET");
	free(bytes);
	expect("REQ", &said, &answered, BC_OK);
}

/* What a message may hold bounds what commands between its frames may, too. */
Test(rpc_peer, pings_within_a_message_are_not_kept_without_end)
{
	char ping[ZMTP_COMMAND_MAX] = "\1x";
	struct rpc_peer peer;
	struct stream said = { NULL, 0 };
	size_t held = 0, most = 0;
	cr_assert_eq(rpc_peer_open(&peer, &held), BC_OK);
	add_hello(&said, "REQ");
	add_frame(&said, ZMTP_MORE, "", 0);
	for (size_t sent = 0; sent < (size_t)40 << 20; sent += said.n) {
		feed_all(&peer, &said);
		most = held > most ? held : most;
		said.n = 0;
		add_frame(&said, ZMTP_COMMAND, ping, sizeof ping);
	}
	cr_expect_leq(most, (size_t)33 << 20, "%zu", most);
	free(said.p);
	rpc_peer_close(&peer);
}

static const struct {
	const char *bytes;
	size_t n;
	bc_status rc;
	const char *why;
} ends[] = {
	{ "\x08\1x", 3, BC_EPARSE, "a reserved flag" },
	{ "\2\0\0\0\0\1\0\0\1", 9, BC_ERANGE, "a frame of 16 MiB and a byte" },
	{ "\2\xff\xff\xff\xff\xff\xff\xff\xff", 9, BC_ERANGE, "a frame of 2^64 - 1" },
	{ "\6\0\0\0\0\0\0\x10\1", 9, BC_ERANGE, "a command of 4,097" },
	{ "\4\0", 2, BC_EPARSE, "a command without a name" },
	{ "\4\6\5ERROR\0", 9, BC_EPARSE, "its own error" },
};

Test(rpc_peer, what_is_no_zmtp_ends_it_and_what_came_before_is_answered)
{
	for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
		struct stream said = { NULL, 0 }, answered = { NULL, 0 };
		add_message(&said, "|BC1|GET");
		add_message(&answered, "|=BC1|=GET");
		add(&said, ends[i].bytes, ends[i].n);
		expect("DEALER", &said, &answered, ends[i].rc);
	}
}

Test(rpc_peer, others_than_those_who_ask_are_told_so)
{
	static const char *const types[] = { "PUB", "SUB", "PUSH", "PAIR", "REP", "", "REQX" };
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		char bytes[ZMTP_WRITE_MAX];
		struct stream said = { NULL, 0 }, answered = { NULL, 0 };
		add(&answered, bytes, zmtp_write_error(bytes, BC_STR("ask with REQ or DEALER")));
		expect(types[i], &said, &answered, BC_EPARSE);
	}
}

Test(rpc_peer, a_question_before_ready_or_another_command_ends_it)
{
	static const struct {
		unsigned flags;
		const char *body;
	} first[] = { { 0, "x" }, { ZMTP_COMMAND, "\4PING" }, { ZMTP_COMMAND, "\5READY" } };
	for (size_t i = 0; i < sizeof first / sizeof *first; i++) {
		char bytes[ZMTP_WRITE_MAX];
		struct stream in = { NULL, 0 }, want = { NULL, 0 };
		add(&in, bytes, zmtp_write_greeting(bytes));
		add_frame(&in, first[i].flags, first[i].body, strlen(first[i].body));
		add_hello(&want, "ROUTER");
		expect_talk(&in, &want, BC_EPARSE);
		free(in.p);
		free(want.p);
	}
}

Test(rpc_peer, a_large_question_leaves_no_large_buffer_behind)
{
	static bc_str frames[RPC_MAX_FRAMES];
	struct rpc_peer peer;
	struct rpc_message m;
	struct stream said = { NULL, 0 };
	char *bytes = calloc(1, 1 << 20);
	size_t held = 0;
	cr_assert_eq(rpc_peer_open(&peer, &held), BC_OK);
	add_hello(&said, "REQ");
	add_frame(&said, ZMTP_MORE, "", 0);
	add_frame(&said, 0, bytes, 1 << 20);
	feed_all(&peer, &said);
	cr_assert(rpc_peer_asks(&peer));
	cr_assert_eq(rpc_peer_message(&peer, frames, &m), BC_OK);
	rpc_peer_begin(&peer);
	rpc_peer_put(&peer, BC_STR(""), m.body[0]);
	cr_assert_eq(rpc_peer_end(&peer), BC_OK);
	cr_assert_eq(rpc_peer_done(&peer), BC_OK);
	rpc_peer_sent(&peer, rpc_peer_output(&peer).n);
	cr_expect_gt(held, 2 << 20);
	rpc_peer_trim(&peer);
	cr_expect_lt(held, 256 << 10, "%zu", held);
	free(bytes);
	free(said.p);
	rpc_peer_close(&peer);
}
