/* binance_messages.c - the kinds of messages there are, and what the sink is told of each. */
#include "publisher/exchanges/binance.h"

bc_str binance_event_word(const struct binance *b)
{
	return b->kind->event;
}

/* ------------------------------------------------------------------ what was read, told */

/* All of an event but its body. The time is the event's own; a trade says when it happened. */
static void begin_event(const struct binance *b, enum bc_channel channel, const struct bc_input *in,
			struct bc_event *e)
{
	e->channel = channel;
	e->symbol = b->m.symbol;
	e->exchange_seq = b->m.last_seq;
	e->ts_exchange = bc_wall_known(b->m.trade_time) ? b->m.trade_time : b->m.event_time;
	e->flags = b->reader.flags;
	if (in->kind == BC_INPUT_REST)
		e->flags |= BC_FLAG_REST;
	if (in->kind == BC_INPUT_REST && channel != BC_CHANNEL_INSTRUMENT)
		e->flags |= BC_FLAG_SNAPSHOT;
}

static void tell_delta(struct binance *b, const struct bc_input *in,
		       const struct bc_feed_sink *sink)
{
	struct bc_event e;

	if (b->m.first_seq > b->m.last_seq) {
		bc_reader_refuse_words(&b->reader, "u", " is below U");
		return;
	}
	begin_event(b, BC_CHANNEL_DELTA, in, &e);
	e.body.delta = (struct bc_delta){ b->bids,        b->asks,       b->m.n_bids,  b->m.n_asks,
					  b->m.first_seq, b->m.last_seq, b->m.prev_seq };
	sink->event(sink->self, &e);
}

/* Leaves out what is not there, and says whether the rest is best first. `sign`: 1, asks. */
static bool close_ranks(bc_level *side, uint32_t *n_side, int sign)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < *n_side; i++) {
		if (side[i].quantity.mantissa == 0)
			continue;
		if (n > 0 && sign * bc_decimal_compare(side[i].price, side[n - 1].price) <= 0)
			return false;
		side[n++] = side[i];
	}
	*n_side = n;
	return true;
}

static void tell_book(struct binance *b, const struct bc_input *in, const struct bc_feed_sink *sink)
{
	struct bc_event e;

	if (!close_ranks(b->bids, &b->m.n_bids, -1) || !close_ranks(b->asks, &b->m.n_asks, 1)) {
		bc_reader_refuse_words(&b->reader, "bids and asks", " are not in order");
		return;
	}
	begin_event(b, BC_CHANNEL_BOOK, in, &e);
	e.body.book = (struct bc_book){ b->bids, b->asks, b->m.n_bids, b->m.n_asks };
	sink->event(sink->self, &e);
}

static void tell_bbo(struct binance *b, const struct bc_input *in, const struct bc_feed_sink *sink)
{
	struct bc_event e;
	const struct binance_message *m = &b->m;

	begin_event(b, BC_CHANNEL_BBO, in, &e);
	e.body.book = (struct bc_book){
		.bids = &m->bid,
		.asks = &m->ask,
		.n_bids = m->bid.price.mantissa > 0 && m->bid.quantity.mantissa > 0,
		.n_asks = m->ask.price.mantissa > 0 && m->ask.quantity.mantissa > 0,
	};
	sink->event(sink->self, &e);
}

/* The raw stream of USD-M also has entries that are no trades, without a price, which say so in
 * their order type. */
static bool is_no_trade(const struct binance_message *m)
{
	return m->price.mantissa == 0 && m->quantity.mantissa == 0 && m->order_type.n > 0 &&
	       !bc_str_is(m->order_type, "MARKET");
}

static void tell_trade(struct binance *b, const struct bc_input *in,
		       const struct bc_feed_sink *sink)
{
	struct bc_event e;

	if (is_no_trade(&b->m))
		return;
	if (b->m.price.mantissa == 0 || b->m.quantity.mantissa == 0) {
		bc_reader_refuse_words(&b->reader, "price and quantity", " are not above zero");
		return;
	}
	begin_event(b, BC_CHANNEL_TRADE, in, &e);
	e.body.trade =
		(struct bc_trade){ b->m.price, b->m.quantity,
				   b->m.buyer_is_maker ? BC_SIDE_SELL : BC_SIDE_BUY, b->m.id };
	sink->event(sink->self, &e);
}

