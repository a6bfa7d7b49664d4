#include "tests/support/fake_language.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_WORDS 512

struct reading {
	const struct bc_input *input;
	const struct bc_feed_sink *sink;
	bc_str words[MAX_WORDS];
	size_t n;
};

static void split(struct reading *r)
{
	const char *p = r->input->bytes, *end = p + r->input->n_bytes;
	while (p < end && r->n < MAX_WORDS) {
		const char *space = memchr(p, ' ', (size_t)(end - p));
		const char *stop = space == NULL ? end : space;
		r->words[r->n++] = (bc_str){ p, (size_t)(stop - p) };
		p = space == NULL ? end : space + 1;
	}
}

static bc_decimal number(bc_str text)
{
	bc_decimal d = BC_DECIMAL_NONE;
	bc_decimal_parse(text.p, text.n, &d);
	return d;
}

static struct bc_event event(const struct reading *r, enum bc_channel channel)
{
	return (struct bc_event){ .channel = channel,
				  .symbol = r->words[1],
				  .exchange_seq = BC_SEQ_NONE,
				  .ts_exchange = r->input->wall };
}

static bc_status say_book(struct reading *r, enum bc_channel channel)
{
	bc_level bid = { number(r->words[2]), { 1, 0 } }, ask = { number(r->words[3]), { 2, 0 } };
	struct bc_event e = event(r, channel);
	e.body.book = (struct bc_book){ &bid, &ask, 1, 1 };
	r->sink->event(r->sink->self, &e);
	return BC_OK;
}

static bc_status on_book(struct reading *r)
{
	return say_book(r, BC_CHANNEL_BOOK);
}

static bc_status on_bbo(struct reading *r)
{
	return say_book(r, BC_CHANNEL_BBO);
}

static uint64_t integer(bc_str text)
{
	return strtoull(text.p, NULL, 10); /* ends at what is no digit */
}

/* "tick SEQ BID ASK": a bbo with its number. */
static bc_status on_tick(struct reading *r)
{
	bc_level bid = { number(r->words[3]), { 1, 0 } }, ask = { number(r->words[4]), { 2, 0 } };
	struct bc_event e = event(r, BC_CHANNEL_BBO);
	e.exchange_seq = integer(r->words[2]);
	e.body.book = (struct bc_book){ &bid, &ask, 1, 1 };
	r->sink->event(r->sink->self, &e);
	return BC_OK;
}

/* "b PRICE=QUANTITY... a PRICE=QUANTITY..." from a word on. */
struct sides {
	bc_level levels[2][MAX_WORDS];
	uint32_t n[2];
};

static bool read_sides(const struct reading *r, size_t from, struct sides *out)
{
	int side = -1;
	out->n[0] = out->n[1] = 0;
	for (size_t i = from; i < r->n; i++) {
		bc_str word = r->words[i];
		const char *equals = memchr(word.p, '=', word.n);
		if (bc_str_is(word, "b") || bc_str_is(word, "a")) {
			side = word.p[0] == 'a';
			continue;
		}
		if (side < 0 || equals == NULL)
			return false;
		size_t n = (size_t)(equals - word.p);
		bc_level *level = &out->levels[side][out->n[side]++];
		level->price = number((bc_str){ word.p, n });
		level->quantity = number((bc_str){ equals + 1, word.n - n - 1 });
	}
	return true;
}

static bc_status nonsense(struct reading *r)
{
	r->sink->reject(r->sink->self,
			&(struct bc_reject){ .why = BC_EPARSE, .what = BC_STR("level") });
	return BC_EPARSE;
}

static bc_status on_delta(struct reading *r)
{
	struct sides sides;
	if (!read_sides(r, 4, &sides))
		return nonsense(r);
	struct bc_event e = event(r, BC_CHANNEL_DELTA);
	e.exchange_seq = integer(r->words[3]);
	e.body.delta =
		(struct bc_delta){ sides.levels[0], sides.levels[1],      sides.n[0],
				   sides.n[1],      integer(r->words[2]), integer(r->words[3]),
				   BC_SEQ_NONE };
	r->sink->event(r->sink->self, &e);
	return BC_OK;
}

