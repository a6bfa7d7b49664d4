// What a user of simdjson's on-demand interface would write for these messages, and fast: objects
// are walked once, keys told apart by their letters, numbers read from their text in place.
#include "bench/simdjson.h"

#include <simdjson.h>

#include <cstring>
#include <string_view>
#include <utility>

using namespace simdjson;

namespace
{

ondemand::parser parser;

/* The bytes of a key, which ends in '"'. */
const char *letters(ondemand::field &field)
{
	return field.key().raw();
}

bool is(const char *key, const char *word)
{
	size_t n = std::strlen(word); // known when it is compiled
	return std::memcmp(key, word, n) == 0 && key[n] == '"';
}

bool number(ondemand::value value, bc_decimal *out)
{
	std::string_view token = value.raw_json_token();
	decoded_decimal(token.data(), out);
	return true;
}

bool quoted(ondemand::value value, bc_decimal *out)
{
	std::string_view token = value.raw_json_token();
	if (token[0] != '"')
		return false;
	decoded_decimal(token.data() + 1, out);
	return true;
}

bool whole(ondemand::value value, uint64_t *out)
{
	return value.get_uint64().get(*out) == SUCCESS;
}

bool time_ms(ondemand::value value, int64_t *out)
{
	return value.get_int64().get(*out) == SUCCESS;
}

/* The text between the quotes, in place. */
bool text(ondemand::value value, bc_str *out)
{
	std::string_view token = value.raw_json_token();
	size_t end = token.rfind('"');
	if (token[0] != '"' || end == 0)
		return false;
	*out = bc_str{ token.data() + 1, end - 1 };
	return true;
}

/* The digits of a whole number, as text. */
bool digits(ondemand::value value, bc_str *out)
{
	std::string_view token = value.raw_json_token();
	size_t n = 0;
	while (n < token.size() && token[n] >= '0' && token[n] <= '9')
		n++;
	*out = bc_str{ token.data(), n };
	return n > 0;
}

// ------------------------------------------------------------------ Upbit

void add_level(bc_level *side, uint32_t *n, const bc_decimal &price, const bc_decimal &quantity)
{
	side[*n] = bc_level{ price, quantity };
	*n += price.mantissa != 0 && quantity.mantissa != 0; // else it is padding
}

bool upbit_unit(ondemand::object unit, bool simple, struct decoded *out)
{
	bc_decimal ask{}, bid{}, asks{}, bids{};
	for (auto each : unit) {
		ondemand::field field;
		if (std::move(each).get(field))
			return false;
		const char *key = letters(field);
		bool price = simple ? key[1] == 'p' : key[4] == 'p';
		bc_decimal *where = key[0] == 'a' ? price ? &ask : &asks : price ? &bid : &bids;
		if (!number(field.value(), where))
			return false;
	}
	if (out->n_asks == DECODED_LEVELS)
		return false;
	add_level(out->asks, &out->n_asks, ask, asks);
	add_level(out->bids, &out->n_bids, bid, bids);
	return true;
}

bool upbit_units(ondemand::value value, bool simple, struct decoded *out)
{
	ondemand::array units;
	if (value.get_array().get(units))
		return false;
	for (auto each : units) {
		ondemand::object unit;
		if (std::move(each).get_object().get(unit) || !upbit_unit(unit, simple, out))
			return false;
	}
	return true;
}

bool upbit_book(ondemand::object object, bool simple, struct decoded *out)
{
	out->kind = DECODED_BOOK;
	for (auto each : object) {
		ondemand::field field;
		if (std::move(each).get(field))
			return false;
		const char *key = letters(field);
		bool good = true;
		if (is(key, simple ? "obu" : "orderbook_units"))
			good = upbit_units(field.value(), simple, out);
		else if (is(key, simple ? "cd" : "code"))
			good = text(field.value(), &out->symbol);
		else if (is(key, simple ? "tms" : "timestamp"))
			good = time_ms(field.value(), &out->time_ms);
		if (!good)
			return false;
	}
	return true;
}

bool upbit_trade(ondemand::object object, bool simple, struct decoded *out)
{
	bc_str side{};
	out->kind = DECODED_TRADE;
	for (auto each : object) {
		ondemand::field field;
		if (std::move(each).get(field))
			return false;
		const char *key = letters(field);
		bool good = true;
		if (is(key, simple ? "cd" : "code"))
			good = text(field.value(), &out->symbol);
		else if (is(key, simple ? "tms" : "timestamp"))
			good = time_ms(field.value(), &out->time_ms);
		else if (is(key, simple ? "tp" : "trade_price"))
			good = number(field.value(), &out->values[0]);
		else if (is(key, simple ? "tv" : "trade_volume"))
			good = number(field.value(), &out->values[1]);
		else if (is(key, simple ? "ab" : "ask_bid"))
			good = text(field.value(), &side);
		else if (is(key, simple ? "sid" : "sequential_id"))
			good = digits(field.value(), &out->id);
		if (!good)
			return false;
	}
	out->sell = side.n > 0 && side.p[0] == 'A';
	return true;
}

bool upbit_ticker(ondemand::object object, struct decoded *out)
{
	out->kind = DECODED_TICKER;
	for (auto each : object) {
		ondemand::field field;
		if (std::move(each).get(field))
			return false;
		const char *key = letters(field);
		bool good = true;
		if (is(key, "code"))
			good = text(field.value(), &out->symbol);
		else if (is(key, "timestamp"))
			good = time_ms(field.value(), &out->time_ms);
		else if (is(key, "trade_price"))
			good = number(field.value(), &out->values[0]);
		else if (is(key, "opening_price"))
			good = number(field.value(), &out->values[1]);
		else if (is(key, "high_price"))
			good = number(field.value(), &out->values[2]);
		else if (is(key, "low_price"))
			good = number(field.value(), &out->values[3]);
		else if (is(key, "acc_trade_volume_24h"))
			good = number(field.value(), &out->values[4]);
		else if (is(key, "acc_trade_price_24h"))
			good = number(field.value(), &out->values[5]);
		else if (is(key, "signed_change_price"))
			good = number(field.value(), &out->values[6]);
		if (!good)
			return false;
	}
	return true;
}

// ------------------------------------------------------------------ Binance

bool side(ondemand::value value, bc_level *levels, uint32_t *n_levels)
{
	ondemand::array list;
	uint32_t n = 0;
	if (value.get_array().get(list))
		return false;
	for (auto each : list) {
		ondemand::array pair;
		bc_decimal *where = &levels[n].price;
		if (n == DECODED_LEVELS || std::move(each).get_array().get(pair))
			return false;
		for (auto part : pair) {
			ondemand::value token;
			if (where == nullptr || std::move(part).get(token) || !quoted(token, where))
				return false;
			where = where == &levels[n].price ? &levels[n].quantity : nullptr;
		}
		n++;
	}
	*n_levels = n;
	return true;
}

bool partial(ondemand::object data, struct decoded *out)
{
	out->kind = DECODED_BOOK;
	for (auto each : data) {
		ondemand::field field;
		if (std::move(each).get(field))
			return false;
		const char *key = letters(field);
		bool good = true;
		switch (key[0]) {
		case 'l':
			good = whole(field.value(), &out->seq[1]);
			break;
		case 'b':
			good = side(field.value(), out->bids, &out->n_bids);
			break;
		case 'a':
			good = side(field.value(), out->asks, &out->n_asks);
			break;
		}
		if (!good)
			return false;
	}
	return true;
}

bool change(ondemand::object data, struct decoded *out)
{
	out->kind = DECODED_CHANGE;
	for (auto each : data) {
		ondemand::field field;
		if (std::move(each).get(field))
			return false;
		const char *key = letters(field);
		bool good = true;
		switch (key[1] == '"' ? key[0] : key[0] == 'p' && key[1] == 'u' ? 'P' : 0) {
		case 'E':
			good = time_ms(field.value(), &out->time_ms);
			break;
		case 's':
			good = text(field.value(), &out->symbol);
			break;
		case 'U':
			good = whole(field.value(), &out->seq[0]);
			break;
		case 'u':
			good = whole(field.value(), &out->seq[1]);
			break;
		case 'P':
			good = whole(field.value(), &out->seq[2]);
			break;
		case 'b':
			good = side(field.value(), out->bids, &out->n_bids);
			break;
		case 'a':
			good = side(field.value(), out->asks, &out->n_asks);
			break;
		}
		if (!good)
			return false;
	}
	return true;
}

bool trade(ondemand::object data, char id, struct decoded *out)
{
	out->kind = DECODED_TRADE;
	for (auto each : data) {
		ondemand::field field;
		if (std::move(each).get(field))
			return false;
		const char *key = letters(field);
		bool good = true;
		if (key[1] != '"')
			continue;
		if (key[0] == id)
			good = digits(field.value(), &out->id);
		else if (key[0] == 's')
			good = text(field.value(), &out->symbol);
		else if (key[0] == 'T')
			good = time_ms(field.value(), &out->time_ms);
		else if (key[0] == 'p')
			good = quoted(field.value(), &out->values[0]);
		else if (key[0] == 'q')
			good = quoted(field.value(), &out->values[1]);
		else if (key[0] == 'm')
			good = field.value().get_bool().get(out->sell) == SUCCESS;
		if (!good)
			return false;
	}
	if (out->values[0].mantissa == 0 && out->values[1].mantissa == 0)
		out->kind =
			DECODED_NOTHING; // the raw stream of USD-M has entries that are no trades
	return true;
}

bool bbo(ondemand::object data, struct decoded *out)
{
	out->kind = DECODED_BOOK;
	for (auto each : data) {
		ondemand::field field;
		if (std::move(each).get(field))
			return false;
		const char *key = letters(field);
		bool good = true;
		switch (key[1] == '"' ? key[0] : 0) {
		case 'u':
			good = whole(field.value(), &out->seq[1]);
			break;
		case 's':
			good = text(field.value(), &out->symbol);
			break;
		case 'b':
			good = quoted(field.value(), &out->bids[0].price);
			break;
		case 'B':
			good = quoted(field.value(), &out->bids[0].quantity);
			break;
		case 'a':
			good = quoted(field.value(), &out->asks[0].price);
			break;
		case 'A':
			good = quoted(field.value(), &out->asks[0].quantity);
			break;
		case 'E':
			good = time_ms(field.value(), &out->time_ms);
			break;
		}
		if (!good)
			return false;
	}
	out->n_bids = out->bids[0].price.mantissa != 0 && out->bids[0].quantity.mantissa != 0;
	out->n_asks = out->asks[0].price.mantissa != 0 && out->asks[0].quantity.mantissa != 0;
	return true;
}

bool starts(std::string_view text_, const char *word)
{
	return text_.substr(0, std::strlen(word)) == word;
}

void begin(struct decoded *out)
{
	out->kind = DECODED_NOTHING;
	out->n_bids = out->n_asks = 0;
	out->time_ms = -1;
	out->seq[0] = out->seq[1] = out->seq[2] = 0;
}

} // namespace

