/* The close frame and its answer, RFC 6455, 5.5.1, 7.1 and 7.4. */
#include "tests/conformance/cases.h"

#define AS_1002  "tells a code it does not know, or that none may send, as 1002"
#define NO_CHECK "does not look at the form of a close frame, and answers it as it is"

#define CODE(text, hex)                                                                          \
	{                                                                                        \
		.name = "code " text, .says = UP "{88 " hex "}", .ends = "closed-by-peer " text, \
		.heard = "{88 " hex "}"                                                          \
	}
#define NO_CODE(text, hex)                                                               \
	{                                                                                \
		.name = "code " text ", which none may send", .says = UP "{88 " hex "}", \
		.ends = "protocol", .heard = "{88 03EA}",                                \
		.lws = {.why = AS_1002,                                                  \
			.ends = "closed-by-peer 1002" }                                  \
	}
#define NEW_CODE(text, hex)                                                                      \
	{                                                                                        \
		.name = "code " text, .says = UP "{88 " hex "}", .ends = "closed-by-peer " text, \
		.heard = "{88 " hex "}",                                                         \
		.lws = {.why = AS_1002,                                                          \
			.ends = "closed-by-peer 1002",                                           \
			.heard = "{88 03EA}" }                                                   \
	}
#define LARGE_CODE(text, hex)                                                            \
	{                                                                                \
		.name = "code " text ", which none may send", .says = UP "{88 " hex "}", \
		.ends = "protocol", .heard = "{88 03EA}",                                \
		.lws = {.why = NO_CHECK,                                                 \
			.ends = "closed-by-peer " text,                                  \
			.heard = "{88 " hex "}" }                                        \
	}

