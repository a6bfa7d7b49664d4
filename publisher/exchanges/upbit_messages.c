/* upbit_messages.c - finds out what an object is, reads it and tells the sink. */
#include "publisher/exchanges/upbit.h"

struct upbit_channel {
	bc_str type; /* as the exchange calls it */
	enum upbit_object object;
	void (*tell)(struct upbit *u, const struct bc_input *in, const struct bc_feed_sink *sink);
	enum bc_interval interval; /* candles */
};

/* ------------------------------------------------------------------ what was read, told */

/* All of an event but its body. */
static void begin_event(const struct upbit *u, enum bc_channel channel, const struct bc_input *in,
			struct bc_event *e)
{
	e->channel = channel;
	e->symbol = u->m.code;
	e->exchange_seq = BC_SEQ_NONE;
	e->ts_exchange = u->m.timestamp;
	e->flags = u->reader.flags;
	if (bc_str_equal(u->m.stream, BC_STR("SNAPSHOT")))
		e->flags |= BC_FLAG_SNAPSHOT;
	if (in->kind == BC_INPUT_REST)
		e->flags |= BC_FLAG_REST;
}

static void tell_book(struct upbit *u, const struct bc_input *in, const struct bc_feed_sink *sink)
{
	struct bc_event e;

	begin_event(u, BC_CHANNEL_BOOK, in, &e);
	if (in->kind == BC_INPUT_REST)
		e.flags |= BC_FLAG_SNAPSHOT;
	e.body.book = (struct bc_book){ u->bids, u->asks, u->n_bids, u->n_asks };
	sink->event(sink->self, &e);
}

static void tell_trade(struct upbit *u, const struct bc_input *in, const struct bc_feed_sink *sink)
{
	struct bc_event e;

	begin_event(u, BC_CHANNEL_TRADE, in, &e);
	e.body.trade = (struct bc_trade){ u->m.price, u->m.quantity, u->m.side, u->m.id };
	sink->event(sink->self, &e);
}

/* The stream tells it long before the list of markets is asked for again. */
static void tell_delisted(struct upbit *u, const struct bc_input *in,
			  const struct bc_feed_sink *sink)
{
	struct bc_event e;

	begin_event(u, BC_CHANNEL_INSTRUMENT, in, &e);
	e.body.instrument = (struct bc_instrument){ .tick = BC_DECIMAL_NONE,
						    .lot = BC_DECIMAL_NONE,
						    .contract_size = BC_DECIMAL_NONE,
						    .status = BC_LISTING_DELISTED };
	sink->event(sink->self, &e);
}

static void tell_ticker(struct upbit *u, const struct bc_input *in, const struct bc_feed_sink *sink)
{
	struct bc_event e;

	if (bc_str_equal(u->m.market, BC_STR("DELISTED")))
		tell_delisted(u, in, sink);
	begin_event(u, BC_CHANNEL_TICKER, in, &e);
	e.body.ticker = (struct bc_ticker){
		.last = u->m.price,
		.open = u->m.open,
		.high = u->m.high,
		.low = u->m.low,
		.volume = u->m.volume,
		.quote_volume = u->m.quote_volume,
		.change = u->m.change,
	};
	sink->event(sink->self, &e);
}

static void tell_candle(struct upbit *u, const struct bc_input *in, const struct bc_feed_sink *sink)
{
	struct bc_event e;

	begin_event(u, BC_CHANNEL_CANDLE, in, &e);
	e.body.candle = (struct bc_candle){
		.interval = in->kind == BC_INPUT_REST ? in->interval : u->channel->interval,
		.ts_open = u->m.opened,
		.open = u->m.open,
		.high = u->m.high,
		.low = u->m.low,
		.close = u->m.price,
		.volume = u->m.volume,
		.quote_volume = u->m.quote_volume,
		.closed = BC_CLOSED_UNKNOWN,
	};
	sink->event(sink->self, &e);
}

