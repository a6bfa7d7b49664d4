/* The answer to the upgrade, RFC 6455, 4.1, with every way in which it can be none. */
#include "tests/conformance/cases.h"

#define HTTP(words) "'HTTP/1.1 " words "\r\n'"
#define REST        "'Upgrade: websocket\r\nConnection: Upgrade\r\n'" ACCEPT "'\r\n'"
#define OPENS(what, words)                                          \
	{                                                           \
		.name = what, .says = words " | " BYE, .tls = false \
	}
#define REFUSED(what, words)                                                         \
	{                                                                            \
		.name = what, .says = words, .never_opens = true, .ends = "protocol" \
	}
/* Refused, too; what libwebsockets makes of it. */
#define TAKEN_BUT(what, words)                                                                  \
	{                                                                                       \
		.name = what, .says = words " | " BYE, .never_opens = true, .ends = "protocol", \
		.lws = {.why = "takes an answer that is not quite one",                         \
			.opens = true,                                                          \
			.ends = "closed-by-peer 1000",                                          \
			.heard = "{88 03E8}" }                                                  \
	}
#define WAITS_BUT(what, words)                                                        \
	{                                                                             \
		.name = what, .says = words, .never_opens = true, .ends = "protocol", \
		.lws = {.why = "waits on where an answer cannot become one",          \
			.ends = "timed-out",                                          \
			.limit_ms = 150 }                                             \
	}
#define FAILS_BUT(what, words)                                                          \
	{                                                                               \
		.name = what, .says = words, .never_opens = true, .ends = "protocol",   \
		.lws = {.why = "does not say whether an answer was bad or never whole", \
			.ends = "connect-failed" }                                      \
	}
#define BLANKS(what, one, more)                                                              \
	{                                                                                    \
		.name = what,                                                                \
		.says = HTTP("101 Switching Protocols") "'Upgrade:" more "websocket" one     \
							"\r\nConnection:" one "Upgrade" more \
							"\r\n'" ACCEPT "'\r\n' | " BYE,      \
		.lws = {.why = "takes blanks for a part of a header's value",                \
			.never_opens = true,                                                 \
			.ends = "protocol",                                                  \
			.heard = "" }                                                        \
	}
#define STATUS(what, words, how)                                                         \
	{                                                                                \
		.name = what, .says = words, .never_opens = true, .ends = "refused " how \
	}

