/* The words of ZMTP, as RFC 37 spells them. */
#include "common/zmtp.h"

#include <criterion/criterion.h>
#include <string.h>

static const char greeting[ZMTP_GREETING_BYTES] = "\xff\0\0\0\0\0\0\0\0\x7f\3\1NULL";

Test(zmtp, our_greeting_is_the_one_of_the_rfc)
{
	char out[ZMTP_WRITE_MAX];
	cr_assert_eq(zmtp_write_greeting(out), sizeof greeting);
	cr_expect_arr_eq(out, greeting, sizeof greeting);
}

Test(zmtp, a_greeting_is_good_so_far_until_it_is_whole)
{
	for (size_t n = 0; n < sizeof greeting; n++)
		cr_expect_eq(zmtp_check_greeting((bc_str){ greeting, n }), BC_EAGAIN, "%zu", n);
	cr_expect_eq(zmtp_check_greeting((bc_str){ greeting, sizeof greeting }), BC_OK);
}

Test(zmtp, a_greeting_may_differ_where_it_does_not_matter)
{
	char other[ZMTP_GREETING_BYTES];
	memcpy(other, greeting, sizeof other);
	other[8] = 1;    /* libzmq puts the length of an identity here, for ZMTP 1.0 */
	other[11] = 0;   /* 3.0 */
	other[32] = 1;   /* as-server */
	other[63] = 'x'; /* filler */
	cr_expect_eq(zmtp_check_greeting((bc_str){ other, sizeof other }), BC_OK);
	other[10] = 4; /* a later one speaks ours, too */
	cr_expect_eq(zmtp_check_greeting((bc_str){ other, sizeof other }), BC_OK);
}

static const struct {
	size_t at;
	char byte;
	bc_status rc;
	const char *why;
} bad_greetings[] = {
	{ 0, '\5', BC_EPARSE, "ZMTP 1.0 begins with the length of an identity" },
	{ 0, 'G', BC_EPARSE, "HTTP" },
	{ 9, '\0', BC_EPARSE, "ZMTP 1.0, a long identity" },
	{ 10, '\1', BC_EVERSION, "ZMTP 2.0" },
	{ 12, 'P', BC_EPARSE, "PULL is no mechanism" },
	{ 16, 'L', BC_EPARSE, "NULLL" },
	{ 31, 'x', BC_EPARSE, "NULL and something behind it" },
};

Test(zmtp, other_greetings_are_refused_as_soon_as_it_shows)
{
	char bad[ZMTP_GREETING_BYTES];
	for (size_t i = 0; i < sizeof bad_greetings / sizeof *bad_greetings; i++) {
		memcpy(bad, greeting, sizeof bad);
		bad[bad_greetings[i].at] = bad_greetings[i].byte;
		cr_expect_eq(zmtp_check_greeting((bc_str){ bad, sizeof bad }), bad_greetings[i].rc,
			     "%s", bad_greetings[i].why);
		if (bad_greetings[i].at <= 10) {
			const bc_str so_far = { bad, bad_greetings[i].at + 1 };
			cr_expect_eq(zmtp_check_greeting(so_far), bad_greetings[i].rc, "%s",
				     bad_greetings[i].why);
		}
	}
}

Test(zmtp, what_is_written_as_a_head_is_read_as_one)
{
	static const size_t sizes[] = { 0, 1, 255, 256, 65536, (size_t)1 << 40 };
	static const unsigned flags[] = { 0, ZMTP_MORE, ZMTP_COMMAND };
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		for (size_t k = 0; k < sizeof flags / sizeof *flags; k++) {
			char out[ZMTP_HEAD_MAX];
			struct zmtp_head head;
			size_t n = zmtp_write_head(out, flags[k], sizes[i]);
			cr_assert_eq(n, sizes[i] <= 255 ? 2 : 9);
			for (size_t part = 0; part < n; part++)
				cr_expect_eq(zmtp_read_head((bc_str){ out, part }, &head),
					     BC_EAGAIN);
			cr_assert_eq(zmtp_read_head((bc_str){ out, n }, &head), BC_OK);
			cr_expect_eq(head.n_head, n);
			cr_expect_eq(head.n_body, sizes[i]);
			cr_expect_eq(head.flags & ~(unsigned)ZMTP_LONG, flags[k]);
		}
}

