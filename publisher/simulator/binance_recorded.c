/* binance_recorded.c - what recorded frames and answers of Binance are. */
#include "publisher/simulator/binance.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The stream an event belongs to, where its envelope does not say. */
static const struct {
	const char *event, *type;
} types[] = {
	{ "depthUpdate", "depth" },     { "aggTrade", "aggTrade" },
	{ "trade", "trade" },           { "bookTicker", "bookTicker" },
	{ "24hrTicker", "ticker" },     { "24hrMiniTicker", "miniTicker" },
	{ "kline", "kline_" },          { "markPriceUpdate", "markPrice" },
	{ "forceOrder", "forceOrder" },
};

/* False: an event without a name is a bookTicker of spot, or nothing we know. */
static const char *type_of(const json_t *data)
{
	const char *event = json_string_value(json_object_get(data, "e"));

	if (event == NULL)
		return json_object_get(data, "B") != NULL ? "bookTicker" : NULL;
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (strcmp(types[i].event, event) == 0)
			return types[i].type;
	return NULL;
}

/* "BTCUSDT" and its event give "btcusdt@depth". */
static bool make_name(const json_t *data, const char *symbol, char out[SIM_STREAM_NAME])
{
	const char *type = type_of(data);
	const char *interval = json_string_value(json_object_get(json_object_get(data, "k"), "i"));
	int n;

	if (type == NULL)
		return false;
	n = snprintf(out, SIM_STREAM_NAME, "%s@%s%s", symbol, type,
		     interval != NULL ? interval : "");
	for (char *c = out; *c != '@'; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c - 'A' + 'a');
	return n < SIM_STREAM_NAME;
}

static bool read_frame(const json_t *root, struct sim_frame *out)
{
	const json_t *data = json_object_get(root, "data");
	const char *stream = json_string_value(json_object_get(root, "stream"));
	const char *symbol, *event;

	if (data == NULL)
		data = root;
	symbol = json_string_value(json_object_get(data, "s"));
	if (symbol == NULL)
		symbol = json_string_value(json_object_get(json_object_get(data, "o"), "s"));
	if (symbol == NULL || strlen(symbol) >= sizeof out->symbol)
		symbol = "";
	strcpy(out->symbol, symbol);
	event = json_string_value(json_object_get(data, "e"));
	out->last_id = event != NULL && strcmp(event, "depthUpdate") == 0
			       ? (uint64_t)json_integer_value(json_object_get(data, "u"))
			       : 0;
	if (stream == NULL)
		return symbol[0] != '\0' && make_name(data, symbol, out->stream);
	if (strlen(stream) >= sizeof out->stream)
		return false;
	strcpy(out->stream, stream);
	/* USD-M: the top of a book looks like a change of it. */
	if (strstr(stream, "@depth") != NULL && strstr(stream, "@depth")[6] != '@' &&
	    strstr(stream, "@depth")[6] != '\0')
		out->last_id = 0;
	return true;
}

bool binance_frame_of(bc_str frame, struct sim_frame *out)
{
	json_t *root = json_loadb(frame.p, frame.n, 0, NULL);
	bool good = json_is_object(root) && read_frame(root, out);

	json_decref(root);
	return good;
}

bool binance_body_id(bc_str body, uint64_t *id)
{
	json_t *root = json_loadb(body.p, body.n, 0, NULL);
	const json_t *value = json_object_get(root, "lastUpdateId");
	bool good = json_is_integer(value);

	if (good)
		*id = (uint64_t)json_integer_value(value);
	json_decref(root);
	return good;
}

/* ------------------------------------------------------------------ the answer */

static void cut(json_t *levels, size_t n)
{
	while (json_array_size(levels) > n)
		json_array_remove(levels, json_array_size(levels) - 1);
}

/* Did it reach its limit, so that there may be more? */
static bool is_full(bc_str body, int64_t limit)
{
	json_t *root = json_loadb(body.p, body.n, 0, NULL);
	bool full = json_array_size(json_object_get(root, "bids")) >= (size_t)limit ||
		    json_array_size(json_object_get(root, "asks")) >= (size_t)limit;

	json_decref(root);
	return full;
}

/* The recorded book with as many levels as were asked for. */
static void write_cut(struct binance_ask *a, bc_str body)
{
	json_t *root = json_loadb(body.p, body.n, 0, NULL);
	char *text;

	cut(json_object_get(root, "bids"), (size_t)a->limit);
	cut(json_object_get(root, "asks"), (size_t)a->limit);
	text = json_dumps(root, JSON_COMPACT);
	sim_buffer_text(&a->reply->body, text != NULL ? text : "");
	free(text);
	json_decref(root);
}

void binance_recorded_depth(struct binance_ask *a)
{
	const struct sim_recorded *recorded = a->world->recorded;
	const char *symbol = market_spec(a->world->market, a->symbol)->name;
	bc_str body;
	int64_t limit;

	if (recorded == NULL || !recorded->book(recorded->self, bc_str_of(symbol), &body, &limit))
		binance_refuse(a->reply, 503, -1000, "no snapshot at this place of the capture");
	else if (a->limit < limit)
		write_cut(a, body);
	else if (a->limit == limit || !is_full(body, limit))
		sim_buffer_str(&a->reply->body, body);
	else
		binance_refuse(a->reply, 503, -1000,
			       "this capture holds no snapshot of so many levels");
}
