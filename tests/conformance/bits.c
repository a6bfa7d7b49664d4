/* Reserved bits and reserved opcodes, RFC 6455, 5.2. */
#include "tests/conformance/cases.h"

#define REFUSED(what, words)                                  \
	{                                                     \
		.name = what, .says = UP words BYE, VIOLATION \
	}
#define AFTER_A_TEXT(what, words)                                                 \
	{                                                                         \
		.name = what, .says = UP "{81 'first'}" words "{81 'never'}" BYE, \
		.told = "T{'first'}", VIOLATION                                   \
	}

static const struct conformance_case cases[] = {
	REFUSED("RSV1 on a text, no extension agreed", "{C1 'hi'}"),
	REFUSED("RSV2 on a text", "{A1 'hi'}"),
	REFUSED("RSV3 on a text", "{91 'hi'}"),
	REFUSED("RSV1 and RSV2 on a text", "{E1 'hi'}"),
	REFUSED("all reserved bits on a binary message", "{F2 'hi'}"),
	REFUSED("RSV1 on an empty text", "{C1}"),
	REFUSED("RSV3 on a ping", "{99 'hi'}"),
	REFUSED("RSV1 on a ping", "{C9 'hi'}"),
	REFUSED("RSV2 on a pong", "{AA}"),
	REFUSED("RSV1 on a close frame", "{C8 03E8}"),
	REFUSED("RSV1 on a continuation", "{01 'a'}{C0 'b'}"),
	AFTER_A_TEXT("RSV2 after a text", "{A1 'hi'}"),
	AFTER_A_TEXT("RSV3 after a text", "{91 'hi'}"),
	{ .name = "RSV2 after a text, a byte at a time",
	  .says = UP "{81 'first'}{A1 'hi'}" BYE,
	  .told = "T{'first'}",
	  .pieces = CHOPPED,
	  .chop = 1,
	  VIOLATION },
	REFUSED("opcode 3", "{83 'hi'}"),
	REFUSED("opcode 4", "{84 'hi'}"),
	REFUSED("opcode 5", "{85 'hi'}"),
	REFUSED("opcode 6", "{86 'hi'}"),
	REFUSED("opcode 7", "{87 'hi'}"),
	REFUSED("opcode 11", "{8B 'hi'}"),
	REFUSED("opcode 12", "{8C 'hi'}"),
	REFUSED("opcode 13", "{8D 'hi'}"),
	REFUSED("opcode 14", "{8E 'hi'}"),
	REFUSED("opcode 15", "{8F 'hi'}"),
	REFUSED("opcode 3, empty", "{83}"),
	REFUSED("opcode 11, empty", "{8B}"),
	REFUSED("opcode 3 without FIN", "{03 'hi'}"),
	AFTER_A_TEXT("opcode 7 after a text", "{87 'hi'}"),
	AFTER_A_TEXT("opcode 15 after a text", "{8F 'hi'}"),
	REFUSED("opcode 5 inside a message", "{01 'a'}{85}{80 'b'}"),
};

FAMILY(bits_family, "3 and 4 reserved bits and opcodes", "refused, whatever stands around them");