Test(zmtp, a_short_body_may_have_a_long_head_and_reserved_flags_are_none)
{
	struct zmtp_head head;
	cr_assert_eq(zmtp_read_head((bc_str){ "\2\0\0\0\0\0\0\0\3", 9 }, &head), BC_OK);
	cr_expect_eq(head.n_body, 3);
	cr_expect_eq(zmtp_read_head((bc_str){ "\x08\1", 2 }, &head), BC_EPARSE);
	cr_expect_eq(zmtp_read_head((bc_str){ "\x80\1", 2 }, &head), BC_EPARSE);
	cr_expect_eq(zmtp_read_head((bc_str){ "\5\1", 2 }, &head), BC_EPARSE,
		     "a command is never followed by more of it");
	cr_assert_eq(zmtp_read_head((bc_str){ "\2\xff\xff\xff\xff\xff\xff\xff\xff", 9 }, &head),
		     BC_OK);
	cr_expect_eq(head.n_body, UINT64_MAX);
}

Test(zmtp, a_command_has_a_name)
{
	bc_str name, rest;
	cr_assert_eq(zmtp_read_command(BC_STR("\4PING\0\0x"), &name, &rest), BC_OK);
	cr_expect(bc_str_is(name, "PING"));
	cr_expect_eq(rest.n, 3);
	cr_assert_eq(zmtp_read_command(BC_STR("\5CLOSE"), &name, &rest), BC_OK);
	cr_expect_eq(rest.n, 0);
	cr_expect_eq(zmtp_read_command(BC_STR(""), &name, &rest), BC_EPARSE);
	cr_expect_eq(zmtp_read_command((bc_str){ "\0x", 2 }, &name, &rest), BC_EPARSE);
	cr_expect_eq(zmtp_read_command(BC_STR("\5PING"), &name, &rest), BC_EPARSE);
}

#define PROPERTY(name_length, name, value_length) name_length name "\0\0\0" value_length

Test(zmtp, ready_says_what_socket_that_is)
{
	bc_str type;
	cr_assert_eq(zmtp_read_ready(BC_STR(PROPERTY("\10", "Identity", "\2") "me" PROPERTY(
					     "\13", "SOCKET-type", "\6") "DEALER"),
				     &type),
		     BC_OK);
	cr_expect(bc_str_is(type, "DEALER"));
	const bc_str bad[] = { BC_STR(""),
			       BC_STR(PROPERTY("\10", "Identity", "\0")),
			       BC_STR(PROPERTY("\13", "Socket-Type", "\7") "DEALER"),
			       BC_STR("\13Socket-Type\xff\xff\xff\xffREQ"),
			       BC_STR("\13Socket-Type\0\0"),
			       BC_STR("\377Socket-Type"),
			       BC_STR(PROPERTY("\13", "Socket-Type", "\3") "REQ\1") };
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		cr_expect_eq(zmtp_read_ready(bad[i], &type), BC_EPARSE, "%zu", i);
}

Test(zmtp, what_we_say_is_what_others_read)
{
	char out[ZMTP_WRITE_MAX], long_reason[300];
	struct zmtp_head head;
	bc_str name, rest, type;
	size_t n = zmtp_write_ready(out, BC_STR("ROUTER"));
	cr_assert_eq(zmtp_read_head((bc_str){ out, n }, &head), BC_OK);
	cr_expect_eq(head.flags, ZMTP_COMMAND);
	cr_assert_eq(head.n_head + head.n_body, n);
	cr_assert_eq(zmtp_read_command((bc_str){ out + 2, n - 2 }, &name, &rest), BC_OK);
	cr_expect(bc_str_is(name, "READY"));
	cr_assert_eq(zmtp_read_ready(rest, &type), BC_OK);
	cr_expect(bc_str_is(type, "ROUTER"));
	memset(long_reason, 'r', sizeof long_reason);
	n = zmtp_write_error(out, (bc_str){ long_reason, sizeof long_reason });
	cr_assert_leq(n, sizeof out);
	cr_assert_eq(zmtp_read_command((bc_str){ out + 2, n - 2 }, &name, &rest), BC_OK);
	cr_expect(bc_str_is(name, "ERROR"));
	cr_expect_eq((unsigned char)rest.p[0], rest.n - 1);
}

Test(zmtp, a_pong_returns_the_context_of_its_ping)
{
	char out[ZMTP_WRITE_MAX];
	const char ping[] = "\0\x0a"
			    "0123456789abcdefX";
	for (size_t n = 0; n <= ZMTP_PING_CONTEXT_MAX; n++) {
		cr_assert_eq(zmtp_write_pong(out, (bc_str){ ping, 2 + n }), 2 + 5 + n);
		cr_expect_eq(memcmp(out + 2, "\4PONG", 5), 0);
		cr_expect_eq(memcmp(out + 7, ping + 2, n), 0);
	}
	cr_expect_eq(zmtp_write_pong(out, (bc_str){ ping, 2 + 17 }), 0);
	cr_expect_eq(zmtp_write_pong(out, (bc_str){ ping, 1 }), 0);
}