/* The body of a snapshot does not say whose it is. */
static bc_status on_snap(struct reading *r)
{
	struct sides sides;
	if (r->input->kind != BC_INPUT_REST || !read_sides(r, 2, &sides))
		return nonsense(r);
	struct bc_event e = { .channel = BC_CHANNEL_BOOK,
			      .symbol = r->input->symbol,
			      .exchange_seq = integer(r->words[1]),
			      .ts_exchange = { BC_TIME_UNKNOWN },
			      .flags = BC_FLAG_SNAPSHOT | BC_FLAG_REST };
	e.body.book = (struct bc_book){ sides.levels[0], sides.levels[1], sides.n[0], sides.n[1] };
	r->sink->event(r->sink->self, &e);
	return BC_OK;
}

/* "at MS BID ASK" and "whole MS BID ASK" of a symbol: a book, a snapshot, of that exchange time. */
static bc_status say_timed(struct reading *r, uint32_t flags)
{
	bc_level bid = { number(r->words[3]), { 1, 0 } }, ask = { number(r->words[4]), { 2, 0 } };
	struct bc_event e = event(r, BC_CHANNEL_BOOK);
	e.flags = flags;
	e.ts_exchange.ns = strtoll(r->words[2].p, NULL, 10) * BC_NS_PER_MS; /* ends at the blank */
	e.body.book = (struct bc_book){ &bid, &ask, 1, 1 };
	r->sink->event(r->sink->self, &e);
	return BC_OK;
}

static bc_status on_at(struct reading *r)
{
	return say_timed(r, 0);
}

static bc_status on_whole(struct reading *r)
{
	return say_timed(r, BC_FLAG_SNAPSHOT);
}

/* "trade NAME ID [MS]" */
static bc_status say_trade(struct reading *r, uint32_t flags)
{
	struct bc_event e = event(r, BC_CHANNEL_TRADE);
	if (r->n > 3)
		e.ts_exchange.ns = (int64_t)integer(r->words[3]) * BC_NS_PER_MS;
	e.flags = flags;
	e.body.trade = (struct bc_trade){ { 1, 0 }, { 1, 0 }, BC_SIDE_BUY, r->words[2] };
	r->sink->event(r->sink->self, &e);
	return BC_OK;
}

static bc_status on_trade(struct reading *r)
{
	return say_trade(r, 0);
}

static bc_status on_again(struct reading *r)
{
	return say_trade(r, BC_FLAG_SNAPSHOT);
}

/* "ID@MS", and "MS" alone. */
static struct bc_event old_event(const struct reading *r, enum bc_channel channel, bc_str word)
{
	const char *time = memchr(word.p, '@', word.n);
	struct bc_event e = event(r, channel);
	e.symbol = r->input->symbol;
	e.ts_exchange.ns = strtoll(time == NULL ? word.p : time + 1, NULL, 10) *
			   BC_NS_PER_MS; /* to the blank */
	return e;
}

static bc_status on_trades(struct reading *r)
{
	for (size_t i = 1; i < r->n; i++) {
		bc_str id = r->words[i];
		struct bc_event e = old_event(r, BC_CHANNEL_TRADE, id);
		const char *at = memchr(id.p, '@', id.n);
		id.n = at == NULL ? 0 : (size_t)(at - id.p);
		e.body.trade = (struct bc_trade){ { 1, 0 }, { 1, 0 }, BC_SIDE_BUY, id };
		r->sink->event(r->sink->self, &e);
	}
	return BC_OK;
}

static void say_candle(const struct reading *r, struct bc_event *e, enum bc_interval interval)
{
	bc_decimal one = { 1, 0 };
	e->body.candle = (struct bc_candle){ interval, e->ts_exchange,   one, one, one, one, one,
					     one,      BC_CLOSED_UNKNOWN };
	r->sink->event(r->sink->self, e);
}

static bc_status on_candles(struct reading *r)
{
	for (size_t i = 1; i < r->n; i++) {
		struct bc_event e = old_event(r, BC_CHANNEL_CANDLE, r->words[i]);
		say_candle(r, &e, r->input->interval);
	}
	return BC_OK;
}

static bc_status on_candle(struct reading *r)
{
	struct bc_event e = old_event(r, BC_CHANNEL_CANDLE, r->words[3]);
	int interval = bc_interval_of(r->words[2]);
	e.symbol = r->words[1];
	if (interval < 0)
		return nonsense(r);
	say_candle(r, &e, (enum bc_interval)interval);
	return BC_OK;
}

