/* session_order.h - what comes twice, or later than something newer; part of the session.
 *
 * Books that are made of changes have an order of their own (join.h). Everything else is judged
 * here, one message at a time, by what the exchange gives: a number, an id or its clock. */
#ifndef SESSION_ORDER_H
#define SESSION_ORDER_H

#include "publisher/exchanges/exchange.h"

struct session;

#define TRADE_ID_MAX 40
#define TRADES_KNOWN 8

enum order_kind { ORDER_BOOK, ORDER_BBO, ORDER_TICKER, N_ORDERS };

/* The newest of its kind, and the life of the connection it came by: after a reconnect another
 * server may be behind the one we had, and it is not older news for that. */
struct order_mark {
	bool known;
	uint32_t connection;
	bc_mono_time opened; /* its connection */
	bc_mono_time came;
	uint64_t at; /* the exchange's number, or its time in ns */
};

/* Of one symbol; zeroed is the beginning. */
struct symbol_order {
	bool went_back;        /* its last book was older than the one before, and refused */
	bool book_timed;       /* book_at is known */
	bool traded;           /* last_trade is known */
	bc_wall_time book_at;  /* the exchange's time of the newest book without a number */
	uint64_t last_trade;   /* where ids ascend */
	bc_wall_time trade_at; /* the exchange's time of the newest trade */
	struct order_mark newest[N_ORDERS];
};

/* The last ones of one symbol, a ring, where ids do not ascend. */
struct known_trades {
	struct known_trade {
		char id[TRADE_ID_MAX];
		uint8_t n; /* 0: none */
	} ids[TRADES_KNOWN];
	unsigned next;
};

/* Is this event of a followed symbol to be left out? Counts it, and doubts the symbol where that
 * is what it means. */
bool order_refuses(struct session *s, uint32_t symbol, const struct bc_event *event);

/* A trade's id as a number; false: it is a word, or does not fit. */
bool trade_number(bc_str id, uint64_t *out);

/* A trade with an id that something else than the stream has published: was it published, as far
 * as is known here; and from now on, it was. */
bool trade_known(const struct session *s, uint32_t symbol, bc_str id);
void trade_remember(struct session *s, uint32_t symbol, bc_str id, bc_wall_time at);

#endif