static const struct conformance_case cases[] = {
	{ .name = "after a text",
	  .says = UP "{81 'bye'}{88 03E8}",
	  .told = "T{'bye'}",
	  .tls = true },
	{ .name = "no code",
	  .says = UP "{88}",
	  .ends = "closed-by-peer",
	  .heard = "{88}",
	  .tls = true },
	{ .name = "one byte where a code belongs",
	  .says = UP "{88 03}",
	  .ends = "protocol",
	  .heard = "{88 03EA}",
	  .lws = { .why = NO_CHECK, .ends = "closed-by-peer", .heard = "{88 03}" } },
	{ .name = "one byte, and behind the frame what would make a code of it",
	  .says = UP "{88 03} E8 'x'*20",
	  .ends = "protocol",
	  .heard = "{88 03EA}",
	  .lws = { .why = "reads on behind a close frame before it has answered",
		   .ends = "closed-by-peer",
		   .heard = "" } },
	{ .name = "a code and a reason", .says = UP "{88 03E8 'Hello World!'}" },
	{ .name = "a reason of 123 bytes, which is the longest", .says = UP "{88 03E8 '*'*123}" },
	{ .name = "a reason of 124 bytes", .says = UP "{88 03E8 '*'*124}", VIOLATION },
	{ .name = "a reason that is not ASCII", .says = UP "{88 03E8 CE BA E1 BD B9}" },
	{ .name = "a reason that is not UTF-8",
	  .says = UP "{88 03E8 CE BA F4 90 80 80}",
	  .ends = "protocol",
	  .heard = "{88 03EF}",
	  .lws = { .why = NO_CHECK,
		   .ends = "closed-by-peer 1000",
		   .heard = "{88 03E8 CE BA F4 90 80 80}" } },
	{ .name = "a reason cut inside a character",
	  .says = UP "{88 03E8 'a' C3}",
	  .ends = "protocol",
	  .heard = "{88 03EF}",
	  .lws = { .why = NO_CHECK, .ends = "closed-by-peer 1000", .heard = "{88 03E8 'a' C3}" } },
	{ .name = "a byte at a time",
	  .says = UP "{88 03E9 'going away'}",
	  .ends = "closed-by-peer 1001",
	  .heard = "{88 03E9}",
	  .pieces = CHOPPED,
	  .chop = 1 },
	{ .name = "data after it is not read", .says = UP "{88 03E8}{81 'never'}{89 'never'}" },
	{ .name = "rubbish after it is not read",
	  .says = UP "{88 03E8} FFFFFFFFFFFF",
	  .lws = { .why = "reads on behind a close frame before it has answered", .heard = "" } },
	{ .name = "data after it in a piece of its own", .says = UP "{88 03E8} ?1 {81 'never'}" },
	{ .name = "twice",
	  .says = UP "{88 03E8}{88 03E9}",
	  .lws = { .why = "reads on behind a close frame before it has answered",
		   .heard = "{88 03E9}" } },
	{ .name = "inside a message", .says = UP "{01 'half'}{88 03E8}{80 'never'}" },
	{ .name = "the server ends TCP with it",
	  .says = UP "{81 'x'}{88 03E9} FIN",
	  .told = "T{'x'}",
	  .ends = "closed-by-peer 1001",
	  .heard = "{88 03E9}" },
	{ .name = "the server never ends TCP", .says = UP "{88 03E8}", .mute = true },
	CODE("1000", "03E8"),
	CODE("1001", "03E9"),
	CODE("1002", "03EA"),
	CODE("1003", "03EB"),
	CODE("1007", "03EF"),
	CODE("1008", "03F0"),
	CODE("1009", "03F1"),
	CODE("1010", "03F2"),
	CODE("1011", "03F3"),
	NEW_CODE("1012", "03F4"),
	NEW_CODE("1013", "03F5"),
	NEW_CODE("1014", "03F6"),
	CODE("3000", "0BB8"),
	CODE("3999", "0F9F"),
	CODE("4000", "0FA0"),
	CODE("4999", "1387"),
	NO_CODE("0", "0000"),
	NO_CODE("999", "03E7"),
	NO_CODE("1004", "03EC"),
	NO_CODE("1005", "03ED"),
	NO_CODE("1006", "03EE"),
	NO_CODE("1015", "03F7"),
	NO_CODE("1016", "03F8"),
	NO_CODE("1100", "044C"),
	NO_CODE("2000", "07D0"),
	NO_CODE("2999", "0BB7"),
	LARGE_CODE("5000", "1388"),
	LARGE_CODE("65535", "FFFF"),
	{ .name = "TCP ends without one",
	  .says = UP "FIN",
	  .ends = "lost",
	  .heard = "",
	  .tls = true },
	{ .name = "TCP ends without one after a text",
	  .says = UP "{81 'x'} | FIN",
	  .told = "T{'x'}",
	  .ends = "lost",
	  .heard = "",
	  .tls = true },
	{ .name = "TCP ends in the same segment as a text",
	  .says = UP "{81 'x'} FIN",
	  .told = "T{'x'}",
	  .ends = "lost",
	  .heard = "" },
	{ .name = "TCP ends inside a header", .says = UP "81 FIN", .ends = "lost", .heard = "" },
	{ .name = "TCP ends inside a length",
	  .says = UP "81 7E 01 FIN",
	  .ends = "lost",
	  .heard = "" },
	{ .name = "TCP ends inside a payload",
	  .says = UP "81 05 'hel' FIN",
	  .ends = "lost",
	  .heard = "",
	  .tls = true },
	{ .name = "TCP ends inside a close frame",
	  .says = UP "88 02 03 FIN",
	  .ends = "lost",
	  .heard = "" },
	{ .name = "TCP is reset",
	  .says = UP "{81 'x'} | RST",
	  .told = "T{'x'}",
	  .ends = "lost",
	  .heard = "" },
	{ .name = "TCP is reset inside a payload",
	  .says = UP "81 05 'hel' | RST",
	  .ends = "lost",
	  .heard = "" },
};

FAMILY(close_family, "7 close", "codes, reasons, and ends without either");
