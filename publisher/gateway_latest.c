/* gateway_latest.c - the newest message of each topic in shared memory (common/latest.h). */
#include "publisher/gateway_private.h"

#include "common/latest.h"

#include <string.h>

/* Longest payload of a topic that is kept; one that is longer, such as a book whose numbers need
 * pairs, is left to the cache. */
static size_t max_payload(const struct gateway *g, bc_str text)
{
	const size_t envelope = 128, number = 9, string = 64;
	struct bc_topic topic;
	if (bc_topic_split(text, &topic) != BC_OK)
		return envelope;
	switch (bc_channel_of(topic.channel)) {
	case BC_CHANNEL_BOOK:
		return envelope + 4 * number * g->settings->outlet.levels;
	case BC_CHANNEL_BBO:
		return envelope + 4 * number;
	case BC_CHANNEL_TRADE:
		return envelope + 2 * number + string;
	case BC_CHANNEL_INSTRUMENT:
		return envelope + 3 * (string + 2 * number);
	default:
		return envelope + 8 * number;
	}
}

/* Without it everything works, only slower for those who read it. */
static void tell(struct gateway *g, const char *why)
{
	if (!g->latest_told)
		bc_log_event(g->log, BC_LOG_WARN, "latest.left-out", BC_LOG_S("why", why),
			     BC_LOG_S("effect", "readers on this machine ask the cache instead"));
	g->latest_told = true;
}

void gateway_latest_open(struct gateway *g)
{
	const struct settings *s = g->settings;
	char why[320];
	const struct bc_latest_options options = {
		.dir = g->run_dir,
		.name = s->latest_name,
		.exchange = s->outlet.exchange,
		.instance = s->outlet.instance,
		.epoch = g->epoch,
		.interval_ns = bc_config_ns(s->config, BC_KEY_HEARTBEAT_INTERVAL),
	};
	if (!s->latest)
		return;
	if (bc_latest_writer_new(&g->latest, &options, why, sizeof why) != BC_OK) {
		g->latest = NULL;
		tell(g, why);
		return;
	}
	gateway_latest_beat(g);
}

void gateway_latest_close(struct gateway *g)
{
	bc_latest_writer_free(&g->latest);
}

void gateway_latest_add(struct gateway *g, uint32_t number, bc_str topic)
{
	if (g->latest == NULL || memchr(topic.p, '@', topic.n) != NULL)
		return; /* what a gateway says of itself is for those who follow it */
	bc_status rc = bc_latest_add(g->latest, number, topic, max_payload(g, topic));
	if (rc != BC_OK)
		tell(g, rc == BC_ERANGE ? "the file has its largest size" : bc_status_text(rc));
}

void gateway_latest_remove(struct gateway *g, uint32_t number)
{
	if (g->latest != NULL)
		bc_latest_remove(g->latest, number);
}

void gateway_latest_said(void *self, bc_mono_time now, uint32_t number,
			 const struct outlet_said *said)
{
	struct gateway *g = self;
	const struct bc_latest_news news = { said->envelope, said->trade_id, said->ts_open,
					     said->payload };
	/* Up to the next heartbeat a sleep of the machine makes it older than it is. */
	now.ns += g->boot_ahead_ns;
	bc_latest_put(g->latest, now, number, &news);
}

void gateway_latest_beat(struct gateway *g)
{
	if (g->latest == NULL)
		return;
	bc_mono_time boot = bc_boot_now();
	g->boot_ahead_ns = boot.ns - bc_mono_now().ns;
	bc_latest_beat(g->latest, boot);
}

void gateway_latest_down(struct gateway *g)
{
	if (g->latest != NULL)
		bc_latest_down(g->latest);
}
