/* upbit_usual.c - books and trades in the one spelling Upbit writes them in, each read in one go:
 * keys in their order, no white space. What differs anywhere is left to upbit_messages.c, which
 * knows every spelling and every mistake; nothing is refused here. tests/unit/usual_test.c compares
 * both ways. */
#include "publisher/exchanges/upbit.h"

/* What stands before each value, in both dialects. */
struct words {
	struct bc_scan_word book, trade, timestamp;
	struct bc_scan_word ask_total, bid_total, units, ask_price, bid_price, ask_size, bid_size,
		level;
	struct bc_scan_word date, time, trade_time, price, volume, side, last_close, change,
		change_price, id, best[4], stream;
};
#define BEFORE(name) BC_SCAN_LITERAL(",\"" name "\":")
#define QUOTED(name) BC_SCAN_LITERAL(",\"" name "\":\"")

static const struct words simple = {
	.book = BC_SCAN_LITERAL("\"orderbook\",\"cd\":\""),
	.trade = BC_SCAN_LITERAL("\"trade\",\"cd\":\""),
	.timestamp = BEFORE("tms"),
	.ask_total = BEFORE("tas"),
	.bid_total = BEFORE("tbs"),
	.units = BC_SCAN_LITERAL(",\"obu\":["),
	.ask_price = BC_SCAN_LITERAL("{\"ap\":"),
	.bid_price = BEFORE("bp"),
	.ask_size = BEFORE("as"),
	.bid_size = BEFORE("bs"),
	.level = BEFORE("lv"),
	.date = QUOTED("td"),
	.time = QUOTED("ttm"),
	.trade_time = BEFORE("ttms"),
	.price = BEFORE("tp"),
	.volume = BEFORE("tv"),
	.side = QUOTED("ab"),
	.last_close = BEFORE("pcp"),
	.change = QUOTED("c"),
	.change_price = BEFORE("cp"),
	.id = BEFORE("sid"),
	.best = { BEFORE("bap"), BEFORE("bas"), BEFORE("bbp"), BEFORE("bbs") },
	.stream = QUOTED("st"),
};

static const struct words written_out = {
	.book = BC_SCAN_LITERAL("\"orderbook\",\"code\":\""),
	.trade = BC_SCAN_LITERAL("\"trade\",\"code\":\""),
	.timestamp = BEFORE("timestamp"),
	.ask_total = BEFORE("total_ask_size"),
	.bid_total = BEFORE("total_bid_size"),
	.units = BC_SCAN_LITERAL(",\"orderbook_units\":["),
	.ask_price = BC_SCAN_LITERAL("{\"ask_price\":"),
	.bid_price = BEFORE("bid_price"),
	.ask_size = BEFORE("ask_size"),
	.bid_size = BEFORE("bid_size"),
	.level = BEFORE("level"),
	.date = QUOTED("trade_date"),
	.time = QUOTED("trade_time"),
	.trade_time = BEFORE("trade_timestamp"),
	.price = BEFORE("trade_price"),
	.volume = BEFORE("trade_volume"),
	.side = QUOTED("ask_bid"),
	.last_close = BEFORE("prev_closing_price"),
	.change = QUOTED("change"),
	.change_price = BEFORE("change_price"),
	.id = BEFORE("sequential_id"),
	.best = { BEFORE("best_ask_price"), BEFORE("best_ask_size"), BEFORE("best_bid_price"),
		  BEFORE("best_bid_size") },
	.stream = QUOTED("stream_type"),
};

/* ------------------------------------------------------------------ members that both share */

/* The code behind the type, and the time. */
BC_INLINE bool take_head(struct upbit *u, struct bc_scan *s, const struct words *w)
{
	uint64_t ms;

	if (!bc_scan_text(s, &u->m.code) || u->m.code.n == 0 || !bc_scan_word(s, &w->timestamp) ||
	    !bc_scan_whole(s, &ms) || ms > INT64_MAX / BC_NS_PER_MS) /* then it is in µs */
		return false;
	u->m.timestamp.ns = (int64_t)ms * BC_NS_PER_MS;
	return true;
}

BC_INLINE bool take_stream(struct upbit *u, struct bc_scan *s, const struct words *w)
{
	return bc_scan_word(s, &w->stream) && bc_scan_text(s, &u->m.stream) && u->m.stream.n > 0;
}

BC_INLINE bool pass(struct bc_scan *s, const struct bc_scan_word *word)
{
	return bc_scan_word(s, word) && bc_scan_pass_number(s);
}

BC_INLINE bool pass_text(struct bc_scan *s, const struct bc_scan_word *word)
{
	bc_str ignored;

	return bc_scan_word(s, word) && bc_scan_text(s, &ignored);
}

/* ------------------------------------------------------------------ books */

struct unit {
	bc_decimal ask_price, bid_price, ask_size, bid_size;
};

BC_INLINE bool take_unit(struct bc_scan *s, const struct words *w, struct unit *unit)
{
	return bc_scan_word(s, &w->ask_price) && bc_scan_decimal(s, &unit->ask_price) &&
	       bc_scan_word(s, &w->bid_price) && bc_scan_decimal(s, &unit->bid_price) &&
	       bc_scan_word(s, &w->ask_size) && bc_scan_decimal(s, &unit->ask_size) &&
	       bc_scan_word(s, &w->bid_size) && bc_scan_decimal(s, &unit->bid_size) &&
	       BC_SCAN_WORD(s, "}");
}

