/* truth.c - the model market as it is: whole books, exact, for tests to compare with. */
#include "publisher/simulator/sim_internal.h"

static void put_decimal(struct sim_buffer *b, bc_decimal value)
{
	sim_buffer_char(b, '"');
	sim_buffer_number(b, value, SIM_PLAIN);
	sim_buffer_char(b, '"');
}

static void put_side(struct sim_buffer *b, const struct market *m, size_t symbol,
		     enum market_side side)
{
	size_t n = market_depth(m, symbol, side);

	sim_buffer_char(b, '[');
	for (size_t k = 0; k < n; k++) {
		bc_level level = market_level(m, symbol, side, k);

		sim_buffer_text(b, k > 0 ? ",[" : "[");
		put_decimal(b, level.price);
		sim_buffer_char(b, ',');
		put_decimal(b, level.quantity);
		sim_buffer_char(b, ']');
	}
	sim_buffer_char(b, ']');
}

static void put_last_trade(struct sim_buffer *b, const struct market *m, size_t symbol)
{
	const struct market_spec *spec = market_spec(m, symbol);
	const struct market_trade *t = market_trade(m, symbol, 0);

	sim_buffer_text(b, "{\"price\":");
	put_decimal(b, market_price(spec, t->price));
	sim_buffer_text(b, ",\"quantity\":");
	put_decimal(b, market_quantity(spec, t->quantity));
	sim_buffer_printf(b, ",\"side\":\"%s\",\"id\":%llu,\"time_ns\":%lld}",
			  t->maker == MARKET_ASK ? "buy" : "sell", (unsigned long long)t->id,
			  (long long)t->time.ns);
}

static void put_stats(struct sim_buffer *b, const struct market *m, size_t symbol)
{
	const struct market_spec *spec = market_spec(m, symbol);
	struct market_stats s;

	market_get_stats(m, symbol, &s);
	sim_buffer_text(b, "{\"last\":");
	put_decimal(b, market_price(spec, s.last));
	sim_buffer_text(b, ",\"open\":");
	put_decimal(b, market_price(spec, s.open));
	sim_buffer_text(b, ",\"high\":");
	put_decimal(b, market_price(spec, s.high));
	sim_buffer_text(b, ",\"low\":");
	put_decimal(b, market_price(spec, s.low));
	sim_buffer_text(b, ",\"volume\":");
	put_decimal(b, s.volume_24h);
	sim_buffer_text(b, ",\"quote_volume\":");
	put_decimal(b, s.value_24h);
	sim_buffer_char(b, '}');
}

static void put_symbol(struct sim_buffer *b, const struct sim *sim, size_t symbol)
{
	const struct market *m = sim->market;

	sim_buffer_text(b, "{\"symbol\":");
	sim_buffer_json(b, bc_str_of(market_spec(m, symbol)->name));
	sim_buffer_printf(b, ",\"seq\":%llu,\"changed_ns\":%lld,\"time_ns\":%lld,\"paused\":%s",
			  (unsigned long long)market_seq(m, symbol),
			  (long long)market_changed(m, symbol).ns, (long long)sim->advanced_to.ns,
			  sim->paused ? "true" : "false");
	sim_buffer_text(b, ",\"exchange_seq\":");
	if (sim->face->book_id != NULL)
		sim_buffer_unsigned(b, sim->face->book_id(m, symbol));
	else
		sim_buffer_text(b, "null");
	sim_buffer_printf(b, ",\"delisted\":%s,\"bids\":",
			  market_delisted(m, symbol) ? "true" : "false");
	put_side(b, m, symbol, MARKET_BID);
	sim_buffer_text(b, ",\"asks\":");
	put_side(b, m, symbol, MARKET_ASK);
	sim_buffer_text(b, ",\"trades\":");
	sim_buffer_unsigned(b, market_n_trades(m, symbol));
	sim_buffer_text(b, ",\"last_trade\":");
	put_last_trade(b, m, symbol);
	sim_buffer_text(b, ",\"ticker\":");
	put_stats(b, m, symbol);
	sim_buffer_char(b, '}');
}

void sim_truth(const struct sim *sim, bc_str symbol, struct sim_reply *reply)
{
	size_t at;

	if (symbol.n == 0) {
		sim_buffer_char(&reply->body, '[');
		for (size_t i = 0; i < market_n_symbols(sim->market); i++) {
			if (i > 0)
				sim_buffer_char(&reply->body, ',');
			put_symbol(&reply->body, sim, i);
		}
		sim_buffer_char(&reply->body, ']');
	} else if (market_find(sim->market, symbol, &at)) {
		put_symbol(&reply->body, sim, at);
	} else {
		reply->status = 404;
		sim_buffer_text(&reply->body, "{\"error\":\"no such symbol\"}");
	}
}
