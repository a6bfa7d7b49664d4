/* binance_info.c - GET exchangeInfo: what is traded, in which steps, and the limits. */
#include "publisher/simulator/binance.h"

#include <jansson.h>
#include <string.h>

#define SYMBOLS_TEXT_MAX 16384
#define ASSET_DIGITS     8
#define NO_DELIVERY_MS   INT64_C(4133404800000)
#define DELIVERY_MS      INT64_C(1798185600000) /* 2026-12-25 08:00 UTC */
#define ONBOARD_MS       INT64_C(1569398400000)

static void put_asset(struct sim_buffer *b, const char *before, bc_str asset)
{
	sim_buffer_text(b, before);
	sim_buffer_json(b, asset);
}

static void put_limits(const struct binance_ask *a)
{
	struct sim_buffer *b = &a->reply->body;

	sim_buffer_printf(b,
			  "\"rateLimits\":[{\"rateLimitType\":\"REQUEST_WEIGHT\","
			  "\"interval\":\"MINUTE\",\"intervalNum\":1,\"limit\":%u}",
			  a->state->weight_rule.per_min);
	if (!a->dialect->usdm)
		sim_buffer_text(b, ",{\"rateLimitType\":\"RAW_REQUESTS\",\"interval\":\"MINUTE\","
				   "\"intervalNum\":5,\"limit\":300000}");
	sim_buffer_text(b, "],\"exchangeFilters\":[],");
}

/* {"filterType":"PRICE_FILTER","minPrice":...,"maxPrice":...,"tickSize":...} and LOT_SIZE. */
static void put_filters(const struct binance_ask *a)
{
	const struct market_spec *spec = market_spec(a->world->market, a->symbol);
	struct sim_buffer *b = &a->reply->body;

	sim_buffer_text(b, ",\"filters\":[{\"filterType\":\"PRICE_FILTER\",\"minPrice\":");
	binance_put_price(b, a->dialect, spec, 1);
	sim_buffer_text(b, ",\"maxPrice\":");
	binance_put_price(b, a->dialect, spec, spec->start * 10);
	sim_buffer_text(b, ",\"tickSize\":");
	binance_put_price(b, a->dialect, spec, 1);
	sim_buffer_text(b, "},{\"filterType\":\"LOT_SIZE\",\"minQty\":");
	binance_put_quantity(b, a->dialect, spec, 1);
	sim_buffer_text(b, ",\"maxQty\":");
	binance_put_quantity(b, a->dialect, spec, spec->typical * 1000);
	sim_buffer_text(b, ",\"stepSize\":");
	binance_put_quantity(b, a->dialect, spec, 1);
	sim_buffer_text(b, "},{\"filterType\":\"");
	sim_buffer_text(b, a->dialect->usdm ? "MIN_NOTIONAL\",\"notional\":\"5\"}]"
					    : "NOTIONAL\",\"minNotional\":\"5.00000000\"}]");
}

static void put_contract(const struct binance_ask *a, const char *name, bc_str base, bc_str quote)
{
	const struct market_spec *spec = market_spec(a->world->market, a->symbol);
	struct sim_buffer *b = &a->reply->body;
	bool delivery = strchr(name, '_') != NULL;

	put_asset(b, ",\"pair\":", (bc_str){ base.p, base.n + quote.n });
	sim_buffer_printf(b,
			  ",\"contractType\":\"%s\",\"deliveryDate\":%lld,\"onboardDate\":%lld,"
			  "\"underlyingType\":\"COIN\",\"pricePrecision\":%d,"
			  "\"quantityPrecision\":%d",
			  delivery ? "CURRENT_QUARTER" : "PERPETUAL",
			  (long long)(delivery ? DELIVERY_MS : NO_DELIVERY_MS),
			  (long long)ONBOARD_MS, spec->price_exp < 0 ? -spec->price_exp : 0,
			  spec->qty_exp < 0 ? -spec->qty_exp : 0);
	put_asset(b, ",\"marginAsset\":", quote);
}

static void put_symbol(const struct binance_ask *a)
{
	const char *name = market_spec(a->world->market, a->symbol)->name;
	bool gone = market_delisted(a->world->market, a->symbol), usdm = a->dialect->usdm;
	struct sim_buffer *b = &a->reply->body;
	bc_str base, quote;

	binance_split(name, &base, &quote);
	put_asset(b, "{\"symbol\":", bc_str_of(name));
	sim_buffer_printf(b, ",\"status\":\"%s\"", !gone ? "TRADING" : usdm ? "SETTLING" : "BREAK");
	put_asset(b, ",\"baseAsset\":", base);
	put_asset(b, ",\"quoteAsset\":", quote);
	sim_buffer_printf(b, ",\"baseAssetPrecision\":%d,\"%s\":%d", ASSET_DIGITS,
			  usdm ? "quotePrecision" : "quoteAssetPrecision", ASSET_DIGITS);
	if (usdm)
		put_contract(a, name, base, quote);
	else
		sim_buffer_text(b, ",\"isSpotTradingAllowed\":true,\"permissions\":[],"
				   "\"permissionSets\":[[\"SPOT\"]]");
	put_filters(a);
	sim_buffer_char(b, '}');
}

/* ------------------------------------------------------------------ which symbols */

/* The names asked for as an array; NULL: all. False: the refusal is written. */
static bool names_of(struct binance_ask *a, json_t **out)
{
	char text[SYMBOLS_TEXT_MAX];

	*out = NULL;
	if (a->dialect->usdm)
		return true; /* it always gives all */
	if (http_query(a->r, "symbol", text, sizeof text) == BC_OK) {
		*out = json_pack("[s]", text);
		if (*out != NULL)
			return true;
	} else if (http_query(a->r, "symbols", text, sizeof text) == BC_OK) {
		*out = json_loads(text, 0, NULL);
		if (json_is_array(*out))
			return true;
		json_decref(*out);
	} else {
		return true;
	}
	binance_refuse(a->reply, 400, -1100,
		       "Illegal characters found in parameter 'symbols'; legal range is a list of "
		       "names.");
	return false;
}

static void put_named(struct binance_ask *a, const json_t *names)
{
	const json_t *name;
	size_t i;

	json_array_foreach(names, i, name)
	{
		bc_str text = { json_string_value(name), json_string_length(name) };

		if (!json_is_string(name) || !market_find(a->world->market, text, &a->symbol)) {
			binance_refuse(a->reply, 400, -1121, "Invalid symbol.");
			return;
		}
		if (i > 0)
			sim_buffer_char(&a->reply->body, ',');
		put_symbol(a);
	}
	sim_buffer_text(&a->reply->body, "]}");
}

static void put_all(struct binance_ask *a)
{
	for (a->symbol = 0; a->symbol < market_n_symbols(a->world->market); a->symbol++) {
		if (a->symbol > 0)
			sim_buffer_char(&a->reply->body, ',');
		put_symbol(a);
	}
	sim_buffer_text(&a->reply->body, "]}");
}

void binance_get_info(struct binance_ask *a)
{
	struct sim_buffer *b = &a->reply->body;
	json_t *names;

	if (!names_of(a, &names))
		return;
	sim_buffer_printf(b, "{\"timezone\":\"UTC\",\"serverTime\":%lld,",
			  (long long)binance_time(a->world, a->world->now, false));
	put_limits(a);
	sim_buffer_text(b, "\"symbols\":[");
	if (names != NULL)
		put_named(a, names);
	else
		put_all(a);
	json_decref(names);
}