static void tell_instrument(struct upbit *u, const struct bc_input *in,
			    const struct bc_feed_sink *sink)
{
	struct bc_event e;
	bc_str quote, base;

	begin_event(u, BC_CHANNEL_INSTRUMENT, in, &e);
	if (!upbit_split_code(u->m.code, &quote, &base)) {
		bc_reader_refuse(&u->reader, BC_EPARSE, BC_STR("code"), u->m.code);
		return;
	}
	memcpy(u->unified, base.p, base.n);
	u->unified[base.n] = '/';
	memcpy(u->unified + base.n + 1, quote.p, quote.n);
	e.body.instrument = (struct bc_instrument){
		.base = base,
		.quote = quote,
		.unified = { u->unified, u->m.code.n },
		.kind = BC_KIND_SPOT,
		.tick = u->m.tick,
		.lot = BC_DECIMAL_NONE,
		.contract_size = BC_DECIMAL_NONE,
		.status = BC_LISTING_TRADING, /* both lists hold what trades */
	};
	sink->event(sink->self, &e);
}

static void tell_error(struct upbit *u, const struct bc_input *in, const struct bc_feed_sink *sink)
{
	static const char *const limits[] = { "Too Many Requests", "I'm a teapot", "429", "418" };
	struct bc_control c = {
		.kind = BC_CONTROL_ERROR,
		.code = u->m.name,
		.message = u->m.text,
		.closing = in->kind != BC_INPUT_REST,
	};

	for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
		c.back_off |= bc_str_is(u->m.name, limits[i]);
	sink->control(sink->self, &c);
}

static void tell_status(struct upbit *u, const struct bc_input *in, const struct bc_feed_sink *sink)
{
	(void)in;
	sink->control(sink->self,
		      &(struct bc_control){ .kind = BC_CONTROL_PONG, .code = u->m.name });
}

static void tell_subscriptions(struct upbit *u, const struct bc_input *in,
			       const struct bc_feed_sink *sink)
{
	(void)in;
	sink->control(sink->self, &(struct bc_control){ .kind = BC_CONTROL_SUBSCRIPTIONS,
							.id = u->m.id,
							.message = u->m.text });
}

static void tell_unknown(struct upbit *u, const struct bc_input *in,
			 const struct bc_feed_sink *sink)
{
	(void)in;
	(void)sink;
	if (u->m.name.n > 0)
		bc_reader_refuse(&u->reader, BC_EPARSE, BC_STR("type"), u->m.name);
	else
		bc_reader_refuse_words(&u->reader, "type", " is missing");
	u->reader.problem.foreign = u->m.name.n > 0;
}

/* ------------------------------------------------------------------ which object it is */

#define BC_TEXT(word)                    \
	{                                \
		(word), sizeof(word) - 1 \
	} /* BC_STR, as a constant */
#define CANDLE(word, interval) { BC_TEXT("candle." word), UPBIT_CANDLE, tell_candle, interval },
/* clang-format off */
static const struct upbit_channel channels[] = {
	{ BC_TEXT("orderbook"), UPBIT_BOOK, tell_book, 0 },
	{ BC_TEXT("trade"), UPBIT_TRADE, tell_trade, 0 },
	{ BC_TEXT("ticker"), UPBIT_TICKER, tell_ticker, 0 },
	UPBIT_CANDLES(CANDLE)
};
/* clang-format on */
#define N_CHANNELS (sizeof channels / sizeof *channels)

static const struct upbit_channel unknown = { { NULL, 0 }, UPBIT_OTHER, tell_unknown, 0 };
static const struct upbit_channel error_object = { { NULL, 0 }, UPBIT_ERROR, tell_error, 0 };
static const struct upbit_channel status_object = { { NULL, 0 }, UPBIT_STATUS, tell_status, 0 };
static const struct upbit_channel subscriptions_object = {
	{ NULL, 0 }, UPBIT_SUBSCRIPTIONS, tell_subscriptions, 0
};

static const struct upbit_channel rest_bodies[BC_N_REST_KINDS] = {
	[BC_REST_INSTRUMENTS] = { { NULL, 0 }, UPBIT_MARKET, tell_instrument, 0 },
	[BC_REST_TICKS] = { { NULL, 0 }, UPBIT_TICK, tell_instrument, 0 },
	[BC_REST_SNAPSHOT] = { { NULL, 0 }, UPBIT_BOOK, tell_book, 0 },
	[BC_REST_TRADES] = { { NULL, 0 }, UPBIT_TRADE, tell_trade, 0 },
	[BC_REST_CANDLES] = { { NULL, 0 }, UPBIT_CANDLE, tell_candle, 0 },
	[BC_REST_TICKERS] = { { NULL, 0 }, UPBIT_TICKER, tell_ticker, 0 },
};

