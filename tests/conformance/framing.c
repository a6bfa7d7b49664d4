/* Data frames of every length form, RFC 6455, 5.2. */
#include "tests/conformance/cases.h"

#define LONG_FORM "reads a length in a longer form than it needs"
#define MASKED    "reads masked frames of a server, and unmasks them"

/* Refused; libwebsockets takes it, and is told so much. */
#define REFUSED_BUT(reason, so_much)              \
	.ends = "protocol", .heard = "{88 03EA}", \
	.lws = { .why = (reason),                 \
		 .told = (so_much),               \
		 .ends = "closed-by-peer 1000",   \
		 .heard = "{88 03E8}" }

#define WHOLE(kind, first, what, words)                                                           \
	{                                                                                         \
		.name = what, .says = UP "{" first " " words "}" BYE, .told = kind "{" words "}", \
		.tls = true                                                                       \
	}
#define IN_PIECES(kind, first, what, words, size)                                                 \
	{                                                                                         \
		.name = what, .says = UP "{" first " " words "}" BYE, .told = kind "{" words "}", \
		.pieces = CHOPPED, .chop = size                                                   \
	}

static const struct conformance_case cases[] = {
	WHOLE("T", "81", "an empty text", ""),
	WHOLE("T", "81", "text of 1 byte", "'a'"),
	WHOLE("T", "81", "text of 125 bytes", "'*'*125"),
	WHOLE("T", "81", "text of 126 bytes", "'*'*126"),
	WHOLE("T", "81", "text of 127 bytes", "'*'*127"),
	WHOLE("T", "81", "text of 128 bytes", "'*'*128"),
	WHOLE("T", "81", "text of 65,535 bytes", "'*'*65535"),
	WHOLE("T", "81", "text of 65,536 bytes", "'*'*65536"),
	WHOLE("T", "81", "text of 65,537 bytes", "'*'*65537"),
	WHOLE("T", "81", "text of 200,000 bytes", "'0123456789'*20000"),
	WHOLE("B", "82", "an empty binary message", ""),
	WHOLE("B", "82", "binary of 1 byte", "00"),
	WHOLE("B", "82", "binary of 125 bytes", "FE*125"),
	WHOLE("B", "82", "binary of 126 bytes", "FE*126"),
	WHOLE("B", "82", "binary of 127 bytes", "FE*127"),
	WHOLE("B", "82", "binary of 128 bytes", "FE*128"),
	WHOLE("B", "82", "binary of 65,535 bytes", "FE*65535"),
	WHOLE("B", "82", "binary of 65,536 bytes", "FE*65536"),
	WHOLE("B", "82", "binary of 65,537 bytes", "FE*65537"),
	WHOLE("B", "82", "binary of 200,000 bytes", "(00 FF 81 7F 0A)*40000"),
	IN_PIECES("T", "81", "text of 125 bytes, a byte at a time", "'*'*125", 1),
	IN_PIECES("T", "81", "text of 126 bytes, a byte at a time", "'*'*126", 1),
	IN_PIECES("T", "81", "text of 65,535 bytes in pieces of 997", "'*'*65535", 997),
	IN_PIECES("T", "81", "text of 65,536 bytes in pieces of 997", "'*'*65536", 997),
	IN_PIECES("T", "81", "text of 200,000 bytes in pieces of 7,001", "'0123456789'*20000",
		  7001),
	IN_PIECES("B", "82", "binary of 126 bytes in pieces of 3", "FE*126", 3),
	IN_PIECES("B", "82", "binary of 65,536 bytes in pieces of 1,024", "FE*65536", 1024),
	{ .name = "300 texts at once, in order",
	  .says = UP "({81 'one'}{81 'two'}{81 'three'})*100" BYE,
	  .told = "(T{'one'} T{'two'} T{'three'})*100" },
	{ .name = "texts and binary messages in turns, of all length forms",
	  .says = UP "({81 'a'}{82 FF}{81 'b'*126}{82 00*70000}{81})*3" BYE,
	  .told = "(T{'a'} B{FF} T{'b'*126} B{00*70000} T{})*3" },
	{ .name = "a length of 16 bits that 7 would hold",
	  .says = UP "81 7E 0005 'hello'" BYE,
	  REFUSED_BUT(LONG_FORM, "T{'hello'}") },
	{ .name = "a length of 64 bits that 16 would hold",
	  .says = UP "81 7F 0000000000000005 'hello'" BYE,
	  REFUSED_BUT(LONG_FORM, "T{'hello'}") },
	{ .name = "a length of 64 bits for 65,535 bytes",
	  .says = UP "82 7F 000000000000FFFF 00*65535" BYE,
	  REFUSED_BUT(LONG_FORM, "B{00*65535}") },
	{ .name = "a length with its top bit set", .says = UP "82 7F 8000000000000000", VIOLATION },
	{ .name = "the largest length there is",
	  .says = UP "82 7F FFFFFFFFFFFFFFFF 'ab'",
	  VIOLATION },
	{ .name = "a masked text",
	  .says = UP "81 82 01020304 696B" BYE,
	  REFUSED_BUT(MASKED, "T{'hi'}") },
	{ .name = "a masked empty text",
	  .says = UP "81 80 01020304" BYE,
	  REFUSED_BUT(MASKED, "T{}") },
	{ .name = "a masked ping", .says = UP "89 80 01020304" BYE, REFUSED_BUT(MASKED, "") },
	{ .name = "a message, then a masked one",
	  .says = UP "{81 'first'} 81 82 00000000 'hi'" BYE,
	  .told = "T{'first'}",
	  REFUSED_BUT(MASKED, "T{'first'} T{'hi'}") },
};

FAMILY(framing_family, "1 framing", "lengths and masks of data frames");
