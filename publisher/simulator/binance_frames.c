/* binance_frames.c - one event of each stream, spelled as Binance spells it. */
#include "publisher/simulator/binance.h"

#define TRADE_IDS INT64_C(1000000) /* trade ids begin here; aggregate ids are smaller */

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

static void put_signed(const struct binance_writer *w, const char *before, int64_t value)
{
	sim_buffer_text(w->out, before);
	sim_buffer_signed(w->out, value);
}

static void put_unsigned(const struct binance_writer *w, const char *before, uint64_t value)
{
	sim_buffer_text(w->out, before);
	sim_buffer_unsigned(w->out, value);
}

static void put_time(const struct binance_writer *w, const char *before, bc_wall_time t)
{
	put_signed(w, before, binance_time(w->world, t, w->micro));
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
	put_signed(w, ",\"t\":", TRADE_IDS + (int64_t)t->id);
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
	int64_t id = TRADE_IDS + (int64_t)t->id;

	put_head(w, "aggTrade");
	put_symbol(w, ",\"s\":");
	put_unsigned(w, ",\"a\":", t->id);
	put_price(w, ",\"p\":", t->price);
	put_quantity(w, ",\"q\":", t->quantity);
	if (w->dialect->usdm)
		put_quantity(w, ",\"nq\":", t->quantity);
	put_signed(w, ",\"f\":", id);
	put_signed(w, ",\"l\":", id);
	put_time(w, ",\"T\":", t->time);
	sim_buffer_text(w->out, t->maker == MARKET_BID ? ",\"m\":true" : ",\"m\":false");
	sim_buffer_text(w->out, w->dialect->usdm ? ",\"st\":1}" : ",\"M\":true}");
}