/* The key that tells what an object is; the two of market data come first. */
static const struct {
	struct bc_json_name key;
	enum upbit_dialect dialect;
	const struct upbit_channel *channel; /* NULL: the key's value names it */
} marks[] = {
	{ BC_JSON_NAME("type"), UPBIT_DEFAULT, NULL },
	{ BC_JSON_NAME("ty"), UPBIT_SIMPLE, NULL },
	{ BC_JSON_NAME("error"), UPBIT_DEFAULT, &error_object },
	{ BC_JSON_NAME("status"), UPBIT_DEFAULT, &status_object },
	{ BC_JSON_NAME("method"), UPBIT_DEFAULT, &subscriptions_object },
	{ BC_JSON_NAME("mthd"), UPBIT_SIMPLE, &subscriptions_object },
};
#define N_MARKS (sizeof marks / sizeof *marks)

/* The channel that the string at the cursor names. */
static const struct upbit_channel *named_channel(struct upbit *u)
{
	bc_str type;

	if (!bc_cursor_string(&u->reader.j, &type))
		bc_cursor_skip(&u->reader.j, &type);
	else
		for (size_t i = 0; i < N_CHANNELS; i++)
			if (bc_cursor_is(type, channels[i].type))
				return &channels[i];
	if (u->reader.j.error == NULL)
		u->m.name = type;
	return &unknown;
}

/* The mark among the keys of an object, wherever it stands; N_MARKS: there is none. */
static size_t find_mark(struct bc_cursor *j)
{
	bc_str key;

	while (bc_cursor_key(j, &key)) {
		for (size_t i = 0; i < N_MARKS; i++)
			if (bc_cursor_is(key,
					 (bc_str){ marks[i].key.quoted + 1, marks[i].key.n - 3u }))
				return i;
		bc_cursor_skip(j, NULL);
	}
	return N_MARKS;
}

/* Finds out which object the cursor has entered. The cursor then stands at the object's first key,
 * or, where that was its type as it usually is, behind it. */
static void find_channel(struct upbit *u)
{
	struct bc_cursor *j = &u->reader.j, first_key;
	size_t i = 0;

	while (i < 2 && !bc_cursor_key_is(j, &marks[i].key))
		i++;
	if (i < 2) {
		u->dialect = marks[i].dialect;
		u->channel = named_channel(u);
		return;
	}
	first_key = *j;
	i = find_mark(j);
	u->channel = &unknown;
	u->dialect = UPBIT_DEFAULT;
	if (i < N_MARKS) {
		u->dialect = marks[i].dialect;
		u->channel = marks[i].channel != NULL ? marks[i].channel : named_channel(u);
	}
	if (j->error == NULL)
		*j = first_key;
}

/* ------------------------------------------------------------------ messages */

void upbit_forget_message(struct upbit *u)
{
	bc_reader_next(&u->reader);
	u->n_bids = u->n_asks = 0;
	u->m = (struct upbit_message){
		.timestamp = { BC_TIME_UNKNOWN },
		.opened = { BC_TIME_UNKNOWN },
		.price = BC_DECIMAL_NONE,
		.quantity = BC_DECIMAL_NONE,
		.open = BC_DECIMAL_NONE,
		.high = BC_DECIMAL_NONE,
		.low = BC_DECIMAL_NONE,
		.change = BC_DECIMAL_NONE,
		.volume = BC_DECIMAL_NONE,
		.quote_volume = BC_DECIMAL_NONE,
		.tick = BC_DECIMAL_NONE,
	};
}

