/* What splits is made of its parts again; what is made splits; a frame falls into its halves. */
#include "proto/topic.h"

#include <stdlib.h>
#include <string.h>

static void demand(bool ok)
{
	if (!ok)
		abort();
}

static void check_parts(bc_str text, const struct bc_topic *t)
{
	char made[BC_TOPIC_MAX + 1];
	size_t n;
	demand(t->exchange.n > 0 && t->symbol.n > 0 && t->channel.n > 0);
	demand(t->exchange.n + t->symbol.n + t->channel.n + 2 == text.n);
	demand(memchr(t->exchange.p, '.', t->exchange.n) == NULL);
	demand(memchr(t->channel.p, '.', t->channel.n) == NULL);
	int channel = bc_channel_of(t->channel);
	if (channel < 0)
		return;
	bc_str interval = { t->channel.p, t->channel.n };
	if (channel == BC_CHANNEL_CANDLE) {
		interval.p += strlen("candle-");
		interval.n -= strlen("candle-");
	}
	int number = bc_interval_of(interval);
	bc_status rc = bc_topic_make(t->exchange, t->symbol, (enum bc_channel)channel,
				     (enum bc_interval)(number < 0 ? 0 : number), made, &n);
	if (rc == BC_OK)
		demand(bc_str_equal(text, (bc_str){ made, n }) && made[n] == '\0');
	else
		demand(rc == BC_EPARSE &&
		       (t->symbol.p[0] == '@') != (channel == BC_CHANNEL_HEARTBEAT));
	if (bc_symbol_check(t->exchange, t->symbol) == BC_OK && channel != BC_CHANNEL_HEARTBEAT)
		demand(rc == BC_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	bc_str text = { (const char *)data, size }, topic, payload;
	struct bc_topic parts;
	if (bc_topic_split(text, &parts) == BC_OK)
		check_parts(text, &parts);
	if (bc_frame_split(data, size, &topic, &payload) == BC_OK) {
		demand(topic.n > 0 && topic.n + 1 + payload.n == size);
		demand(memchr(topic.p, '\0', topic.n) == NULL);
		if (bc_topic_split(topic, &parts) == BC_OK)
			check_parts(topic, &parts);
	}
	return 0;
}
