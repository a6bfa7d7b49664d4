/* What a client says and does by itself: frames, pings, closes, and limits of what waits. */
#include "publisher/transport.h"
#include "tests/conformance/cases.h"

#include <string.h>

static void must(struct conformance_hand *hand, bool good, const char *what)
{
	if (!good && hand->wrong == NULL)
		hand->wrong = what;
}

static void say(struct conformance_hand *hand, const char *text, size_t n)
{
	must(hand, hand->ops->send(hand->ws, text, n) == BC_OK, "send() has refused");
}

static bool just_opened(const struct conformance_hand *hand)
{
	return hand->n_messages == 0 && hand->n_pongs == 0;
}

static void says_hi(struct conformance_hand *hand)
{
	if (just_opened(hand))
		say(hand, "hi", 2);
}

static void says_nothing(struct conformance_hand *hand)
{
	if (just_opened(hand))
		say(hand, "", 0);
}

static void says_all_lengths(struct conformance_hand *hand)
{
	static const size_t lengths[] = { 1, 125, 126, 127, 65535, 65536, 65537, 300000 };
	static char text[300000];
	memset(text, 'x', sizeof text);
	for (size_t i = 0; just_opened(hand) && i < sizeof lengths / sizeof *lengths; i++)
		say(hand, text, lengths[i]);
}

static void says_64(struct conformance_hand *hand)
{
	for (int i = 0; just_opened(hand) && i < 64; i++)
		say(hand, "again", 5);
}

static void says_hangul(struct conformance_hand *hand)
{
	if (just_opened(hand))
		say(hand, "\xed\x95\x9c\xea\xb8\x80", 6);
}

static void answers_each(struct conformance_hand *hand)
{
	if (hand->n_messages > 0)
		say(hand, "thanks", 6);
}

static void pings(struct conformance_hand *hand)
{
	if (just_opened(hand))
		must(hand, hand->ops->ping(hand->ws) == BC_OK, "ping() has refused");
}

static void pings_thrice(struct conformance_hand *hand)
{
	if (hand->n_pongs < 3)
		must(hand, hand->ops->ping(hand->ws) == BC_OK, "ping() has refused");
}

static void closes(struct conformance_hand *hand)
{
	hand->ops->close(hand->ws);
	hand->ops->close(hand->ws);
	must(hand, hand->ops->send(hand->ws, "x", 1) == BC_EINVAL, "send() after close()");
	must(hand, hand->ops->ping(hand->ws) == BC_EINVAL, "ping() after close()");
}

static void closes_at_a_message(struct conformance_hand *hand)
{
	if (hand->n_messages == 1)
		closes(hand);
}

static void closes_at_a_pong(struct conformance_hand *hand)
{
	if (hand->n_pongs == 1)
		closes(hand);
}

static void says_and_closes(struct conformance_hand *hand)
{
	if (just_opened(hand))
		say(hand, "never mind", 10);
	closes(hand);
}

/* Nobody reads: at most 64 wait, besides what TCP takes. */
static void says_too_much(struct conformance_hand *hand)
{
	static char big[1 << 20];
	unsigned int n = 0;
	memset(big, 'x', sizeof big);
	while (n < 80 && hand->ops->send(hand->ws, big, sizeof big) == BC_OK)
		n++;
	must(hand, n >= 64, "fewer than 64 may wait");
	must(hand, n < 80, "there is no end to what may wait");
	must(hand, hand->ops->send(hand->ws, "x", 1) == BC_EAGAIN, "send() does not say EAGAIN");
	closes(hand);
}

#define LEAVES "leaves without a close frame when it is we who close"

/* Closed by us with 1000; the server's words wait for that, `?1`, or come of themselves. */
#define CLOSED(words) \
	.says = UP words, .ends = "closed-by-us", .lws = { .why = LEAVES, .says = UP, .heard = "" }
#define CLOSED_AT(words) \
	.says = UP words, .ends = "closed-by-us", .lws = { .why = LEAVES, .heard = "" }