static const struct conformance_case cases[] = {
	{ .name = "the honest answer", .says = UP BYE, .tls = true },
	{ .name = "the first frame in its segment",
	  .says = SWITCHING ACCEPT "'\r\n' {81 'hi'}" BYE,
	  .told = "T{'hi'}",
	  .tls = true },
	{ .name = "half of the first frame in its segment",
	  .says = SWITCHING ACCEPT "'\r\n' 81 05 'he' | 'llo'" BYE,
	  .told = "T{'hello'}" },
	{ .name = "100 KB of frames in its segment",
	  .says = SWITCHING ACCEPT "'\r\n' {82 'x'*1000}*100" BYE,
	  .told = "B{'x'*1000}*100" },
	{ .name = "a close frame in its segment", .says = SWITCHING ACCEPT "'\r\n'" BYE },
	{ .name = "a violation in its segment", .says = SWITCHING ACCEPT "'\r\n' {83}", VIOLATION },
	{ .name = "split at every byte",
	  .says = SWITCHING ACCEPT "'\r\n'" BYE,
	  .pieces = EVERY_SPLIT },
	{ .name = "a byte at a time",
	  .says = SWITCHING ACCEPT "'\r\n'" BYE,
	  .pieces = CHOPPED,
	  .chop = 1,
	  .tls = true },
	OPENS("header names in capitals",
	      HTTP("101 Switching Protocols") "'UPGRADE: websocket\r\nCONNECTION: Upgrade\r\n"
					      "SEC-WEBSOCKET-ACCEPT: ' @ '\r\n\r\n'"),
	OPENS("header names in small letters",
	      HTTP("101 Switching Protocols") "'upgrade: websocket\r\nconnection: upgrade\r\n"
					      "sec-websocket-accept: ' @ '\r\n\r\n'"),
	OPENS("values in other case",
	      HTTP("101 Switching Protocols") "'Upgrade: WebSocket\r\nConnection: "
					      "UPGRADE\r\n'" ACCEPT "'\r\n'"),
	OPENS("Connection with more than one word",
	      HTTP("101 Switching Protocols") "'Upgrade: websocket\r\n"
					      "Connection: keep-alive, Upgrade\r\n'" ACCEPT
					      "'\r\n'"),
	OPENS("no space after the colons",
	      HTTP("101 Switching Protocols") "'Upgrade:websocket\r\nConnection:Upgrade\r\n"
					      "Sec-WebSocket-Accept:' @ '\r\n\r\n'"),
	BLANKS("spaces around the values", " ", "   "),
	BLANKS("tabs around the values", "\t", "\t \t"),
	OPENS("another reason phrase", HTTP("101 Web Socket Protocol Handshake") REST),
	OPENS("no reason phrase", HTTP("101 ") REST),
	OPENS("headers nobody asked about",
	      HTTP("101 Switching Protocols") "'Server: nginx\r\nDate: today\r\nSet-Cookie: a=b; "
					      "Path=/\r\nX-Empty:\r\n'" REST),
	OPENS("4,000 bytes of headers nobody asked about",
	      HTTP("101 Switching Protocols") "('X-Padding: ' 'x'*100 '\r\n')*34" REST),
	REFUSED("a wrong accept value",
		SWITCHING "'Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n'"),
	REFUSED("the accept value and a letter",
		SWITCHING "'Sec-WebSocket-Accept: ' @ 'A\r\n\r\n'"),
	REFUSED("an empty accept value", SWITCHING "'Sec-WebSocket-Accept:\r\n\r\n'"),
	REFUSED("no accept value", SWITCHING "'\r\n'"),
	TAKEN_BUT("two accept values, the second wrong",
		  SWITCHING ACCEPT "'Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n'"),
	REFUSED("no Upgrade",
		HTTP("101 Switching Protocols") "'Connection: Upgrade\r\n'" ACCEPT "'\r\n'"),
	REFUSED("an Upgrade to something else",
		HTTP("101 Switching Protocols") "'Upgrade: h2c\r\nConnection: Upgrade\r\n'" ACCEPT
						"'\r\n'"),
	REFUSED("no Connection",
		HTTP("101 Switching Protocols") "'Upgrade: websocket\r\n'" ACCEPT "'\r\n'"),
	REFUSED("a Connection that closes",
		HTTP("101 Switching Protocols") "'Upgrade: websocket\r\nConnection: "
						"close\r\n'" ACCEPT "'\r\n'"),
	REFUSED("an extension nobody offered",
		SWITCHING ACCEPT "'Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n'"),
	REFUSED("an unknown extension",
		SWITCHING ACCEPT "'Sec-WebSocket-Extensions: x-webkit-deflate-frame\r\n\r\n'"),
	REFUSED("a subprotocol nobody offered",
		SWITCHING ACCEPT "'Sec-WebSocket-Protocol: chat\r\n\r\n'"),
	TAKEN_BUT("HTTP/1.0", "'HTTP/1.0 101 Switching Protocols\r\n'" REST),
	FAILS_BUT("HTTP/2.0", "'HTTP/2.0 101 Switching Protocols\r\n'" REST),
	REFUSED("a header without a colon", SWITCHING "'nonsense\r\n'" ACCEPT "'\r\n'"),
	TAKEN_BUT("a header name with a space", SWITCHING "'X Y: z\r\n'" ACCEPT "'\r\n'"),
	WAITS_BUT("a header that goes on in the next line",
		  SWITCHING ACCEPT "'X-Long: one\r\n two\r\n\r\n'"),
	REFUSED("a NUL in a header", SWITCHING "'X: a' 00 'b\r\n'" ACCEPT "'\r\n'"),
	WAITS_BUT("not HTTP", "'SSH-2.0-OpenSSH_9.2\r\n\r\n'"),
	WAITS_BUT("bytes of no kind", "(00 FF 80 7F 0D 0A)*40"),
	FAILS_BUT("a status of no number", HTTP("abc Switching") REST),
	{ .name = "a status of four digits",
	  .says = HTTP("1010 Switching") REST,
	  .never_opens = true,
	  .ends = "protocol",
	  .lws = { .why = "takes an answer that is not quite one", .ends = "refused http 1010" } },
	FAILS_BUT("40,000 bytes of headers", SWITCHING "('X-Padding: ' 'x'*100 '\r\n')*400"),
	FAILS_BUT("a header without end", SWITCHING "'X: ' 'x'*300000"),
	FAILS_BUT("headers without end", SWITCHING "('X: y\r\n')*60000"),
	FAILS_BUT("a status line without end", "'HTTP/1.1 101 ' 'x'*300000"),
	STATUS("200", HTTP("200 OK") "'Content-Length: 2\r\n\r\nhi'", "http 200"),
	STATUS("200 without an end", HTTP("200 OK") "'\r\n' 'body'*1000", "http 200"),
	STATUS("301 is not followed",
	       HTTP("301 Moved") "'Location: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n'",
	       "http 301"),
	STATUS("302 is not followed",
	       HTTP("302 Found") "'Location: ws://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n'",
	       "http 302"),
	STATUS("400", HTTP("400 Bad Request") "'Content-Length: 0\r\n\r\n'", "http 400"),
	STATUS("401", HTTP("401 No") "'WWW-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n'",
	       "http 401"),
	STATUS("403", HTTP("403 Forbidden") "'Content-Length: 0\r\n\r\n'", "http 403"),
	STATUS("404", HTTP("404 Not Found") "'Content-Length: 0\r\n\r\n'", "http 404"),
	STATUS("418 with Retry-After",
	       HTTP("418 Teapot") "'retry-after: 120\r\nContent-Length: 2\r\n\r\n{}'",
	       "http 418 retry 120"),
	STATUS("426", HTTP("426 Upgrade Required") "'Content-Length: 0\r\n\r\n'", "http 426"),
	{ .name = "429 with Retry-After",
	  .says = HTTP("429 Too Many Requests") "'Retry-After: 7\r\nContent-Length: 0\r\n\r\n'",
	  .never_opens = true,
	  .ends = "refused http 429 retry 7",
	  .tls = true },
	STATUS("429 without Retry-After", HTTP("429 No") "'Content-Length: 0\r\n\r\n'", "http 429"),
	STATUS("500", HTTP("500 No") "'Content-Length: 0\r\n\r\n'", "http 500"),
	STATUS("503 with Retry-After",
	       HTTP("503 No") "'Retry-After: 30\r\nContent-Length: 0\r\n\r\n'",
	       "http 503 retry 30"),
	STATUS("503 in HTTP/1.0, and TCP ends", "'HTTP/1.0 503 No\r\n\r\n' FIN", "http 503"),
	{ .name = "429 a byte at a time",
	  .says = HTTP("429 No") "'Retry-After: 7\r\nContent-Length: 0\r\n\r\n'",
	  .pieces = CHOPPED,
	  .chop = 1,
	  .never_opens = true,
	  .ends = "refused http 429 retry 7" },
	{ .name = "no answer",
	  .says = "",
	  .never_opens = true,
	  .limit_ms = 150,
	  .ends = "timed-out",
	  .tls = true },
	{ .name = "half an answer",
	  .says = "'HTTP/1.1 101 Swi'",
	  .never_opens = true,
	  .limit_ms = 150,
	  .ends = "timed-out",
	  .tls = true },
	{ .name = "no empty line",
	  .says = SWITCHING ACCEPT,
	  .never_opens = true,
	  .limit_ms = 150,
	  .ends = "timed-out" },
	{ .name = "TCP ends at once",
	  .says = "FIN",
	  .never_opens = true,
	  .ends = "connect-failed",
	  .tls = true },
	{ .name = "TCP ends inside the answer",
	  .says = "'HTTP/1.1 101 Swi' FIN",
	  .never_opens = true,
	  .ends = "connect-failed" },
	{ .name = "TCP ends inside the headers",
	  .says = SWITCHING "FIN",
	  .never_opens = true,
	  .ends = "connect-failed" },
	{ .name = "TCP is reset",
	  .says = "RST",
	  .never_opens = true,
	  .ends = "connect-failed",
	  .lws = { .why = "a reset before the answer counts as a connection lost",
		   .ends = "lost" } },
	{ .name = "TCP is reset inside the answer",
	  .says = "'HTTP/1.1 101 Swi' | RST",
	  .never_opens = true,
	  .ends = "connect-failed",
	  .lws = { .why = "a reset before the answer counts as a connection lost",
		   .ends = "lost" } },
	{ .name = "an answer before the request",
	  .says = "'HTTP/1.1 200 OK\r\n\r\n'",
	  .eager = true,
	  .never_opens = true,
	  .ends = "refused http 200" },
	{ .name = "TCP ends right after the answer",
	  .says = SWITCHING ACCEPT "'\r\n' FIN",
	  .ends = "lost",
	  .heard = "" },
};

FAMILY(handshake_family, "handshake",
       "the answer to the upgrade, and every way in which it is none");