extern "C" const char *bench_simdjson_version(void)
{
	return BENCH_SIMDJSON; // pkg-config's
}

extern "C" bool bench_simdjson_built(void)
{
	return true;
}

extern "C" bool bench_simdjson_upbit(const char *bytes, size_t n, struct decoded *out)
{
	ondemand::document document;
	ondemand::object object;
	std::string_view type;
	bool simple = n > 5 && bytes[4] == '"'; // {"ty"

	begin(out);
	if (parser.iterate(bytes, n, n + SIMDJSON_PADDING).get(document) ||
	    document.get_object().get(object) ||
	    object[simple ? "ty" : "type"].get_string().get(type) || object.reset().error())
		return false;
	if (type == "orderbook")
		return simple ? upbit_book(object, true, out) : upbit_book(object, false, out);
	if (type == "trade")
		return upbit_trade(object, simple, out);
	return type == "ticker" && !simple && upbit_ticker(object, out);
}

extern "C" bool bench_simdjson_binance(const char *bytes, size_t n, struct decoded *out)
{
	ondemand::document document;
	ondemand::object object, data;
	std::string_view stream;

	begin(out);
	if (parser.iterate(bytes, n, n + SIMDJSON_PADDING).get(document) ||
	    document.get_object().get(object) || object["stream"].get_string().get(stream) ||
	    object["data"].get_object().get(data))
		return false;
	size_t at = stream.find('@');
	if (at == std::string_view::npos)
		return false;
	std::string_view word = stream.substr(at + 1);
	if (word == "depth" || starts(word, "depth@"))
		return change(data, out);
	if (starts(word, "bookTicker"))
		return bbo(data, out);
	if (starts(word, "aggTrade"))
		return trade(data, 'a', out);
	if (starts(word, "trade"))
		return trade(data, 't', out);
	if (!starts(word, "depth"))
		return false;
	out->symbol = bc_str{ bytes + sizeof("{\"stream\":\"") - 1, at };
	return partial(data, out);
}