static const struct conformance_case cases[] = {
	{ .name = "a text",
	  .says = UP "?1" BYE,
	  .heard = "{81 'hi'}{88 03E8}",
	  .acts = says_hi,
	  .tls = true },
	{ .name = "an empty text",
	  .says = UP "?1" BYE,
	  .heard = "{81}{88 03E8}",
	  .acts = says_nothing },
	{ .name = "a text that is not ASCII",
	  .says = UP "?1" BYE,
	  .heard = "{81 ED 95 9C EA B8 80}{88 03E8}",
	  .acts = says_hangul },
	{ .name = "texts of every length form",
	  .says = UP "?8" BYE,
	  .heard = "{81 'x'}{81 'x'*125}{81 'x'*126}{81 'x'*127}{81 'x'*65535}{81 'x'*65536}"
		   "{81 'x'*65537}{81 'x'*300000}{88 03E8}",
	  .acts = says_all_lengths,
	  .tls = true },
	{ .name = "64 texts at once",
	  .says = UP "?64" BYE,
	  .heard = "{81 'again'}*64 {88 03E8}",
	  .acts = says_64 },
	{ .name = "an answer to each of 50 messages",
	  .says = UP "({81 'q'} |)*50 ?50" BYE,
	  .told = "T{'q'}*50",
	  .heard = "{81 'thanks'}*50 {88 03E8}",
	  .acts = answers_each },
	{ .name = "a ping, and its pong",
	  .says = UP "?1 {8A}" BYE,
	  .told = "P",
	  .heard = "{89}{88 03E8}",
	  .acts = pings,
	  .tls = true },
	{ .name = "three pings, each after the pong before",
	  .says = UP "?1 {8A} ?2 {8A} ?3 {8A}" BYE,
	  .told = "P*3",
	  .heard = "{89}*3 {88 03E8}",
	  .acts = pings_thrice },
	{ .name = "it closes, and the server answers",
	  CLOSED("?1 {88 03E8}"),
	  .acts = closes,
	  .tls = true },
	{ .name = "it closes, and the server answers another code",
	  CLOSED("?1 {88 03E9}"),
	  .acts = closes },
	{ .name = "it closes, and the server answers nonsense",
	  CLOSED("?1 {83 'x'} FFFF"),
	  .acts = closes },
	{ .name = "it closes, and the server ends TCP", CLOSED("?1 FIN"), .acts = closes },
	{ .name = "it closes, and the server resets TCP", CLOSED("?1 RST"), .acts = closes },
	{ .name = "it closes, and the server says nothing",
	  CLOSED(""),
	  .acts = closes,
	  .mute = true,
	  .tls = true },
	{ .name = "it closes, and the server goes on with data",
	  CLOSED("?1 {81 'more'}*1000 {88 03E8}"),
	  .acts = closes },
	{ .name = "it closes at a message: nothing more is told",
	  CLOSED_AT("{81 'one'}{81 'two'}{8A}{81 'three'}"),
	  .told = "T{'one'}",
	  .acts = closes_at_a_message },
	{ .name = "it closes at a message, a byte at a time",
	  CLOSED_AT("{81 'one'}{81 'two'}{8A}{81 'three'}"),
	  .told = "T{'one'}",
	  .acts = closes_at_a_message,
	  .pieces = CHOPPED,
	  .chop = 1 },
	{ .name = "it closes at a message in the segment of a close frame",
	  .says = UP "{81 'one'}{88 03E9}",
	  .told = "T{'one'}",
	  .ends = "closed-by-us",
	  .lws = { .why = LEAVES, .heard = "{88 03E9}" },
	  .acts = closes_at_a_message },
	{ .name = "it closes at a pong",
	  CLOSED_AT("{8A}{81 'never'}"),
	  .told = "P",
	  .acts = closes_at_a_pong },
	{ .name = "it closes at a fragmented message",
	  CLOSED_AT("{01 'a'}{80 'b'}{01 'c'}{80 'd'}"),
	  .told = "T{'ab'}",
	  .acts = closes_at_a_message },
	{ .name = "it says something and closes at once",
	  .says = UP "?2 {88 03E8}",
	  .ends = "closed-by-us",
	  .heard = "{81 'never mind'}{88 03E8}",
	  .acts = says_and_closes,
	  .lws = { .why = "drops what it was given to send when it is closed",
		   .says = UP,
		   .heard = "" } },
	{ .name = "it says too much to one who does not read",
	  .says = UP "DEAF",
	  .ends = "closed-by-us",
	  .heard = "",
	  .acts = says_too_much,
	  .mute = true },
};

FAMILY(client_family, "client", "what it sends by itself, and how it leaves");
