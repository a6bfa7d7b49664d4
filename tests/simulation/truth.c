/* truth.c - what the exchange really had: every whole book it sent, and every trade. */
#include "tests/simulation/trial_private.h"

#include "proto/topic.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What is older is in no message that may be fit. */
#define KEPT_CHANGES 20000
#define KEPT_BOOKS   5000
#define KEPT_TRADES  5000

/* ------------------------------------------------------------------ written down */

void truth_listen(void *self, size_t symbol)
{
	struct trial *t = self;
	struct truth_symbol *s = &t->truth.symbols[symbol];
	const struct market_spec *spec = t->market == NULL ? NULL : market_spec(t->market, symbol);
	const struct market_trade *trade = spec == NULL ? NULL : market_trade(t->market, symbol, 0);
	if (trade == NULL)
		return;
	s->trades = room_for_one(s->trades, s->n_trades, &s->cap_trades, sizeof *s->trades);
	s->trades[s->n_trades++] = (struct truth_trade){
		.price = market_price(spec, trade->price),
		.quantity = market_quantity(spec, trade->quantity),
		.side = trade->maker == MARKET_ASK ? BC_SIDE_BUY : BC_SIDE_SELL,
	};
	if (trade->id != s->old_trades + s->n_trades)
		trial_fail(t->gateways[0], "truth", "trade %llu of symbol %zu comes as number %zu",
			   (unsigned long long)trade->id, symbol, s->old_trades + s->n_trades);
	if (s->n_trades >= 2 * KEPT_TRADES) {
		s->old_trades += KEPT_TRADES;
		s->n_trades -= KEPT_TRADES;
		memmove(s->trades, s->trades + KEPT_TRADES, s->n_trades * sizeof *s->trades);
	}
}

/* Everybody has one trade from the start. */
void truth_begin(struct trial *t, size_t symbol)
{
	truth_listen(t, symbol);
	if (t->numbered)
		replica_log_begin(&t->truth.symbols[symbol].log, t->market, symbol,
				  t->face->book_id(t->market, symbol));
}

void truth_changed(struct trial *t, size_t symbol, enum market_side side, int64_t price,
		   int64_t quantity)
{
	struct replica_log *log = &t->truth.symbols[symbol].log;
	replica_log_add(log, &(struct replica_change){ .id = t->face->book_id(t->market, symbol),
						       .side = side,
						       .price = price,
						       .quantity = quantity });
	if (log->n >= 2 * KEPT_CHANGES)
		replica_log_trim(log, KEPT_CHANGES);
}

static uint32_t side_of(const struct trial *t, size_t symbol, enum market_side side, bc_level *out)
{
	size_t depth = market_depth(t->market, symbol, side);
	uint32_t n = depth < MAX_SHOWN ? (uint32_t)depth : MAX_SHOWN;
	for (uint32_t k = 0; k < n; k++)
		out[k] = market_level(t->market, symbol, side, k);
	return n;
}

static void forget_books(struct truth_symbol *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(s->books[i].bids);
	s->n_books -= n;
	if (s->n_books > 0)
		memmove(s->books, s->books + n, s->n_books * sizeof *s->books);
}

/* The same book is often sent again, to another connection or as a snapshot. A book that the face
 * has just shown crossed on purpose is written down as it should have been. */
void truth_sent(struct trial *t, size_t symbol)
{
	struct truth_symbol *s = &t->truth.symbols[symbol];
	uint64_t seq = market_seq(t->market, symbol);
	bc_level levels[2 * MAX_SHOWN];
	int64_t shown_ms = (market_changed(t->market, symbol).ns + t->skew_ns) / MS;
	const struct truth_book *last = s->n_books > 0 ? &s->books[s->n_books - 1] : NULL;
	if (last != NULL && last->seq == seq && last->shown_ms == shown_ms)
		return;
	if (s->n_books >= 2 * KEPT_BOOKS)
		forget_books(s, KEPT_BOOKS);
	s->books = room_for_one(s->books, s->n_books, &s->cap_books, sizeof *s->books);
	struct truth_book *b = &s->books[s->n_books++];
	*b = (struct truth_book){ .shown_ms = shown_ms, .seq = seq };
	b->n_bids = side_of(t, symbol, MARKET_BID, levels);
	b->n_asks = side_of(t, symbol, MARKET_ASK, levels + b->n_bids);
	size_t bytes = (b->n_bids + b->n_asks) * sizeof *levels;
	if ((b->bids = malloc(bytes + 1)) == NULL)
		abort();
	memcpy(b->bids, levels, bytes);
}