static void tell_ticker(struct binance *b, const struct bc_input *in,
			const struct bc_feed_sink *sink)
{
	struct bc_event e;

	begin_event(b, BC_CHANNEL_TICKER, in, &e);
	e.body.ticker = (struct bc_ticker){
		.last = b->m.price,
		.open = b->m.open,
		.high = b->m.high,
		.low = b->m.low,
		.volume = b->m.volume,
		.quote_volume = b->m.quote_volume,
		.change = b->m.change,
	};
	sink->event(sink->self, &e);
}

static void tell_candle_as(struct binance *b, const struct bc_input *in,
			   const struct bc_feed_sink *sink, enum bc_interval interval,
			   enum bc_closed closed)
{
	struct bc_event e;

	begin_event(b, BC_CHANNEL_CANDLE, in, &e);
	e.body.candle = (struct bc_candle){
		.interval = interval,
		.ts_open = b->m.opened,
		.open = b->m.open,
		.high = b->m.high,
		.low = b->m.low,
		.close = b->m.price,
		.volume = b->m.volume,
		.quote_volume = b->m.quote_volume,
		.closed = closed,
	};
	sink->event(sink->self, &e);
}

static void tell_kline(struct binance *b, const struct bc_input *in,
		       const struct bc_feed_sink *sink)
{
	int interval = bc_interval_of(b->m.interval);

	if (interval < 0) {
		bc_reader_refuse(&b->reader, BC_EPARSE, BC_STR("k.i"), b->m.interval);
		return;
	}
	tell_candle_as(b, in, sink, (enum bc_interval)interval,
		       b->m.closed ? BC_CLOSED_YES : BC_CLOSED_NO);
}

static void tell_candle_row(struct binance *b, const struct bc_input *in,
			    const struct bc_feed_sink *sink)
{
	tell_candle_as(b, in, sink, in->interval, b->m.closed ? BC_CLOSED_YES : BC_CLOSED_UNKNOWN);
}

static const struct {
	const char *word;
	enum bc_listing listing;
} listings[] = {
	{ "TRADING", BC_LISTING_TRADING },         { "HALT", BC_LISTING_SUSPENDED },
	{ "BREAK", BC_LISTING_SUSPENDED },         { "CANCEL_ONLY", BC_LISTING_SUSPENDED },
	{ "END_OF_DAY", BC_LISTING_SUSPENDED },    { "AUCTION_MATCH", BC_LISTING_SUSPENDED },
	{ "POST_TRADING", BC_LISTING_SUSPENDED },  { "PRE_SETTLE", BC_LISTING_SUSPENDED },
	{ "SETTLING", BC_LISTING_SUSPENDED },      { "PRE_DELIVERING", BC_LISTING_SUSPENDED },
	{ "DELIVERING", BC_LISTING_SUSPENDED },    { "PRE_TRADING", BC_LISTING_PREVIEW },
	{ "PENDING_TRADING", BC_LISTING_PREVIEW }, { "DELIVERED", BC_LISTING_DELISTED },
	{ "CLOSE", BC_LISTING_DELISTED },
};

static enum bc_listing listing_of(bc_str word)
{
	for (size_t i = 0; i < sizeof listings / sizeof *listings; i++)
		if (bc_str_is(word, listings[i].word))
			return listings[i].listing;
	return BC_LISTING_UNKNOWN;
}

/* The six digits at the end of BTCUSDT_260925; empty: it is delivered never. */
static bc_str delivery_of(bc_str symbol)
{
	bc_str day = { symbol.p, 6 };

	if (symbol.n < 8 || symbol.p[symbol.n - 7] != '_')
		return (bc_str){ NULL, 0 };
	day.p += symbol.n - day.n;
	for (size_t i = 0; i < day.n; i++)
		if (day.p[i] < '0' || day.p[i] > '9')
			return (bc_str){ NULL, 0 };
	return day;
}

static void add(bc_str *text, char *buffer, bc_str more)
{
	memcpy(buffer + text->n, more.p, more.n);
	text->n += more.n;
}

/* BASE/QUOTE, BASE/QUOTE:MARGIN, BASE/QUOTE:MARGIN-YYMMDD; no name is over BC_TEXT_MAX. */
static bc_str unified_of(struct binance *b, bc_str delivery)
{
	bc_str u = { b->unified, 0 };

	add(&u, b->unified, b->m.base);
	add(&u, b->unified, BC_STR("/"));
	add(&u, b->unified, b->m.quote);
	if (!b->market->is_contracts)
		return u;
	add(&u, b->unified, BC_STR(":"));
	add(&u, b->unified, b->m.margin);
	if (delivery.n > 0) {
		add(&u, b->unified, BC_STR("-"));
		add(&u, b->unified, delivery);
	}
	return u;
}

