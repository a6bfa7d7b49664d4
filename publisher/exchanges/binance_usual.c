/* binance_usual.c - frames in the one spelling Binance writes them in, each read in one go: keys in
 * their order, no white space, plain numbers. A frame that differs anywhere is left to
 * binance_input.c, which knows every spelling and every mistake; nothing is told of a frame before
 * all of it was read, and nothing is refused here. tests/unit/usual_test.c compares both ways. */
#include "publisher/exchanges/binance.h"

#include <assert.h>

/* ------------------------------------------------------------------ levels */

BC_INLINE bool is_word(const char *p, const char *word) /* of three bytes; a fourth can be read */
{
	uint32_t a, b;

	memcpy(&a, p, sizeof a);
	memcpy(&b, word, sizeof b);
	return ((a ^ b) & htole32(0xffffff)) == 0;
}

/* A number of a level; they are mostly as long as those of the level before. Where that is so the
 * processor need not wait for the end of one to look for the next: it goes on where it believes to
 * be, and looks later whether it was right. */
BC_INLINE const char *usual_number(const char *p, bc_decimal *out, ptrdiff_t *length)
{
	const char *after = bc_json_plain_in(p, out);

	if (BC_UNUSUAL(after == NULL))
		return NULL;
	if (BC_USUAL(after - p == *length)) {
		after = p + *length;
		__asm__("" : "+r"(after)); /* the branch is wanted */
	} else {
		*length = after - p;
		__asm__("" : "+r"(after));
	}
	return after;
}

/* ["61837.63000000","3.78826000"] with BC_SCAN_ROOM, of which the longest one needs this; and one
 * more byte, which says whether another one follows. */
#define LEVEL_MAX (2 + BC_JSON_NUMBER_MAX + 3 + BC_JSON_NUMBER_MAX + 2)
static_assert(LEVEL_MAX + 1 <= BC_SCAN_ROOM, "a level is read without asking what is left");
static_assert(2 + BC_JSON_NUMBER_MAX + 3 + BC_JSON_ROOM <= BC_SCAN_ROOM, "so is its last number");

BC_INLINE const char *usual_level(const char *p, bc_level *out, ptrdiff_t lengths[2])
{
	if (BC_UNUSUAL(p[0] != '[' || p[1] != '"'))
		return NULL;
	p = usual_number(p + 2, &out->price, &lengths[0]);
	if (BC_UNUSUAL(p == NULL || !is_word(p, "\",\"")))
		return NULL;
	p = usual_number(p + 3, &out->quantity, &lengths[1]);
	if (BC_UNUSUAL(p == NULL || p[0] != '"' || p[1] != ']' || out->price.mantissa <= 0))
		return NULL;
	return p + 2;
}

/* Levels as far as there is room. Returns where they stand then: behind the last one's bracket or
 * comma. NULL: something else. */
static const char *usual_levels(const char *p, const char *limit, bc_level **at,
				const bc_level *last)
{
	bc_level *level = *at;
	ptrdiff_t lengths[2] = { 0, 0 };

	do {
		if (BC_UNUSUAL(level == last))
			return NULL;
		p = usual_level(p, level, lengths);
		if (BC_UNUSUAL(p == NULL))
			return NULL;
		level++;
	} while (*p++ == ',' && p <= limit);
	*at = level;
	return p;
}

/* The rest of a side whose bracket was taken. */
BC_INLINE bool take_side(struct bc_scan *s, bc_level *levels, uint32_t *n_levels)
{
	bc_level *level = levels;

	*n_levels = 0;
	if (BC_SCAN_WORD(s, "]"))
		return true;
	do {
		bc_scan_room(s);
		s->p = usual_levels(s->p, s->limit, &level, levels + BINANCE_MAX_LEVELS);
		if (s->p == NULL)
			return false;
	} while (s->p[-1] == ',');
	*n_levels = (uint32_t)(level - levels);
	return s->p[-1] == ']';
}

/* ------------------------------------------------------------------ members that many share */

