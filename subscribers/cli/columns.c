#include "subscribers/cli/columns.h"

#include "common/clock.h"

static void add_top(struct grid *g, const struct bc_message *m)
{
	const struct bc_book *b = &m->body.book;
	bc_level none = { BC_DECIMAL_NONE, BC_DECIMAL_NONE };
	bc_level bid = b->n_bids > 0 ? b->bids[0] : none, ask = b->n_asks > 0 ? b->asks[0] : none;
	bc_decimal spread = BC_DECIMAL_NONE;
	if (b->n_bids > 0 && b->n_asks > 0 &&
	    bc_decimal_sub(ask.price, bid.price, &spread) != BC_OK)
		spread = BC_DECIMAL_NONE;
	grid_add_decimal(g, bid.price, PAINT_BID);
	grid_add_decimal(g, ask.price, PAINT_ASK);
	grid_add_decimal(g, bid.quantity, PAINT_NONE);
	grid_add_decimal(g, ask.quantity, PAINT_NONE);
	grid_add_decimal(g, spread, PAINT_DIM);
}

static void add_trade(struct grid *g, const struct bc_message *m)
{
	const struct bc_trade *t = &m->body.trade;
	grid_add(g, bc_str_of(bc_side_word(t->side)),
		 t->side == BC_SIDE_BUY ? PAINT_BID : PAINT_ASK);
	grid_add_decimal(g, t->price, PAINT_NONE);
	grid_add_decimal(g, t->quantity, PAINT_NONE);
	grid_add(g, t->trade_id, PAINT_DIM);
}

static void add_ticker(struct grid *g, const struct bc_message *m)
{
	const struct bc_ticker *t = &m->body.ticker;
	grid_add_decimal(g, t->last, PAINT_STRONG);
	grid_add_decimal(g, t->change, t->change.mantissa < 0 ? PAINT_ASK : PAINT_BID);
	grid_add_decimal(g, t->high, PAINT_NONE);
	grid_add_decimal(g, t->low, PAINT_NONE);
	grid_add_decimal(g, t->volume, PAINT_NONE);
	grid_add_decimal(g, t->quote_volume, PAINT_NONE);
}

static void add_candle(struct grid *g, const struct bc_message *m)
{
	const struct bc_candle *c = &m->body.candle;
	char text[BC_TIME_TEXT_MAX];
	bc_wall_format(c->ts_open, text);
	grid_addf(g, PAINT_NONE, "%.16sZ", text);
	grid_add_decimal(g, c->open, PAINT_NONE);
	grid_add_decimal(g, c->high, PAINT_NONE);
	grid_add_decimal(g, c->low, PAINT_NONE);
	grid_add_decimal(g, c->close, PAINT_STRONG);
	grid_add_decimal(g, c->volume, PAINT_NONE);
}

static void add_instrument(struct grid *g, const struct bc_message *m)
{
	const struct bc_instrument *i = &m->body.instrument;
	grid_add(g, i->unified, PAINT_NONE);
	grid_add(g, bc_str_of(bc_kind_word(i->kind)), PAINT_NONE);
	grid_add_decimal(g, i->tick, PAINT_NONE);
	grid_add_decimal(g, i->lot, PAINT_NONE);
	grid_add_decimal(g, i->contract_size, PAINT_NONE);
	grid_add(g, bc_str_of(bc_listing_word(i->status)), PAINT_NONE);
}

static void add_state(struct grid *g, const struct bc_message *m)
{
	grid_add(g, bc_str_of(bc_state_word(m->body.state.previous)), PAINT_DIM);
}

static void add_heartbeat(struct grid *g, const struct bc_message *m)
{
	const struct bc_heartbeat *h = &m->body.heartbeat;
	grid_add(g, h->version, PAINT_NONE);
	grid_addf(g, PAINT_NONE, "%u", h->pid);
	grid_addf(g, PAINT_NONE, "%u/%u", h->shard_index, h->shard_count);
}

#define TOP_COLUMNS                   \
	{ { "bid", GRID_POINT },      \
	  { "ask", GRID_POINT },      \
	  { "bid qty", GRID_POINT },  \
	  { "ask qty", GRID_POINT },  \
	  { "spread", GRID_POINT } }, \
		5, add_top

