/* binance_frames.c - one event of each stream, spelled as Binance spells it. */
#include "publisher/simulator/binance.h"

#define DAY_NS (86400 * BC_NS_PER_S)

int64_t binance_time(const struct sim_world *world, bc_wall_time t, bool micro)
{
	return (t.ns + world->skew_ns) / (micro ? BC_NS_PER_US : BC_NS_PER_MS);
}

static const struct market_spec *spec_of(const struct binance_writer *w)
{
	return market_spec(w->world->market, w->stream->symbol);
}

static uint64_t id_now(const struct binance_writer *w)
{
	return binance_id(w->dialect, w->stream->symbol,
			  market_seq(w->world->market, w->stream->symbol));
}

/* ------------------------------------------------------------------ fields */

static void put_unsigned(const struct binance_writer *w, const char *before, uint64_t value)
{
	sim_buffer_text(w->out, before);
	sim_buffer_unsigned(w->out, value);
}

static void put_time(const struct binance_writer *w, const char *before, bc_wall_time t)
{
	sim_buffer_text(w->out, before);
	sim_buffer_signed(w->out, binance_time(w->world, t, w->micro));
}

static void put_symbol(const struct binance_writer *w, const char *before)
{
	sim_buffer_text(w->out, before);
	sim_buffer_json(w->out, bc_str_of(spec_of(w)->name));
}

/* The pair: the symbol without its delivery date. */
static void put_pair(const struct binance_writer *w)
{
	bc_str base, quote;

	binance_split(spec_of(w)->name, &base, &quote);
	sim_buffer_text(w->out, ",\"ps\":");
	sim_buffer_json(w->out, (bc_str){ base.p, base.n + quote.n });
}

static void put_price(const struct binance_writer *w, const char *before, int64_t ticks)
{
	sim_buffer_text(w->out, before);
	binance_put_price(w->out, w->dialect, spec_of(w), ticks);
}

static void put_quantity(const struct binance_writer *w, const char *before, int64_t mantissa)
{
	sim_buffer_text(w->out, before);
	binance_put_quantity(w->out, w->dialect, spec_of(w), mantissa);
}

static void put_sum(const struct binance_writer *w, const char *before, bc_decimal value)
{
	sim_buffer_text(w->out, before);
	binance_put_decimal(w->out, value, w->dialect->decimals);
}

/* {"e":"type","E":now */
static void put_head(const struct binance_writer *w, const char *type)
{
	sim_buffer_text(w->out, "{\"e\":\"");
	sim_buffer_text(w->out, type);
	put_time(w, "\",\"E\":", w->world->now);
}

static void put_tail(const struct binance_writer *w)
{
	sim_buffer_text(w->out, w->dialect->usdm ? ",\"st\":1}" : "}");
}

/* ------------------------------------------------------------------ books */

/* The head of a book event: ids of its first and last change, and of the event before it. */
static void put_book_head(const struct binance_writer *w, uint64_t after)
{
	const struct market *m = w->world->market;
	size_t symbol = w->stream->symbol;

	put_head(w, "depthUpdate");
	if (w->dialect->usdm)
		put_time(w, ",\"T\":", market_changed(m, symbol));
	put_symbol(w, ",\"s\":");
	if (w->dialect->usdm)
		put_pair(w);
	put_unsigned(w, ",\"U\":", binance_id(w->dialect, symbol, after + 1));
	put_unsigned(w, ",\"u\":", id_now(w));
	if (w->dialect->usdm)
		put_unsigned(w, ",\"pu\":", binance_id(w->dialect, symbol, after));
}

static bool put_side(const struct binance_writer *w, enum market_side side)
{
	const struct market *m = w->world->market;
	size_t symbol = w->stream->symbol;

	if (!binance_changes_since(w->scratch, m, symbol, side, w->stream->cursor))
		return false;
	binance_put_changes(w->out, w->dialect, m, symbol, w->scratch);
	return true;
}