BC_INLINE bool take_ms(struct bc_scan *s, bc_wall_time *out)
{
	uint64_t ms;

	if (!bc_scan_whole(s, &ms) || ms > INT64_MAX / BC_NS_PER_MS) /* then it is in µs */
		return false;
	out->ns = (int64_t)ms * BC_NS_PER_MS;
	return true;
}

BC_INLINE bool pass_number(struct bc_scan *s)
{
	uint64_t ignored;

	return bc_scan_whole(s, &ignored);
}

BC_INLINE bool take_symbol(struct bc_scan *s, struct binance *b)
{
	return BC_SCAN_WORD(s, ",\"s\":\"") && bc_scan_text(s, &b->m.symbol) &&
	       b->m.symbol.n - 1 < BC_TEXT_MAX;
}

BC_INLINE bool pass_pair(struct bc_scan *s) /* `ps`, of 2026 on USD-M */
{
	bc_str ignored;

	return !BC_SCAN_WORD(s, ",\"ps\":\"") || bc_scan_text(s, &ignored);
}

/* `st` says whose contracts they are, of 2026 on USD-M: 1 is ours. */
BC_INLINE bool take_end(struct bc_scan *s)
{
	(void)BC_SCAN_WORD(s, ",\"st\":1");
	return BC_SCAN_WORD(s, "}");
}

BC_INLINE bool take_number(struct bc_scan *s, uint64_t *out)
{
	return bc_scan_whole(s, out);
}

/* ------------------------------------------------------------------ objects */

/* A change, or a partial book of USD-M, behind its `e`. */
static bool usual_depth(struct binance *b, struct bc_scan *at)
{
	struct bc_scan s = *at;
	struct binance_message *m = &b->m;

	m->trade_time.ns = BC_TIME_UNKNOWN;
	m->prev_seq = BC_SEQ_NONE;
	if (!BC_SCAN_WORD(&s, ",\"E\":") || !take_ms(&s, &m->event_time))
		return false;
	if (BC_SCAN_WORD(&s, ",\"T\":") && !pass_number(&s))
		return false;
	if (!take_symbol(&s, b) || !pass_pair(&s) || !BC_SCAN_WORD(&s, ",\"U\":") ||
	    !take_number(&s, &m->first_seq) || !BC_SCAN_WORD(&s, ",\"u\":") ||
	    !take_number(&s, &m->last_seq))
		return false;
	if (BC_SCAN_WORD(&s, ",\"pu\":")) {
		if (!take_number(&s, &m->prev_seq))
			return false;
	} else if (b->market->dialect == BINANCE_USDM) {
		return false;
	}
	if (!BC_SCAN_WORD(&s, ",\"b\":[") || !take_side(&s, b->bids, &m->n_bids) ||
	    !BC_SCAN_WORD(&s, ",\"a\":[") || !take_side(&s, b->asks, &m->n_asks) || !take_end(&s))
		return false;
	*at = s;
	return true;
}

/* A partial book of spot: who it is of, its stream says. */
static bool usual_partial(struct binance *b, struct bc_scan *at)
{
	struct bc_scan s = *at;
	struct binance_message *m = &b->m;

	m->event_time.ns = m->trade_time.ns = BC_TIME_UNKNOWN;
	m->symbol.n = 0;
	if (!BC_SCAN_WORD(&s, "{\"lastUpdateId\":") || !take_number(&s, &m->last_seq) ||
	    !BC_SCAN_WORD(&s, ",\"bids\":[") || !take_side(&s, b->bids, &m->n_bids) ||
	    !BC_SCAN_WORD(&s, ",\"asks\":[") || !take_side(&s, b->asks, &m->n_asks) ||
	    !BC_SCAN_WORD(&s, "}"))
		return false;
	*at = s;
	return true;
}