uint64_t truth_seq(const struct trial *t, size_t symbol, int64_t shown_ms)
{
	if (symbol == NOT_IN_MARKET)
		return 0;
	const struct truth_symbol *s = &t->truth.symbols[symbol];
	for (size_t i = s->n_books; i-- > 0;) {
		if (s->books[i].shown_ms == shown_ms)
			return s->books[i].seq;
	}
	return 0;
}

void truth_free(struct trial *t)
{
	for (size_t i = 0; i < MAX_SYMBOLS; i++) {
		replica_log_free(&t->truth.symbols[i].log);
		forget_books(&t->truth.symbols[i], t->truth.symbols[i].n_books);
		free(t->truth.symbols[i].books);
		free(t->truth.symbols[i].trades);
	}
}

/* ------------------------------------------------------------------ compared */

static size_t format_level(char *out, size_t cap, const bc_level *l)
{
	char price[BC_DECIMAL_TEXT_MAX], quantity[BC_DECIMAL_TEXT_MAX];
	bc_decimal_format(l->price, price);
	bc_decimal_format(l->quantity, quantity);
	int n = snprintf(out, cap, "%s x %s", price, quantity);
	return n > 0 ? (size_t)n : 0;
}

/* True: `n` published levels are the first of `m` true ones, and all of those that should be
 * shown unless the side ends at an edge. A side of which nothing is known is not fit. */
static bool same_side(const char *name, const bc_level *got, uint32_t n, const bc_level *want,
		      uint32_t m, bool edge, char *difference, size_t cap)
{
	for (uint32_t k = 0; k < n && k < m; k++) {
		char a[2 * BC_DECIMAL_TEXT_MAX + 8], b[2 * BC_DECIMAL_TEXT_MAX + 8];
		if (bc_decimal_compare(got[k].price, want[k].price) == 0 &&
		    bc_decimal_compare(got[k].quantity, want[k].quantity) == 0)
			continue;
		format_level(a, sizeof a, &got[k]);
		format_level(b, sizeof b, &want[k]);
		snprintf(difference, cap, "%s %u is %s, not %s", name, k + 1, a, b);
		return false;
	}
	if (n == m || (n < m && edge && n > 0))
		return true;
	snprintf(difference, cap, "%u %s, not %u%s", n, name, m,
		 edge ? ", and an edge does not explain it" : "");
	return false;
}

