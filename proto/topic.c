#include "proto/topic.h"

#include <string.h>

#define LONGEST_CHANNEL (sizeof "instrument" - 1) /* no channel word is longer: topic_test */

/* May these bytes stand in a topic? */
static bool part_ok(bc_str part)
{
	return part.n > 0 && memchr(part.p, '\0', part.n) == NULL && bc_utf8_valid(part.p, part.n);
}

static bool exchange_ok(bc_str exchange)
{
	return part_ok(exchange) && memchr(exchange.p, '.', exchange.n) == NULL;
}

bc_status bc_topic_split(bc_str text, struct bc_topic *out)
{
	if (text.n > BC_TOPIC_MAX)
		return BC_ERANGE;
	if (!part_ok(text))
		return BC_EPARSE;
	const char *end = text.p + text.n;
	const char *first = memchr(text.p, '.', text.n);
	const char *last = memrchr(text.p, '.', text.n);
	if (first == NULL || first == text.p || last <= first + 1 || last + 1 == end)
		return BC_EPARSE;
	out->exchange = (bc_str){ text.p, (size_t)(first - text.p) };
	out->symbol = (bc_str){ first + 1, (size_t)(last - first - 1) };
	out->channel = (bc_str){ last + 1, (size_t)(end - last - 1) };
	return BC_OK;
}

/* Only gateways have a heartbeat, and nothing but a heartbeat and a state. */
static bool symbol_has_channel(bc_str symbol, enum bc_channel channel)
{
	if (symbol.p[0] == '@')
		return channel == BC_CHANNEL_HEARTBEAT || channel == BC_CHANNEL_STATE;
	return channel != BC_CHANNEL_HEARTBEAT;
}

static char *append(char *p, bc_str part)
{
	memcpy(p, part.p, part.n);
	return p + part.n;
}

bc_status bc_topic_make(bc_str exchange, bc_str symbol, enum bc_channel channel,
			enum bc_interval interval, char *out, size_t *len)
{
	if ((unsigned)channel >= BC_N_CHANNELS || !exchange_ok(exchange) || !part_ok(symbol) ||
	    !symbol_has_channel(symbol, channel))
		return BC_EPARSE;
	bc_str word = bc_str_of(bc_channel_word(channel)), suffix = BC_STR("");
	if (channel == BC_CHANNEL_CANDLE) {
		if ((unsigned)interval >= BC_N_INTERVALS)
			return BC_EPARSE;
		suffix = bc_str_of(bc_interval_word(interval));
	}
	if (exchange.n > BC_TOPIC_MAX || symbol.n > BC_TOPIC_MAX ||
	    exchange.n + symbol.n + 2 + word.n + (suffix.n > 0) + suffix.n > BC_TOPIC_MAX)
		return BC_ERANGE;
	char *p = append(out, exchange);
	*p++ = '.';
	p = append(p, symbol);
	*p++ = '.';
	p = append(p, word);
	if (suffix.n > 0) {
		*p++ = '-';
		p = append(p, suffix);
	}
	*p = '\0';
	*len = (size_t)(p - out);
	return BC_OK;
}

bc_status bc_symbol_check(bc_str exchange, bc_str symbol)
{
	if (!exchange_ok(exchange) || !part_ok(symbol) || symbol.p[0] == '@')
		return BC_EPARSE;
	if (exchange.n > BC_TOPIC_MAX || symbol.n > BC_TOPIC_MAX ||
	    exchange.n + symbol.n + 2 + LONGEST_CHANNEL > BC_TOPIC_MAX)
		return BC_ERANGE;
	return BC_OK;
}

bc_status bc_frame_split(const void *frame, size_t n, bc_str *topic, bc_str *payload)
{
	const char *bytes = frame;
	const char *nul = n > 0 ? memchr(bytes, '\0', n) : NULL;
	if (nul == NULL || nul == bytes)
		return BC_EPARSE;
	*topic = (bc_str){ bytes, (size_t)(nul - bytes) };
	*payload = (bc_str){ nul + 1, n - topic->n - 1 };
	return BC_OK;
}