/* Behind `{` on spot, behind its `e` on USD-M. */
BC_INLINE bool usual_bbo(struct binance *b, struct bc_scan *s)
{
	struct binance_message *m = &b->m;

	m->event_time.ns = m->trade_time.ns = BC_TIME_UNKNOWN;
	if (!BC_SCAN_WORD(s, "\"u\":") || !take_number(s, &m->last_seq) || !take_symbol(s, b) ||
	    !pass_pair(s) || !BC_SCAN_WORD(s, ",\"b\":") || !bc_scan_quoted(s, &m->bid.price) ||
	    !BC_SCAN_WORD(s, ",\"B\":") || !bc_scan_quoted(s, &m->bid.quantity) ||
	    !BC_SCAN_WORD(s, ",\"a\":") || !bc_scan_quoted(s, &m->ask.price) ||
	    !BC_SCAN_WORD(s, ",\"A\":") || !bc_scan_quoted(s, &m->ask.quantity))
		return false;
	if (BC_SCAN_WORD(s, ",\"T\":") &&
	    (!pass_number(s) || !BC_SCAN_WORD(s, ",\"E\":") || !take_ms(s, &m->event_time)))
		return false;
	return take_end(s);
}

BC_INLINE bool take_price_and_quantity(struct binance *b, struct bc_scan *s)
{
	return BC_SCAN_WORD(s, ",\"p\":") && bc_scan_quoted(s, &b->m.price) &&
	       BC_SCAN_WORD(s, ",\"q\":") && bc_scan_quoted(s, &b->m.quantity);
}

BC_INLINE bool take_maker(struct binance *b, struct bc_scan *s)
{
	bool ignored;

	return BC_SCAN_WORD(s, ",\"m\":") && bc_scan_flag(s, &b->m.buyer_is_maker) &&
	       (!BC_SCAN_WORD(s, ",\"M\":") || bc_scan_flag(s, &ignored));
}

/* An aggregated trade; the two markets order its first keys differently, and one did in the past.
 */
BC_INLINE bool usual_agg_trade(struct binance *b, struct bc_scan *s)
{
	struct binance_message *m = &b->m;
	bc_decimal ignored;

	m->order_type.n = 0;
	m->last_seq = BC_SEQ_NONE;
	if (!BC_SCAN_WORD(s, ",\"E\":") || !take_ms(s, &m->event_time))
		return false;
	if (BC_SCAN_WORD(s, ",\"a\":")) {
		if (!bc_scan_digits(s, &m->id) || !take_symbol(s, b))
			return false;
	} else if (!take_symbol(s, b) || !BC_SCAN_WORD(s, ",\"a\":") ||
		   !bc_scan_digits(s, &m->id)) {
		return false;
	}
	if (!take_price_and_quantity(b, s) ||
	    (BC_SCAN_WORD(s, ",\"nq\":") && !bc_scan_quoted(s, &ignored)))
		return false;
	return BC_SCAN_WORD(s, ",\"f\":") && pass_number(s) && BC_SCAN_WORD(s, ",\"l\":") &&
	       pass_number(s) && BC_SCAN_WORD(s, ",\"T\":") && take_ms(s, &m->trade_time) &&
	       take_maker(b, s) && take_end(s);
}

/* A trade; its time stands before the symbol on USD-M and behind the quantity on spot. */
BC_INLINE bool usual_trade(struct binance *b, struct bc_scan *s)
{
	struct binance_message *m = &b->m;
	bool timed;

	m->order_type.n = 0;
	m->last_seq = BC_SEQ_NONE;
	if (!BC_SCAN_WORD(s, ",\"E\":") || !take_ms(s, &m->event_time))
		return false;
	timed = BC_SCAN_WORD(s, ",\"T\":");
	if (timed && !take_ms(s, &m->trade_time))
		return false;
	if (!take_symbol(s, b) || !BC_SCAN_WORD(s, ",\"t\":") || !bc_scan_digits(s, &m->id) ||
	    !take_price_and_quantity(b, s))
		return false;
	if (!timed && (!BC_SCAN_WORD(s, ",\"T\":") || !take_ms(s, &m->trade_time)))
		return false;
	if (BC_SCAN_WORD(s, ",\"X\":\"") &&
	    (!bc_scan_text(s, &m->order_type) || m->order_type.n - 1 >= BC_TEXT_MAX))
		return false;
	return take_maker(b, s) && take_end(s);
}

