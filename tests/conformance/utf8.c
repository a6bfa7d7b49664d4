/* Text is UTF-8, RFC 6455, 8.1, and RFC 3629. Whether a bad text is refused at its first bad byte
 * or when it is whole is left to the client. */
#include "tests/conformance/cases.h"

/* Good as a text in one frame; and bad. Binary takes both. */
#define GOOD(what, words)                                                             \
	{                                                                             \
		.name = what, .says = UP "{81 " words "}" BYE, .told = "T{" words "}" \
	}
#define BAD(what, words)                                                 \
	{                                                                \
		.name = what, .says = UP "{81 " words "}" BYE, BAD_BYTES \
	}
#define IN_TWO(what, one, two)                                                                    \
	{                                                                                         \
		.name = what, .says = UP "{01 " one "}{80 " two "}" BYE, .told = "T{" one two "}" \
	}
#define BAD_IN_TWO(what, one, two)                                                 \
	{                                                                          \
		.name = what, .says = UP "{01 " one "}{80 " two "}" BYE, BAD_BYTES \
	}

#define KOSME "CE BA E1 BD B9 CF 83 CE BC CE B5" /* a Greek word */

static const struct conformance_case cases[] = {
	{ .name = "text of several scripts",
	  .says = UP "{81 '\xed\x95\x9c\xea\xb8\x80 \xc2\xb5 \xf0\x9f\x98\x80'}" BYE,
	  .told = "T{'\xed\x95\x9c\xea\xb8\x80 \xc2\xb5 \xf0\x9f\x98\x80'}",
	  .tls = true },
	GOOD("Greek of two and three bytes", KOSME),
	GOOD("the first of two bytes, U+0080", "C2 80"),
	GOOD("the last of two bytes, U+07FF", "DF BF"),
	GOOD("the first of three bytes, U+0800", "E0 A0 80"),
	GOOD("the last before the surrogates, U+D7FF", "ED 9F BF"),
	GOOD("the first after the surrogates, U+E000", "EE 80 80"),
	GOOD("the replacement character, U+FFFD", "EF BF BD"),
	GOOD("non-characters U+FFFE and U+FFFF", "EF BF BE EF BF BF"),
	GOOD("the first of four bytes, U+10000", "F0 90 80 80"),
	GOOD("the last of all, U+10FFFF", "F4 8F BF BF"),
	GOOD("NUL and other controls", "00 01 1F 7F"),
	GOOD("60,000 bytes of three byte characters", "(E2 82 AC)*20000"),
	BAD("above all, U+110000", "F4 90 80 80"),
	BAD("a lone byte of a sequence", "80"),
	BAD("many lone bytes of sequences", "80 BF 80 BF 80 BF"),
	BAD("a lead of two without its second", "C3"),
	BAD("a lead of three after two bytes", "E2 82"),
	BAD("a lead of four after three bytes", "F0 9F 98"),
	BAD("a lead, then a plain letter", "C3 'a'"),
	BAD("a lead, then a lead", "E2 82 E2"),
	BAD("overlong '/', two bytes", "C0 AF"),
	BAD("overlong '/', three bytes", "E0 80 AF"),
	BAD("overlong '/', four bytes", "F0 80 80 AF"),
	BAD("overlong NUL", "C0 80"),
	BAD("the largest overlong of two bytes", "C1 BF"),
	BAD("the largest overlong of three bytes", "E0 9F BF"),
	BAD("the largest overlong of four bytes", "F0 8F BF BF"),
	BAD("a high surrogate, U+D800", "ED A0 80"),
	BAD("a low surrogate, U+DFFF", "ED BF BF"),
	BAD("a pair of surrogates", "ED A1 8C ED BE B4"),
	BAD("a sequence of five bytes", "F8 88 80 80 80"),
	BAD("a sequence of six bytes", "FC 84 80 80 80 80"),
	BAD("FE", "FE"),
	BAD("FF", "FF"),
	BAD("a surrogate between good words", KOSME " ED A0 80 65 64 69 74 65 64"),
	BAD("too large between good words", KOSME " F4 90 80 80 65 64 69 74 65 64"),
	BAD("a bad last byte after 65,535 good ones", "'a'*65535 FF"),
	BAD("a bad byte amid 100,000 good ones", "'a'*50000 C3 'a'*50000"),
	BAD("a bad byte at 33 of 64", "'a'*33 80 'a'*30"),
	IN_TWO("a character of two bytes cut by fragments", "'x' C3", "A9 'y'"),
	IN_TWO("a character of three bytes cut after its first", "E2", "82 AC"),
	IN_TWO("a character of three bytes cut after its second", "E2 82", "AC"),
	IN_TWO("a character of four bytes cut in its middle", "F0 9F", "98 80"),
	{ .name = "each byte of a word its own fragment",
	  .says = UP
	  "{01 CE}{00 BA}{00 E1}{00 BD}{00 B9}{00 CF}{00 83}{00 CE}{00 BC}{00 CE}{80 B5}" BYE,
	  .told = "T{" KOSME "}" },
	{ .name = "a character cut by fragments, a ping in it",
	  .says = UP "{01 F0 9F}{89 FF}{80 98 80} ?1" BYE,
	  .told = "T{F0 9F 98 80}",
	  .heard = "{8A FF}{88 03E8}" },
	{ .name = "good text a byte at a time",
	  .says = UP "{81 " KOSME "}" BYE,
	  .told = "T{" KOSME "}",
	  .pieces = CHOPPED,
	  .chop = 1 },
	BAD_IN_TWO("a character cut by fragments and never ended", "'x' E2 82", ""),
	BAD_IN_TWO("a surrogate cut by fragments", "ED", "A0 80"),
	BAD_IN_TWO("an overlong form cut by fragments", "C0", "AF"),
	BAD_IN_TWO("too large, cut by fragments", "F4", "90 80 80"),
	BAD_IN_TWO("a bad second fragment", "'good'", "FF"),
	{ .name = "bad text a byte at a time",
	  .says = UP "{81 " KOSME " F4 90 80 80 'edited'}" BYE,
	  .pieces = CHOPPED,
	  .chop = 1,
	  BAD_BYTES },
	{ .name = "bad text after a good one",
	  .says = UP "{81 'good'}{81 C3 28}{81 'never'}" BYE,
	  .told = "T{'good'}",
	  BAD_BYTES,
	  .tls = true },
	{ .name = "binary may be what no text may",
	  .says = UP "{82 FF C0 80 ED A0 80 F4 90 80 80}" BYE,
	  .told = "B{FF C0 80 ED A0 80 F4 90 80 80}" },
	{ .name = "binary in fragments may, too",
	  .says = UP "{02 C3}{80 28}" BYE,
	  .told = "B{C3 28}" },
	{ .name = "a character does not go on in the next message",
	  .says = UP "{81 C3}{81 A9}" BYE,
	  BAD_BYTES },
};

FAMILY(utf8_family, "6 UTF-8", "text that is not is refused, at its edges and at fragments' edges");