static bc_status say_ticker(struct reading *r, int64_t ahead_ns)
{
	struct bc_event e = event(r, BC_CHANNEL_TICKER);
	e.ts_exchange.ns += ahead_ns;
	e.body.ticker = (struct bc_ticker){ .last = { 5, 0 },
					    .open = BC_DECIMAL_NONE,
					    .high = BC_DECIMAL_NONE,
					    .low = BC_DECIMAL_NONE,
					    .volume = BC_DECIMAL_NONE,
					    .quote_volume = BC_DECIMAL_NONE,
					    .change = BC_DECIMAL_NONE };
	r->sink->event(r->sink->self, &e);
	return BC_OK;
}

static bc_status on_ticker(struct reading *r)
{
	return say_ticker(r, 0);
}

static bc_status on_future(struct reading *r)
{
	return say_ticker(r, 3600 * BC_NS_PER_S);
}

/* One item of an answer about many. */
static bc_status refuse_item(struct reading *r, bc_str symbol)
{
	r->sink->reject(r->sink->self, &(struct bc_reject){ .why = BC_EPARSE,
							    .symbol = symbol,
							    .what = BC_STR("item") });
	return BC_EPARSE;
}

/* "polled SYMBOL MS BID ASK...": books by REST; a bid of "x" cannot be read. */
static bc_status on_polled(struct reading *r)
{
	bc_status worst = BC_OK;
	for (size_t i = 1; i + 3 < r->n; i += 4) {
		if (bc_str_is(r->words[i + 2], "x")) {
			worst = refuse_item(r, r->words[i]);
			continue;
		}
		bc_level bid = { number(r->words[i + 2]), { 1, 0 } };
		bc_level ask = { number(r->words[i + 3]), { 2, 0 } };
		struct bc_event e = event(r, BC_CHANNEL_BOOK);
		e.symbol = r->words[i];
		e.flags = BC_FLAG_SNAPSHOT | BC_FLAG_REST;
		e.ts_exchange.ns = strtoll(r->words[i + 1].p, NULL, 10) * BC_NS_PER_MS;
		e.body.book = (struct bc_book){ &bid, &ask, 1, 1 };
		r->sink->event(r->sink->self, &e);
	}
	return worst;
}

/* "tickers SYMBOL MS...": by REST. */
static bc_status on_tickers(struct reading *r)
{
	for (size_t i = 1; i + 1 < r->n; i += 2) {
		struct bc_event e = event(r, BC_CHANNEL_TICKER);
		e.symbol = r->words[i];
		e.flags = BC_FLAG_REST;
		e.ts_exchange.ns = strtoll(r->words[i + 1].p, NULL, 10) * BC_NS_PER_MS;
		e.body.ticker = (struct bc_ticker){ .last = { 5, 0 } };
		r->sink->event(r->sink->self, &e);
	}
	return BC_OK;
}

static bc_status on_foreign(struct reading *r)
{
	r->sink->reject(r->sink->self, &(struct bc_reject){ .why = BC_EPARSE,
							    .what = BC_STR("type"),
							    .foreign = true });
	return BC_EPARSE;
}

static bc_status refuse(struct reading *r, bc_status why)
{
	r->sink->reject(r->sink->self, &(struct bc_reject){ .why = why,
							    .symbol = r->words[1],
							    .what = BC_STR("price") });
	return why;
}

static bc_status on_range(struct reading *r)
{
	return refuse(r, BC_ERANGE);
}

static bc_status on_refuse(struct reading *r)
{
	return refuse(r, BC_EPARSE);
}

static bc_status on_resync(struct reading *r)
{
	r->sink->request(r->sink->self, &(struct bc_request){ .kind = BC_REQUEST_RESYNC,
							      .symbol = r->words[1],
							      .reason = BC_REASON_CHECKSUM });
	return BC_OK;
}

static bc_status on_limit(struct reading *r)
{
	r->sink->control(r->sink->self, &(struct bc_control){ .kind = BC_CONTROL_ERROR,
							      .code = BC_STR("Too Many Requests"),
							      .back_off = true });
	return BC_OK;
}

/* "ack ID", "no ID": the answer to a frame with that id. */
static bc_status on_ack(struct reading *r)
{
	r->sink->control(r->sink->self,
			 &(struct bc_control){ .kind = BC_CONTROL_ACK, .id = r->words[1] });
	return BC_OK;
}

static bc_status on_no(struct reading *r)
{
	r->sink->control(r->sink->self, &(struct bc_control){ .kind = BC_CONTROL_ERROR,
							      .id = r->words[1],
							      .code = BC_STR("2"),
							      .message = BC_STR("no stream") });
	return BC_OK;
}