BC_INLINE bool take_candle(struct binance_message *m, struct bc_scan *s)
{
	bc_str ignored;

	return BC_SCAN_WORD(s, "{\"t\":") && take_ms(s, &m->opened) && BC_SCAN_WORD(s, ",\"T\":") &&
	       pass_number(s) && BC_SCAN_WORD(s, ",\"s\":\"") && bc_scan_text(s, &ignored) &&
	       BC_SCAN_WORD(s, ",\"i\":\"") && bc_scan_text(s, &m->interval) &&
	       m->interval.n - 1 < BC_TEXT_MAX && BC_SCAN_WORD(s, ",\"f\":") && pass_number(s) &&
	       BC_SCAN_WORD(s, ",\"L\":") && pass_number(s) && BC_SCAN_WORD(s, ",\"o\":") &&
	       bc_scan_quoted(s, &m->open) && BC_SCAN_WORD(s, ",\"c\":") &&
	       bc_scan_quoted(s, &m->price) && BC_SCAN_WORD(s, ",\"h\":") &&
	       bc_scan_quoted(s, &m->high) && BC_SCAN_WORD(s, ",\"l\":") &&
	       bc_scan_quoted(s, &m->low) && BC_SCAN_WORD(s, ",\"v\":") &&
	       bc_scan_quoted(s, &m->volume) && BC_SCAN_WORD(s, ",\"n\":") && pass_number(s) &&
	       BC_SCAN_WORD(s, ",\"x\":") && bc_scan_flag(s, &m->closed) &&
	       BC_SCAN_WORD(s, ",\"q\":") && bc_scan_quoted(s, &m->quote_volume);
}

static bool usual_kline(struct binance *b, struct bc_scan *at)
{
	struct bc_scan s = *at;
	struct binance_message *m = &b->m;
	bc_decimal ignored;
	bc_str text;

	m->trade_time.ns = BC_TIME_UNKNOWN;
	m->last_seq = BC_SEQ_NONE;
	if (!BC_SCAN_WORD(&s, ",\"E\":") || !take_ms(&s, &m->event_time) || !take_symbol(&s, b) ||
	    !BC_SCAN_WORD(&s, ",\"k\":") || !take_candle(m, &s) || !BC_SCAN_WORD(&s, ",\"V\":") ||
	    !bc_scan_quoted(&s, &ignored) || !BC_SCAN_WORD(&s, ",\"Q\":") ||
	    !bc_scan_quoted(&s, &ignored) || !BC_SCAN_WORD(&s, ",\"B\":\"") ||
	    !bc_scan_text(&s, &text) || !BC_SCAN_WORD(&s, "}") || !take_end(&s))
		return false;
	*at = s;
	return true;
}

static bool usual_trades(struct binance *b, struct bc_scan *at, bool aggregated)
{
	struct bc_scan s = *at;

	if (aggregated ? !usual_agg_trade(b, &s) : !usual_trade(b, &s))
		return false;
	*at = s;
	return true;
}

static bool usual_best(struct binance *b, struct bc_scan *at)
{
	struct bc_scan s = *at;

	if (!usual_bbo(b, &s))
		return false;
	*at = s;
	return true;
}

/* Statistics, many keys of which are not wanted; behind the `e`. */
static bool usual_ticker(struct binance *b, struct bc_scan *at)
{
	struct bc_scan s = *at;
	struct binance_message *m = &b->m;

	m->event_time.ns = m->trade_time.ns = BC_TIME_UNKNOWN;
	m->last_seq = BC_SEQ_NONE;
	m->symbol.n = 0;
	m->price = m->open = m->high = m->low = BC_DECIMAL_NONE;
	m->volume = m->quote_volume = m->change = BC_DECIMAL_NONE;
	if (!bc_fields_usual(&s, &binance_fields[BINANCE_TICKER], b->market->dialect, 1, m))
		return false;
	*at = s;
	return true;
}

