/* cases.h - what a WebSocket client must make of what a server sends, as data.
 *
 * A case says what the server sends (in the words of notation.h), what the client is told, how its
 * connection ends and which frames it has sent. It says what RFC 6455 wants; where a transport does
 * otherwise, the row says what it does and why that is taken.
 *
 * The server upgrades, sends what the case says, answers the client's close frame by ending TCP,
 * and else keeps the connection until the client leaves. Every case ends with `closed` and with the
 * client's socket gone; a case that does neither in time has failed. */
#ifndef BC_CONFORMANCE_CASES_H
#define BC_CONFORMANCE_CASES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bc_ws;
struct bc_transport_ops;

/* What this transport does instead, where it is not what the case wants. NULL: as the case. */
struct conformance_difference {
	const char *why;  /* NULL: there is none */
	const char *says; /* what brings it to an end */
	const char *told, *ends, *heard;
	bool skipped;            /* the case means nothing to it */
	bool opens, never_opens; /* where it should not, or should */
	int limit_ms;
};

/* The hand of a case inside the client. */
struct conformance_hand {
	const struct bc_transport_ops *ops;
	struct bc_ws *ws;
	unsigned int n_messages, n_pongs; /* told so far */
	const char *wrong;                /* set it: the case has failed */
};

enum conformance_pieces {
	AS_WRITTEN,  /* one piece, but for what '|' cuts */
	CHOPPED,     /* `chop` bytes a piece */
	EVERY_SPLIT, /* as often as there are bytes, cut in two at each */
};

struct conformance_case {
	const char *name;
	/* What the server sends, answer to the upgrade included; UP is the honest one. */
	const char *says;
	const char *told;  /* NULL: nothing */
	const char *ends;  /* NULL: "closed-by-peer 1000" */
	const char *heard; /* NULL: its answer to that, {88 03E8}. A reason in it does not count */

	enum conformance_pieces pieces;
	size_t chop;
	bool never_opens;
	bool eager; /* the server speaks before it has read the request */
	bool mute;  /* the server never ends TCP, whatever the client sends */
	bool tls;   /* over TLS, too */
	bool compression;
	int limit_ms;     /* until it is open; 0: long */
	size_t cap_bytes; /* largest message; 0: 4 MiB */

	/* Called when it is open, and after each message and pong. NULL: does nothing. */
	void (*acts)(struct conformance_hand *hand);
	/* Looks at the request, as text; NULL or what is wrong with it. */
	const char *(*request)(const char *head);

	struct conformance_difference lws, direct;
};

struct conformance_family {
	const char *name; /* "5 fragmentation" */
	const char *about;
	const struct conformance_case *cases;
	size_t n;
};

extern const struct conformance_family *const conformance_families[]; /* ends in NULL */

#define FAMILY(symbol, title, what)                                 \
	const struct conformance_family symbol = { .name = (title), \
						   .about = (what), \
						   .cases = cases,  \
						   .n = sizeof cases / sizeof *cases }

#define SWITCHING \
	"'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'"
#define ACCEPT "'Sec-WebSocket-Accept: ' @ '\r\n'"
#define UP     SWITCHING ACCEPT "'\r\n' | "
#define BYE    "{88 03E8}"

/* How it ends when the server has broken the protocol, and when its bytes are bad or too many. */
#define DROPS_IT "drops the connection, where the RFC has a client say why in a close frame"
#define FAILS(how, code) \
	.ends = (how), .heard = "{88 " code "}", .lws = { .why = DROPS_IT, .heard = "" }
#define VIOLATION FAILS("protocol", "03EA")
#define BAD_BYTES FAILS("protocol", "03EF")
#define TOO_LARGE FAILS("too-large", "03F1")

#endif