/* Padding is left out. False: not best first. */
BC_INLINE bool add_level(bc_level *side, uint32_t *n, bc_decimal price, bc_decimal size, bool ask)
{
	bc_level *level = &side[*n];

	if (BC_UNUSUAL(price.mantissa == 0 || size.mantissa == 0))
		return true;
	*level = (bc_level){ price, size };
	if (*n > 0 && !(ask ? upbit_is_above(price, level[-1].price)
			    : upbit_is_above(level[-1].price, price)))
		return false;
	(*n)++;
	return true;
}

BC_INLINE bool take_units(struct upbit *u, struct bc_scan *s, const struct words *w)
{
	uint32_t n_bids = 0, n_asks = 0;
	struct unit unit;

	u->n_bids = u->n_asks = 0;
	if (BC_SCAN_WORD(s, "]"))
		return true;
	for (size_t i = 0; i < UPBIT_MAX_UNITS; i++) {
		if (!take_unit(s, w, &unit) ||
		    !add_level(u->asks, &n_asks, unit.ask_price, unit.ask_size, true) ||
		    !add_level(u->bids, &n_bids, unit.bid_price, unit.bid_size, false))
			return false;
		if (BC_SCAN_WORD(s, ","))
			continue;
		u->n_bids = n_bids;
		u->n_asks = n_asks;
		return BC_SCAN_WORD(s, "]");
	}
	return false;
}

BC_INLINE bool usual_book(struct upbit *u, struct bc_scan *at, const struct words *w)
{
	struct bc_scan s = *at;

	if (!take_head(u, &s, w) || !pass(&s, &w->ask_total) || !pass(&s, &w->bid_total) ||
	    !bc_scan_word(&s, &w->units) || !take_units(u, &s, w) || !take_stream(u, &s, w))
		return false;
	if (bc_scan_word(&s, &w->level) && !bc_scan_pass_number(&s))
		return false;
	*at = s;
	return true;
}

/* ------------------------------------------------------------------ trades */

BC_INLINE bool take_side(struct upbit *u, struct bc_scan *s, const struct words *w)
{
	if (!bc_scan_word(s, &w->side))
		return false;
	if (BC_SCAN_WORD(s, "ASK\"")) {
		u->m.side = BC_SIDE_SELL; /* the taker sold */
		return true;
	}
	u->m.side = BC_SIDE_BUY;
	return BC_SCAN_WORD(s, "BID\"");
}

BC_INLINE bool usual_trade(struct upbit *u, struct bc_scan *at, const struct words *w)
{
	struct bc_scan s = *at;

	if (!take_head(u, &s, w) || !pass_text(&s, &w->date) || !pass_text(&s, &w->time) ||
	    !pass(&s, &w->trade_time) || !bc_scan_word(&s, &w->price) ||
	    !bc_scan_decimal(&s, &u->m.price) || !bc_scan_word(&s, &w->volume) ||
	    !bc_scan_decimal(&s, &u->m.quantity) || !take_side(u, &s, w) ||
	    !pass(&s, &w->last_close) || !pass_text(&s, &w->change) ||
	    !pass(&s, &w->change_price) || !bc_scan_word(&s, &w->id) ||
	    !bc_scan_digits(&s, &u->m.id))
		return false;
	if (u->m.price.mantissa == 0 || u->m.quantity.mantissa == 0)
		return false;
	if (bc_scan_word(&s, &w->best[0]) && (!bc_scan_pass_number(&s) || !pass(&s, &w->best[1]) ||
					      !pass(&s, &w->best[2]) || !pass(&s, &w->best[3])))
		return false;
	if (!take_stream(u, &s, w))
		return false;
	*at = s;
	return true;
}

/* ------------------------------------------------------------------ which of them it is */

static bool book_of(struct upbit *u, struct bc_scan *s, bool is_simple)
{
	return is_simple ? usual_book(u, s, &simple) : usual_book(u, s, &written_out);
}

static bool trade_of(struct upbit *u, struct bc_scan *s, bool is_simple)
{
	return is_simple ? usual_trade(u, s, &simple) : usual_trade(u, s, &written_out);
}

/* Statistics, many keys of which are not wanted; behind the type. */
static bool ticker_of(struct upbit *u, struct bc_scan *s, bool is_simple)
{
	upbit_forget_message(u);
	return bc_fields_usual(s, &upbit_fields[UPBIT_TICKER],
			       is_simple ? UPBIT_SIMPLE : UPBIT_DEFAULT, 1, &u->m) &&
	       bc_scan_at_end(s);
}

enum upbit_object upbit_read_usual(struct upbit *u, const char *bytes, size_t n)
{
	enum upbit_object object = UPBIT_N_OBJECTS;
	struct bc_scan s;
	bool is_simple;

	bc_scan_open(&s, bytes, n, u->pad);
	is_simple = BC_SCAN_WORD(&s, "{\"ty\":");
	if (!is_simple && !BC_SCAN_WORD(&s, "{\"type\":"))
		return UPBIT_N_OBJECTS;
	(void)BC_SCAN_WORD(&s, " ");
	bc_reader_next(&u->reader);
	if (BC_SCAN_WORD(&s, "\"ticker\""))
		return ticker_of(u, &s, is_simple) ? UPBIT_TICKER : UPBIT_N_OBJECTS;
	if (bc_scan_word(&s, is_simple ? &simple.book : &written_out.book)) {
		if (book_of(u, &s, is_simple))
			object = UPBIT_BOOK;
	} else if (bc_scan_word(&s, is_simple ? &simple.trade : &written_out.trade)) {
		if (trade_of(u, &s, is_simple))
			object = UPBIT_TRADE;
	}
	return BC_SCAN_WORD(&s, "}") && bc_scan_at_end(&s) ? object : UPBIT_N_OBJECTS;
}