/* ------------------------------------------------------------------ which object it is */

/* The object at the scan, by its `e` and by what its stream carries. */
static bool usual_object(struct binance *b, struct bc_scan *s)
{
	if (!BC_SCAN_WORD(s, "{\"e\":\"")) {
		if (b->kind->object == BINANCE_BBO)
			return BC_SCAN_WORD(s, "{") && usual_best(b, s);
		return b->kind->object == BINANCE_PARTIAL && b->market->dialect == BINANCE_SPOT &&
		       usual_partial(b, s);
	}
	switch (b->kind->object) {
	case BINANCE_DEPTH:
		return BC_SCAN_WORD(s, "depthUpdate\"") && usual_depth(b, s);
	case BINANCE_PARTIAL:
		return b->market->dialect == BINANCE_USDM && BC_SCAN_WORD(s, "depthUpdate\"") &&
		       usual_depth(b, s);
	case BINANCE_BBO:
		return BC_SCAN_WORD(s, "bookTicker\",") && usual_best(b, s);
	case BINANCE_AGG_TRADE:
		return BC_SCAN_WORD(s, "aggTrade\"") && usual_trades(b, s, true);
	case BINANCE_TRADE:
		return BC_SCAN_WORD(s, "trade\"") && usual_trades(b, s, false);
	case BINANCE_KLINE:
		return BC_SCAN_WORD(s, "kline\"") && usual_kline(b, s);
	case BINANCE_TICKER:
		return BC_SCAN_WORD(s, "24hrTicker\"") && usual_ticker(b, s);
	case BINANCE_NONE:
	case BINANCE_CONTROL:
	case BINANCE_SNAPSHOT:
	case BINANCE_REST_TRADE:
	case BINANCE_INSTRUMENT:
	case BINANCE_CANDLE_ROW:
	case BINANCE_N_OBJECTS:
	default:
		return false;
	}
}

/* ------------------------------------------------------------------ whose it is */

/* Are these eight bytes the same, but for the case of letters? Both are ASCII. */
BC_INLINE bool same_eight(uint64_t a, uint64_t b)
{
	const uint64_t ones = UINT64_C(0x0101010101010101);
	uint64_t other = a ^ b, low = a | ones * 0x20;
	uint64_t letters = (low + ones * (0x80 - 'a')) & ~(low + ones * (0x7f - 'z'));

	return (other & ~(ones * 0x20)) == 0 && (other << 2 & ~letters & ones * 0x80) == 0;
}

/* Eight bytes can be read at both, also of shorter ones: something follows them. */
BC_INLINE bool same_symbol(bc_str a, bc_str b)
{
	if (a.n != b.n || a.n == 0 || a.n > 16)
		return false;
	if (a.n < 8)
		return same_eight(bc_eight_at(a.p) << (64 - 8 * a.n), bc_eight_at(b.p)
									      << (64 - 8 * a.n));
	return same_eight(bc_eight_at(a.p), bc_eight_at(b.p)) &&
	       same_eight(bc_eight_at(a.p + a.n - 8), bc_eight_at(b.p + a.n - 8));
}

bool binance_read_usual(struct binance *b, const char *bytes, size_t n)
{
	struct bc_scan s;
	bc_str symbol, word, tail;

	bc_scan_open(&s, bytes, n, b->pad);
	if (!BC_SCAN_WORD(&s, "{\"stream\":\"") || !bc_scan_text(&s, &b->stream) ||
	    !BC_SCAN_WORD(&s, ",\"data\":") ||
	    !binance_split_stream(b->stream, &symbol, &word, &tail))
		return false;
	b->kind = binance_kind_of(word, tail);
	bc_reader_next(&b->reader);
	return b->kind != NULL && usual_object(b, &s) && BC_SCAN_WORD(&s, "}") &&
	       bc_scan_at_end(&s) && (b->m.symbol.n == 0 || same_symbol(symbol, b->m.symbol));
}