static void tell_instrument(struct binance *b, const struct bc_input *in,
			    const struct bc_feed_sink *sink)
{
	bool contract = b->market->is_contracts;
	bc_str delivery = delivery_of(b->m.symbol);
	struct bc_event e;

	begin_event(b, BC_CHANNEL_INSTRUMENT, in, &e);
	e.body.instrument = (struct bc_instrument){
		.base = b->m.base,
		.quote = b->m.quote,
		.unified = unified_of(b, delivery),
		.kind = !contract        ? BC_KIND_SPOT
			: delivery.n > 0 ? BC_KIND_DELIVERY
					 : BC_KIND_LINEAR,
		.tick = b->m.tick,
		.lot = b->m.lot,
		.contract_size = contract ? (bc_decimal){ 1, 0 } : BC_DECIMAL_NONE,
		.status = listing_of(b->m.status),
	};
	sink->event(sink->self, &e);
}

/* ------------------------------------------------------------------ what is not market data */

static void tell_control(struct binance *b, const struct bc_input *in,
			 const struct bc_feed_sink *sink)
{
	static const char *const limits[] = { "-1003", "-1015", "429", "418" };
	struct bc_control c = { .id = b->m.id, .code = b->m.code, .message = b->m.text };

	(void)in;
	if (bc_str_is(c.id, "null"))
		c.id.n = 0;
	if (c.code.n > 0)
		c.kind = BC_CONTROL_ERROR;
	else if (bc_str_starts(c.message, BC_STR("[")))
		c.kind = BC_CONTROL_SUBSCRIPTIONS;
	for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
		c.back_off |= bc_str_is(c.code, limits[i]);
	sink->control(sink->self, &c);
}

static void tell_leaving(struct binance *b, const struct bc_input *in,
			 const struct bc_feed_sink *sink)
{
	(void)in;
	sink->control(sink->self, &(struct bc_control){ .kind = BC_CONTROL_ERROR,
							.code = b->kind->event,
							.message = BC_STR("closes before long"),
							.leaving = true });
}

/* ------------------------------------------------------------------ which object it is */

#define BC_TEXT(word)                    \
	{                                \
		(word), sizeof(word) - 1 \
	} /* BC_STR, as a constant */
/* clang-format off */
static const struct binance_kind kinds[] = {
	{ BC_TEXT("depth"), BC_TEXT("depthUpdate"), BINANCE_DEPTH, tell_delta },
	{ BC_TEXT("bookTicker"), BC_TEXT("bookTicker"), BINANCE_BBO, tell_bbo },
	{ BC_TEXT("aggTrade"), BC_TEXT("aggTrade"), BINANCE_AGG_TRADE, tell_trade },
	{ BC_TEXT("trade"), BC_TEXT("trade"), BINANCE_TRADE, tell_trade },
	{ BC_TEXT("kline_"), BC_TEXT("kline"), BINANCE_KLINE, tell_kline },
	{ BC_TEXT("ticker"), BC_TEXT("24hrTicker"), BINANCE_TICKER, tell_ticker },
	{ BC_TEXT("depth5"), BC_TEXT("depthUpdate"), BINANCE_PARTIAL, tell_book },
	{ BC_TEXT("depth10"), BC_TEXT("depthUpdate"), BINANCE_PARTIAL, tell_book },
	{ BC_TEXT("depth20"), BC_TEXT("depthUpdate"), BINANCE_PARTIAL, tell_book },
	{ BC_TEXT("!serverShutdown"), BC_TEXT("serverShutdown"), BINANCE_CONTROL, tell_leaving },
	/* Known, not asked for, and nobody's data is in doubt: */
	{ BC_TEXT("rpiDepth"), BC_TEXT(""), BINANCE_NONE, NULL },
	{ BC_TEXT("miniTicker"), BC_TEXT("24hrMiniTicker"), BINANCE_NONE, NULL },
	{ BC_TEXT("ticker_"), BC_TEXT("1hTicker"), BINANCE_NONE, NULL },
	{ BC_TEXT(""), BC_TEXT("4hTicker"), BINANCE_NONE, NULL },
	{ BC_TEXT(""), BC_TEXT("1dTicker"), BINANCE_NONE, NULL },
	{ BC_TEXT("avgPrice"), BC_TEXT("avgPrice"), BINANCE_NONE, NULL },
	{ BC_TEXT("referencePrice"), BC_TEXT("referencePrice"), BINANCE_NONE, NULL },
	{ BC_TEXT("blockTrade"), BC_TEXT("blockTrade"), BINANCE_NONE, NULL },
	{ BC_TEXT("markPrice"), BC_TEXT("markPriceUpdate"), BINANCE_NONE, NULL },
	{ BC_TEXT("forceOrder"), BC_TEXT("forceOrder"), BINANCE_NONE, NULL },
	{ BC_TEXT("continuousKline_"), BC_TEXT("continuous_kline"), BINANCE_NONE, NULL },
	{ BC_TEXT("compositeIndex"), BC_TEXT("compositeIndex"), BINANCE_NONE, NULL },
	{ BC_TEXT(""), BC_TEXT("contractInfo"), BINANCE_NONE, NULL },
	{ BC_TEXT(""), BC_TEXT("assetIndexUpdate"), BINANCE_NONE, NULL },
};
/* clang-format on */
#define N_KINDS (sizeof kinds / sizeof *kinds)