static uint32_t lesser(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static bool same_book(const struct bc_book *got, uint32_t flags, const bc_level *bids,
		      uint32_t n_bids, const bc_level *asks, uint32_t n_asks, uint32_t max,
		      char *difference, size_t cap)
{
	bool edge = (flags & BC_FLAG_EDGE) != 0;
	return same_side("bids", got->bids, got->n_bids, bids, lesser(n_bids, max), edge,
			 difference, cap) &&
	       same_side("asks", got->asks, got->n_asks, asks, lesser(n_asks, max), edge,
			 difference, cap);
}

/* Where books are whole and without numbers: one that was sent with this very time. */
static void compare_whole(struct gateway *g, size_t symbol, const char *what,
			  const struct bc_message *m, uint32_t max)
{
	const struct truth_symbol *s = &g->t->truth.symbols[symbol];
	int64_t ms = m->envelope.ts_exchange.ns / MS;
	char difference[1024] = "no such book was sent";
	for (size_t i = s->n_books; i-- > 0 && (g->t->skewed || s->books[i].shown_ms >= ms);) {
		const struct truth_book *b = &s->books[i];
		if (b->shown_ms == ms &&
		    same_book(&m->body.book, m->envelope.flags, b->bids, b->n_bids,
			      b->bids + b->n_bids, b->n_asks, max, difference, sizeof difference))
			return;
	}
	trial_fail(g, "wrong book", "%s of %s, %s, exchange time %lld ms: %s", what,
		   market_spec(g->t->market, symbol)->name, bc_state_word(m->envelope.state),
		   (long long)ms, difference);
}

/* Where books have numbers: the book that has this one. */
static void compare_numbered(struct gateway *g, struct replica *r, size_t symbol, const char *what,
			     const struct bc_message *m, uint32_t max)
{
	struct truth_symbol *s = &g->t->truth.symbols[symbol];
	const struct market_spec *spec = market_spec(g->t->market, symbol);
	bc_level levels[2][MAX_SHOWN];
	char difference[1024] = "no book ever had that number";
	if (replica_seek(r, &s->log, m->envelope.exchange_seq)) {
		uint32_t n_bids = replica_top(r, spec, MARKET_BID, max, levels[0]);
		uint32_t n_asks = replica_top(r, spec, MARKET_ASK, max, levels[1]);
		if (same_book(&m->body.book, m->envelope.flags, levels[0], n_bids, levels[1],
			      n_asks, max, difference, sizeof difference))
			return;
	}
	trial_fail(g, "wrong book", "%s of %s, %s, exchange sequence %llu: %s", what, spec->name,
		   bc_state_word(m->envelope.state), (unsigned long long)m->envelope.exchange_seq,
		   difference);
}

void truth_compare(struct gateway *g, struct replica *replica, size_t symbol, const char *what,
		   const struct bc_message *m, uint32_t max)
{
	if (g->x->sync == NULL)
		compare_whole(g, symbol, what, m, max);
	else
		compare_numbered(g, replica, symbol, what, m, max);
}

/* The newest one of that id, where ids come again. */
static uint64_t number_of(const struct trial *t, const struct truth_symbol *s, bc_str id)
{
	uint64_t number = t->model->trade_of(id), newest = s->old_trades + s->n_trades;
	uint64_t wraps = t->model->trade_wraps;
	if (wraps == 0 || number > newest)
		return number;
	number = number == 0 ? wraps : number;
	return number > newest ? 0 : number + (newest - number) / wraps * wraps;
}

void truth_trade(struct gateway *g, struct judged *j, const struct bc_message *m)
{
	const struct bc_trade *trade = &m->body.trade;
	struct truth_symbol *s = &g->t->truth.symbols[j->symbol];
	uint64_t number = number_of(g->t, s, trade->trade_id);
	g->t->result->trades++;
	if (number <= s->old_trades || number > s->old_trades + s->n_trades) {
		trial_fail(g, "invented trade", "%s %.*s", j->name, (int)trade->trade_id.n,
			   trade->trade_id.p);
		return;
	}
	struct truth_trade *true_one = &s->trades[number - 1 - s->old_trades];
	if (bc_decimal_compare(true_one->price, trade->price) != 0 ||
	    bc_decimal_compare(true_one->quantity, trade->quantity) != 0 ||
	    true_one->side != trade->side)
		trial_fail(g, "wrong trade", "%s %.*s: price, quantity or side", j->name,
			   (int)trade->trade_id.n, trade->trade_id.p);
	if ((m->envelope.flags & BC_FLAG_REST) != 0)
		return; /* of the history, which readers sort in */
	if ((true_one->published & 1u << g->index) != 0)
		trial_fail(g, "trade twice", "%s %.*s", j->name, (int)trade->trade_id.n,
			   trade->trade_id.p);
	true_one->published |= 1u << g->index;
	if (number < j->last_trade && !g->reordered)
		trial_fail(g, "trade order", "%s: %llu after %llu", j->name,
			   (unsigned long long)number, (unsigned long long)j->last_trade);
	j->last_trade = number;
}

/* Of A/B lines: each trade once. History may repeat. */
void truth_handed_out(struct gateway *g, bc_str topic, const struct bc_message *m)
{
	struct bc_topic parts;
	size_t symbol;
	if ((m->envelope.flags & BC_FLAG_REST) != 0 || bc_topic_split(topic, &parts) != BC_OK ||
	    !market_find(g->t->market, parts.symbol, &symbol))
		return;
	struct truth_symbol *s = &g->t->truth.symbols[symbol];
	uint64_t number = number_of(g->t, s, m->body.trade.trade_id);
	if (number <= s->old_trades || number > s->old_trades + s->n_trades)
		return; /* it was judged when it was published */
	struct truth_trade *one = &s->trades[number - 1 - s->old_trades];
	if ((one->published & HANDED_OUT) != 0)
		trial_fail(g, "lines", "%.*s: trade %llu comes twice", (int)topic.n, topic.p,
			   (unsigned long long)number);
	one->published |= HANDED_OUT;
}

/* The market stands: what is shown must be what it has. */
void truth_present(struct gateway *g, const struct judged *j, const char *what,
		   const struct shown *shown, uint32_t max)
{
	bc_level levels[2][MAX_SHOWN];
	uint32_t n[2];
	char difference[1024] = "";
	struct bc_book got = { shown->bids, shown->asks, shown->n_bids, shown->n_asks };
	for (int side = 0; side < 2; side++) {
		size_t depth = market_depth(g->t->market, j->symbol, (enum market_side)side);
		n[side] = depth < max ? (uint32_t)depth : max;
		for (uint32_t k = 0; k < n[side]; k++)
			levels[side][k] =
				market_level(g->t->market, j->symbol, (enum market_side)side, k);
	}
	if (!shown->any)
		trial_fail(g, "not the present", "%s of %s was never published", what, j->name);
	else if (!judge_is_good(g, shown->state))
		trial_fail(g, "not the present", "%s of %s was last published as %s", what, j->name,
			   bc_state_word(shown->state));
	else if (!same_book(&got, shown->flags, levels[0], n[0], levels[1], n[1], max, difference,
			    sizeof difference))
		trial_fail(g, "not the present", "%s of %s, published as %s: %s", what, j->name,
			   bc_state_word(shown->state), difference);
}