static bc_status on_slower(struct reading *r)
{
	r->sink->control(r->sink->self, &(struct bc_control){ .kind = BC_CONTROL_ERROR,
							      .id = r->words[1],
							      .code = BC_STR("429"),
							      .back_off = true });
	return BC_OK;
}

static bc_status on_leaving(struct reading *r)
{
	r->sink->control(r->sink->self,
			 &(struct bc_control){ .kind = BC_CONTROL_PONG, .leaving = true });
	return BC_OK;
}

static bc_status on_up(struct reading *r)
{
	(void)r;
	return BC_OK;
}

static enum bc_listing status_of(bc_str word)
{
	if (bc_str_is(word, "delisted"))
		return BC_LISTING_DELISTED;
	return bc_str_is(word, "suspended") ? BC_LISTING_SUSPENDED : BC_LISTING_TRADING;
}

static bc_status on_list(struct reading *r)
{
	bc_status worst = BC_OK;
	for (size_t i = 1; i < r->n; i++) {
		bc_str word = r->words[i], rest = { 0 };
		const char *colon = memchr(word.p, ':', word.n);
		if (colon != NULL) {
			rest = (bc_str){ colon + 1, (size_t)(word.p + word.n - colon - 1) };
			word.n = (size_t)(colon - word.p);
		}
		if (bc_str_is(rest, "unread")) {
			worst = refuse_item(r, word);
			continue;
		}
		struct bc_event e = event(r, BC_CHANNEL_INSTRUMENT);
		char unified[32];
		int n = snprintf(unified, sizeof unified, "%.*s/FAKE", (int)word.n, word.p);
		e.symbol = word;
		e.body.instrument = (struct bc_instrument){ .base = word,
							    .quote = BC_STR("FAKE"),
							    .unified = { unified, (size_t)n },
							    .tick = BC_DECIMAL_NONE,
							    .lot = BC_DECIMAL_NONE,
							    .contract_size = BC_DECIMAL_NONE,
							    .status = status_of(rest) };
		r->sink->event(r->sink->self, &e);
	}
	return worst;
}

static bc_status on_ticks(struct reading *r)
{
	for (size_t i = 1; i < r->n; i++) {
		struct bc_event e = event(r, BC_CHANNEL_INSTRUMENT);
		e.symbol = r->words[i];
		e.body.instrument = (struct bc_instrument){ .tick = { 1, -2 },
							    .lot = BC_DECIMAL_NONE,
							    .contract_size = BC_DECIMAL_NONE };
		r->sink->event(r->sink->self, &e);
	}
	return BC_OK;
}

static const struct {
	const char *word;
	bc_status (*understand)(struct reading *r);
	size_t n_words; /* at least */
} words[] = {
	{ "book", on_book, 4 },       { "bbo", on_bbo, 4 },         { "trade", on_trade, 3 },
	{ "again", on_again, 3 },     { "ticker", on_ticker, 2 },   { "future", on_future, 2 },
	{ "range", on_range, 2 },     { "refuse", on_refuse, 2 },   { "resync", on_resync, 2 },
	{ "limit", on_limit, 1 },     { "up", on_up, 1 },           { "list", on_list, 1 },
	{ "ticks", on_ticks, 1 },     { "at", on_at, 5 },           { "whole", on_whole, 5 },
	{ "foreign", on_foreign, 1 }, { "tick", on_tick, 5 },       { "delta", on_delta, 4 },
	{ "snap", on_snap, 2 },       { "ack", on_ack, 2 },         { "no", on_no, 2 },
	{ "slower", on_slower, 2 },   { "leaving", on_leaving, 1 }, { "trades", on_trades, 1 },
	{ "candles", on_candles, 1 }, { "candle", on_candle, 4 },   { "polled", on_polled, 1 },
	{ "tickers", on_tickers, 1 },
};

bc_status fake_input(void *state, const struct bc_input *input, const struct bc_feed_sink *sink)
{
	struct reading r = { .input = input, .sink = sink };
	(void)state;
	if (input->kind == BC_INPUT_OPEN || input->kind == BC_INPUT_CLOSED)
		return BC_OK;
	split(&r);
	for (size_t i = 0; r.n > 0 && i < sizeof words / sizeof *words; i++) {
		if (bc_str_is(r.words[0], words[i].word) && r.n >= words[i].n_words)
			return words[i].understand(&r);
	}
	sink->reject(sink->self,
		     &(struct bc_reject){ .why = BC_EPARSE, .what = BC_STR("no such word") });
	return BC_EPARSE;
}