const struct channel_columns channel_columns[BC_N_CHANNELS] = {
	[BC_CHANNEL_BOOK] = { TOP_COLUMNS },
	[BC_CHANNEL_BBO] = { TOP_COLUMNS },
	[BC_CHANNEL_TRADE] = { { { "side", GRID_LEFT },
				 { "price", GRID_POINT },
				 { "quantity", GRID_POINT },
				 { "trade", GRID_LEFT } },
			       4,
			       add_trade },
	[BC_CHANNEL_TICKER] = { { { "last", GRID_POINT },
				  { "change", GRID_POINT },
				  { "high", GRID_POINT },
				  { "low", GRID_POINT },
				  { "volume", GRID_POINT },
				  { "quote volume", GRID_POINT } },
				6,
				add_ticker },
	[BC_CHANNEL_CANDLE] = { { { "from", GRID_LEFT },
				  { "open", GRID_POINT },
				  { "high", GRID_POINT },
				  { "low", GRID_POINT },
				  { "close", GRID_POINT },
				  { "volume", GRID_POINT } },
				6,
				add_candle },
	[BC_CHANNEL_INSTRUMENT] = { { { "unified", GRID_LEFT },
				      { "kind", GRID_LEFT },
				      { "tick", GRID_POINT },
				      { "lot", GRID_POINT },
				      { "contract", GRID_POINT },
				      { "listed as", GRID_LEFT } },
				    6,
				    add_instrument },
	[BC_CHANNEL_STATE] = { { { "before", GRID_LEFT } }, 1, add_state },
	[BC_CHANNEL_HEARTBEAT] = { { { "version", GRID_LEFT },
				     { "pid", GRID_RIGHT },
				     { "shard", GRID_LEFT } },
				   3,
				   add_heartbeat },
};

/* ------------------------------------------------------------------ in one line */

static void line_level(struct bc_text *t, const bc_level *levels, uint32_t n)
{
	char price[BC_DECIMAL_TEXT_MAX], quantity[BC_DECIMAL_TEXT_MAX];
	if (n == 0) {
		bc_text_add(t, BC_STR("-"));
		return;
	}
	bc_decimal_format(levels[0].price, price);
	bc_decimal_format(levels[0].quantity, quantity);
	bc_text_addf(t, "%s x %s", price, quantity);
}

static void line_decimals(struct bc_text *t, const char *const *names, const bc_decimal *values,
			  size_t n)
{
	char text[BC_DECIMAL_TEXT_MAX];
	for (size_t i = 0; i < n; i++) {
		if (!bc_decimal_known(values[i]))
			continue;
		bc_decimal_format(values[i], text);
		bc_text_addf(t, "%s%s%s%s", t->n ? "  " : "", names[i], names[i][0] ? " " : "",
			     text);
	}
}

void message_line(struct bc_text *t, const struct bc_message *m)
{
	static const char *const ticker[] = { "", "change", "volume" };
	static const char *const candle[] = { "open", "high", "low", "close", "volume" };
	switch (m->envelope.channel) {
	case BC_CHANNEL_BOOK:
	case BC_CHANNEL_BBO:
		line_level(t, m->body.book.bids, m->body.book.n_bids);
		bc_text_add(t, BC_STR("  |  "));
		line_level(t, m->body.book.asks, m->body.book.n_asks);
		return;
	case BC_CHANNEL_TRADE:
		line_level(t, &(bc_level){ m->body.trade.price, m->body.trade.quantity }, 1);
		bc_text_addf(t, "  %s", bc_side_word(m->body.trade.side));
		return;
	case BC_CHANNEL_TICKER:
		line_decimals(t, ticker,
			      (bc_decimal[]){ m->body.ticker.last, m->body.ticker.change,
					      m->body.ticker.volume },
			      3);
		return;
	case BC_CHANNEL_CANDLE:
		line_decimals(t, candle,
			      (bc_decimal[]){ m->body.candle.open, m->body.candle.high,
					      m->body.candle.low, m->body.candle.close,
					      m->body.candle.volume },
			      5);
		return;
	case BC_CHANNEL_INSTRUMENT:
		bc_text_add_escaped(t, m->body.instrument.unified, 60);
		bc_text_addf(t, "  %s, %s", bc_kind_word(m->body.instrument.kind),
			     bc_listing_word(m->body.instrument.status));
		return;
	case BC_CHANNEL_STATE:
		bc_text_addf(t, "was %s", bc_state_word(m->body.state.previous));
		return;
	case BC_CHANNEL_HEARTBEAT:
		bc_text_addf(t, "pid %u", m->body.heartbeat.pid);
		return;
	default:
		return;
	}
}