/* Fault: one bid more, as high as the second ask. */
static void cross(const struct binance_writer *w)
{
	const struct market *m = w->world->market;
	size_t symbol = w->stream->symbol;
	int64_t price, quantity;

	if (*w->world->crossed == 0 || market_depth(m, symbol, MARKET_ASK) < 2)
		return;
	--*w->world->crossed;
	w->out->n--; /* the closing bracket */
	market_raw_level(m, symbol, MARKET_ASK, 1, &price, &quantity);
	put_price(w, w->out->data[w->out->n - 1] == '[' ? "[" : ",[", price);
	put_quantity(w, ",", quantity);
	sim_buffer_text(w->out, "]]");
}

bool binance_put_depth(const struct binance_writer *w)
{
	put_book_head(w, w->stream->cursor);
	sim_buffer_text(w->out, ",\"b\":");
	if (!put_side(w, MARKET_BID))
		return false;
	cross(w);
	sim_buffer_text(w->out, ",\"a\":");
	if (!put_side(w, MARKET_ASK))
		return false;
	put_tail(w);
	return true;
}

void binance_put_partial(const struct binance_writer *w)
{
	const struct market *m = w->world->market;
	const struct binance_stream *s = w->stream;
	bool usdm = w->dialect->usdm;

	if (usdm)
		put_book_head(w, s->cursor);
	else
		put_unsigned(w, "{\"lastUpdateId\":", id_now(w));
	sim_buffer_text(w->out, usdm ? ",\"b\":" : ",\"bids\":");
	binance_put_top(w->out, w->dialect, m, s->symbol, MARKET_BID, s->levels);
	cross(w);
	sim_buffer_text(w->out, usdm ? ",\"a\":" : ",\"asks\":");
	binance_put_top(w->out, w->dialect, m, s->symbol, MARKET_ASK, s->levels);
	put_tail(w);
}

static void put_best(const struct binance_writer *w, enum market_side side, const char *price_key,
		     const char *quantity_key)
{
	int64_t price = 0, quantity = 0;

	if (market_depth(w->world->market, w->stream->symbol, side) > 0)
		market_raw_level(w->world->market, w->stream->symbol, side, 0, &price, &quantity);
	put_price(w, price_key, price);
	put_quantity(w, quantity_key, quantity);
}

void binance_put_book_ticker(const struct binance_writer *w)
{
	bool usdm = w->dialect->usdm;

	put_unsigned(w, usdm ? "{\"e\":\"bookTicker\",\"u\":" : "{\"u\":", id_now(w));
	put_symbol(w, ",\"s\":");
	if (usdm)
		put_pair(w);
	put_best(w, MARKET_BID, ",\"b\":", ",\"B\":");
	put_best(w, MARKET_ASK, ",\"a\":", ",\"A\":");
	if (usdm) {
		put_time(w, ",\"T\":", market_changed(w->world->market, w->stream->symbol));
		put_time(w, ",\"E\":", w->world->now);
	}
	put_tail(w);
}

/* ------------------------------------------------------------------ trades */

void binance_put_trade(const struct binance_writer *w, const struct market_trade *t)
{
	put_head(w, "trade");
	if (w->dialect->usdm)
		put_time(w, ",\"T\":", t->time);
	put_symbol(w, ",\"s\":");
	put_unsigned(w, ",\"t\":", BINANCE_TRADE_IDS + t->id);
	put_price(w, ",\"p\":", t->price);
	put_quantity(w, ",\"q\":", t->quantity);
	if (w->dialect->usdm)
		sim_buffer_text(w->out, ",\"X\":\"MARKET\"");
	else
		put_time(w, ",\"T\":", t->time);
	sim_buffer_text(w->out, t->maker == MARKET_BID ? ",\"m\":true" : ",\"m\":false");
	sim_buffer_text(w->out, w->dialect->usdm ? "}" : ",\"M\":true}");
}

/* The model's fills differ in price or side, so that an aggregate is one trade. */
void binance_put_agg_trade(const struct binance_writer *w, const struct market_trade *t)
{
	uint64_t id = BINANCE_TRADE_IDS + t->id;

	put_head(w, "aggTrade");
	put_symbol(w, ",\"s\":");
	put_unsigned(w, ",\"a\":", t->id);
	put_price(w, ",\"p\":", t->price);
	put_quantity(w, ",\"q\":", t->quantity);
	if (w->dialect->usdm)
		put_quantity(w, ",\"nq\":", t->quantity);
	put_unsigned(w, ",\"f\":", id);
	put_unsigned(w, ",\"l\":", id);
	put_time(w, ",\"T\":", t->time);
	sim_buffer_text(w->out, t->maker == MARKET_BID ? ",\"m\":true" : ",\"m\":false");
	sim_buffer_text(w->out, w->dialect->usdm ? ",\"st\":1}" : ",\"M\":true}");
}