static const struct binance_kind other_zone = { { NULL, 0 }, { NULL, 0 }, BINANCE_NONE, NULL };

/* Where nothing in the object says what it is. */
const struct binance_kind binance_control_kind = {
	{ NULL, 0 }, { NULL, 0 }, BINANCE_CONTROL, tell_control
};
const struct binance_kind binance_bare_bbo_kind = {
	{ NULL, 0 }, { NULL, 0 }, BINANCE_BBO, tell_bbo
};
const struct binance_kind binance_aggregated_kind = {
	{ NULL, 0 }, { NULL, 0 }, BINANCE_AGG_TRADE, tell_trade
};
const struct binance_kind binance_body_kinds[BC_N_REST_KINDS] = {
	[BC_REST_INSTRUMENTS] = { { NULL, 0 }, { NULL, 0 }, BINANCE_INSTRUMENT, tell_instrument },
	[BC_REST_SNAPSHOT] = { { NULL, 0 }, { NULL, 0 }, BINANCE_SNAPSHOT, tell_book },
	[BC_REST_TRADES] = { { NULL, 0 }, { NULL, 0 }, BINANCE_REST_TRADE, tell_trade },
	[BC_REST_CANDLES] = { { NULL, 0 }, { NULL, 0 }, BINANCE_CANDLE_ROW, tell_candle_row },
	[BC_REST_TICKERS] = { { NULL, 0 }, { NULL, 0 }, BINANCE_REST_TICKER, tell_ticker },
};

static bool is_stream(bc_str word, bc_str name)
{
	if (name.n == 0 || word.n < name.n || word.p[0] != name.p[0])
		return false;
	if (word.n > name.n && name.p[name.n - 1] != '_')
		return false;
	return memcmp(word.p, name.p, name.n) == 0;
}

bool binance_split_stream(bc_str stream, bc_str *symbol, bc_str *word, bc_str *tail)
{
	const char *at = stream.n == 0 ? NULL : memchr(stream.p, '@', stream.n), *end, *second;

	if (at == NULL)
		return false;
	end = stream.p + stream.n;
	second = memchr(at + 1, '@', (size_t)(end - at - 1));
	*symbol = (bc_str){ stream.p, (size_t)(at - stream.p) };
	*word = (bc_str){ at + 1, (size_t)((second != NULL ? second : end) - at - 1) };
	*tail = (bc_str){ end, 0 };
	if (second != NULL)
		*tail = (bc_str){ second, (size_t)(end - second) };
	return true;
}

const struct binance_kind *binance_kind_of(bc_str word, bc_str tail)
{
	for (size_t i = 0; i < N_KINDS; i++) {
		if (!is_stream(word, kinds[i].stream))
			continue;
		/* The day of another time zone is another candle. */
		return kinds[i].object == BINANCE_KLINE && tail.n > 0 ? &other_zone : &kinds[i];
	}
	return NULL;
}

const struct binance_kind *binance_stream_kind(bc_str stream)
{
	bc_str symbol, word, tail;

	if (!binance_split_stream(stream, &symbol, &word, &tail))
		return NULL;
	return binance_kind_of(word, tail);
}

const struct binance_kind *binance_event_kind(bc_str event)
{
	for (size_t i = 0; i < N_KINDS; i++)
		if (kinds[i].event.n > 0 && bc_cursor_is(event, kinds[i].event))
			return &kinds[i];
	return NULL;
}
