#include "tests/simulation/lies.h"

#include <stddef.h>

static bool fit(const struct bc_message *m, enum bc_channel channel)
{
	return m->envelope.channel == channel && bc_state_fit(m->envelope.state);
}

static bool two_sided(const struct bc_message *m, enum bc_channel channel)
{
	return fit(m, channel) && m->body.book.n_bids > 0 && m->body.book.n_asks > 0;
}

/* levels[] holds the bids, then the asks. */
static bool quantity(struct bc_message *m, bc_level *levels)
{
	bool can = two_sided(m, BC_CHANNEL_BOOK);
	if (can)
		levels[m->body.book.n_bids].quantity.mantissa++;
	return can;
}

static bool level_left_out(struct bc_message *m, bc_level *levels)
{
	bool can = two_sided(m, BC_CHANNEL_BOOK) && m->body.book.n_bids > 1 &&
		   (m->envelope.flags & BC_FLAG_EDGE) == 0;
	(void)levels;
	if (can)
		m->body.book.n_bids--;
	return can;
}

static bool level_skipped(struct bc_message *m, bc_level *levels)
{
	bool can = two_sided(m, BC_CHANNEL_BOOK);
	(void)levels;
	if (can) {
		m->body.book.bids++;
		m->body.book.n_bids--;
	}
	return can;
}

static bool bbo_price(struct bc_message *m, bc_level *levels)
{
	bool can = two_sided(m, BC_CHANNEL_BBO);
	if (can)
		levels[0].price.mantissa--;
	return can;
}

static bool crossed(struct bc_message *m, bc_level *levels)
{
	bool can = two_sided(m, BC_CHANNEL_BOOK);
	if (can) {
		bc_level bid = levels[0];
		levels[0] = levels[m->body.book.n_bids];
		levels[m->body.book.n_bids] = bid;
	}
	return can;
}

/* Newer than it is: the next honest one goes back. */
static bool from_the_future(struct bc_message *m, bc_level *levels)
{
	bool can = fit(m, BC_CHANNEL_BOOK);
	(void)levels;
	if (can && m->envelope.exchange_seq != BC_SEQ_NONE)
		m->envelope.exchange_seq++;
	else if (can)
		m->envelope.ts_exchange.ns += BC_NS_PER_MS;
	return can;
}

static bool polled_quantity(struct bc_message *m, bc_level *levels)
{
	bool can = m->envelope.channel == BC_CHANNEL_BOOK && m->envelope.state == BC_STATE_REST &&
		   m->body.book.n_bids > 0;
	if (can)
		levels[0].quantity.mantissa++;
	return can;
}

static bool stale_called_live(struct bc_message *m, bc_level *levels)
{
	bool can = m->envelope.channel == BC_CHANNEL_BOOK && m->envelope.state == BC_STATE_STALE;
	(void)levels;
	if (can)
		m->envelope.state = BC_STATE_LIVE;
	return can;
}

static bool trade_quantity(struct bc_message *m, bc_level *levels)
{
	bool can = m->envelope.channel == BC_CHANNEL_TRADE;
	(void)levels;
	if (can)
		m->body.trade.quantity.mantissa++;
	return can;
}

static bool trade_side(struct bc_message *m, bc_level *levels)
{
	bool can = m->envelope.channel == BC_CHANNEL_TRADE;
	(void)levels;
	if (can)
		m->body.trade.side = m->body.trade.side == BC_SIDE_BUY ? BC_SIDE_SELL : BC_SIDE_BUY;
	return can;
}

static bool number_left_out(struct bc_message *m, bc_level *levels)
{
	(void)levels;
	m->envelope.seq++;
	return true;
}

const struct lie lies[] = {
	{ "a quantity of a book", "wrong book", quantity },
	{ "the last level left out", "wrong book", level_left_out },
	{ "the best level left out", "wrong book", level_skipped },
	{ "the price of a bbo", "wrong book", bbo_price },
	{ "a crossed book", "crossed", crossed },
	{ "a book newer than it is", "wrong book", from_the_future },
	{ "a quantity of a polled book", "wrong book", polled_quantity },
	{ "a stale book called live", "states", stale_called_live },
	{ "a quantity of a trade", "wrong trade", trade_quantity },
	{ "a side of a trade", "wrong trade", trade_side },
	{ "a number of a topic left out", "sequence", number_left_out },
	{ NULL, NULL, NULL },
};