/* ------------------------------------------------------------------ statistics */

static void put_range(const struct binance_writer *w, const struct binance_day *day)
{
	put_price(w, ",\"o\":", day->open);
	put_price(w, ",\"h\":", day->high);
	put_price(w, ",\"l\":", day->low);
	put_sum(w, ",\"v\":", day->volume);
	put_sum(w, ",\"q\":", day->value);
}

void binance_put_mini_ticker(const struct binance_writer *w)
{
	struct binance_day day;

	binance_get_day(w->world->market, w->stream->symbol, &day);
	put_head(w, "24hrMiniTicker");
	put_symbol(w, ",\"s\":");
	put_price(w, ",\"c\":", day.last);
	put_range(w, &day);
	if (w->dialect->usdm)
		put_pair(w);
	put_tail(w);
}

void binance_put_ticker(const struct binance_writer *w)
{
	const struct market_trade *last = market_trade(w->world->market, w->stream->symbol, 0);
	const struct market_spec *spec = spec_of(w);
	bool usdm = w->dialect->usdm;
	struct binance_day day;

	binance_get_day(w->world->market, w->stream->symbol, &day);
	put_head(w, "24hrTicker");
	put_symbol(w, ",\"s\":");
	put_sum(w, ",\"p\":", market_price(spec, day.change));
	sim_buffer_text(w->out, ",\"P\":");
	binance_put_decimal(w->out, day.percent, 3);
	put_sum(w, ",\"w\":", day.average);
	if (!usdm)
		put_price(w, ",\"x\":", day.open);
	put_price(w, ",\"c\":", day.last);
	put_quantity(w, ",\"Q\":", last->quantity);
	if (!usdm) {
		put_best(w, MARKET_BID, ",\"b\":", ",\"B\":");
		put_best(w, MARKET_ASK, ",\"a\":", ",\"A\":");
	}
	put_range(w, &day);
	put_time(w, ",\"O\":", (bc_wall_time){ w->world->now.ns - DAY_NS });
	put_time(w, ",\"C\":", w->world->now);
	put_unsigned(w, ",\"F\":", day.first_trade);
	put_unsigned(w, ",\"L\":", day.last_trade);
	put_unsigned(w, ",\"n\":", day.n_trades);
	if (usdm)
		put_pair(w);
	put_tail(w);
}

void binance_put_candle(const struct binance_writer *w, const struct market_candle *c)
{
	const struct binance_interval *interval = &binance_intervals[w->stream->interval];
	int64_t end_ns = c->open_time.ns + interval->seconds * BC_NS_PER_S;

	put_head(w, "kline");
	put_symbol(w, ",\"s\":");
	put_time(w, ",\"k\":{\"t\":", c->open_time);
	sim_buffer_text(w->out, ",\"T\":");
	sim_buffer_signed(w->out, binance_time(w->world, (bc_wall_time){ end_ns }, w->micro) - 1);
	put_symbol(w, ",\"s\":");
	sim_buffer_text(w->out, ",\"i\":\"");
	sim_buffer_text(w->out, interval->name);
	put_unsigned(w, "\",\"f\":", BINANCE_TRADE_IDS + c->first_trade);
	put_unsigned(w, ",\"L\":", BINANCE_TRADE_IDS + c->last_trade);
	put_price(w, ",\"o\":", c->open);
	put_price(w, ",\"c\":", c->close);
	put_price(w, ",\"h\":", c->high);
	put_price(w, ",\"l\":", c->low);
	put_sum(w, ",\"v\":", c->volume);
	put_unsigned(w, ",\"n\":", c->last_trade - c->first_trade + 1);
	sim_buffer_text(w->out, w->world->now.ns >= end_ns ? ",\"x\":true" : ",\"x\":false");
	put_sum(w, ",\"q\":", c->value);
	put_sum(w, ",\"V\":", c->bought_volume);
	put_sum(w, ",\"Q\":", c->bought_value);
	sim_buffer_text(w->out, ",\"B\":\"0\"}}");
}