/* Reads the value at the cursor as one message. `body`: what a REST answer holds, or NULL. */
static void read_message(struct upbit *u, const struct upbit_channel *body)
{
	struct bc_reader *r = &u->reader;
	bc_str value;

	upbit_forget_message(u);
	u->channel = body;
	u->dialect = UPBIT_REST;
	if (!bc_cursor_object(&r->j)) {
		if (bc_cursor_skip(&r->j, &value))
			bc_reader_refuse(r, BC_EPARSE, BC_STR("not an object"), value);
		return;
	}
	if (body == NULL)
		find_channel(u);
	bc_fields_read(r, &upbit_fields[u->channel->object], u->dialect, &u->m);
}

static bc_status tell(struct upbit *u, const struct bc_input *in, const struct bc_feed_sink *sink)
{
	if (!u->reader.refused)
		u->channel->tell(u, in, sink);
	if (u->reader.refused)
		return bc_reader_reject(&u->reader, u->m.code, sink);
	return BC_OK;
}

static bc_status read_object(struct upbit *u, const struct bc_input *in,
			     const struct bc_feed_sink *sink)
{
	read_message(u, NULL);
	return bc_cursor_finish(&u->reader.j) == BC_OK ? tell(u, in, sink)
						       : bc_reader_reject_text(&u->reader, sink);
}

/* Nothing of a list is told before all of it proved to be JSON, and one refused message does not
 * take the others with it. `body`: what the objects are, NULL: they say it themselves. */
static bc_status read_list(struct upbit *u, const struct bc_input *in,
			   const struct upbit_channel *body, const struct bc_feed_sink *sink)
{
	struct bc_cursor *j = &u->reader.j, rest;
	bc_status worst = BC_OK;

	for (bool checked = false; bc_cursor_item(j); checked = true) {
		bc_status told;
		read_message(u, body);
		if (!checked) {
			rest = *j;
			while (bc_cursor_item(&rest))
				bc_cursor_skip(&rest, NULL);
			if (bc_cursor_finish(&rest) != BC_OK) {
				*j = rest;
				break;
			}
		}
		told = tell(u, in, sink);
		if (worst == BC_OK)
			worst = told;
	}
	return bc_cursor_finish(j) == BC_OK ? worst : bc_reader_reject_text(&u->reader, sink);
}

/* `body`: what the objects of a REST answer are, NULL for a frame. */
static bc_status read_text(struct upbit *u, const struct bc_input *in,
			   const struct upbit_channel *body, const struct bc_feed_sink *sink)
{
	bc_reader_open(&u->reader, in->bytes, in->n_bytes, u);
	if (bc_cursor_array(&u->reader.j))
		return read_list(u, in, body, sink);
	return read_object(u, in, sink); /* of REST, an error */
}

static bool tell_usual(struct upbit *u, const struct bc_input *in, const struct bc_feed_sink *sink)
{
	switch (u->read_usual(u, in->bytes, in->n_bytes)) {
	case UPBIT_BOOK:
		tell_book(u, in, sink);
		return true;
	case UPBIT_TRADE:
		tell_trade(u, in, sink);
		return true;
	case UPBIT_TICKER:
		tell_ticker(u, in, sink);
		return true;
	case UPBIT_CANDLE:
	case UPBIT_MARKET:
	case UPBIT_TICK:
	case UPBIT_STATUS:
	case UPBIT_SUBSCRIPTIONS:
	case UPBIT_ERROR:
	case UPBIT_OTHER:
	case UPBIT_N_OBJECTS:
	default:
		return false;
	}
}

bc_status upbit_on_input(void *state, const struct bc_input *in, const struct bc_feed_sink *sink)
{
	struct upbit *u = state;
	bc_str text = { in->bytes, in->n_bytes };

	switch (in->kind) {
	case BC_INPUT_TEXT:
	case BC_INPUT_BINARY:
		if (tell_usual(u, in, sink))
			return BC_OK;
		if (bc_str_equal(text, BC_STR("UP")) || bc_str_equal(text, BC_STR("\"UP\""))) {
			upbit_forget_message(u);
			u->m.name = BC_STR("UP");
			tell_status(u, in, sink);
			return BC_OK;
		}
		return read_text(u, in, NULL, sink);
	case BC_INPUT_REST:
		return read_text(u, in, &rest_bodies[in->rest], sink);
	case BC_INPUT_OPEN:
	case BC_INPUT_CLOSED:
		break; /* a connection has no memory here */
	}
	return BC_OK;
}
