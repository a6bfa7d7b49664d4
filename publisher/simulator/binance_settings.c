/* binance_settings.c - what tests may change of the exchange's behaviour, and back. */
#include "publisher/simulator/binance.h"

#include <stdlib.h>
#include <string.h>

#define LIFE_NS (24 * 3600 * BC_NS_PER_S)

void binance_settings_reset(struct binance_state *s)
{
	const struct binance_dialect *d = s->dialect;

	s->messages_per_s = d->messages_per_s;
	s->ping_ns = d->ping_ns;
	s->pong_ns = d->pong_ns;
	s->life_ns = LIFE_NS;
	s->flat_errors = false;
	memset(s->silent, 0, sizeof s->silent);
	binance_weight_init(s);
}

/* ------------------------------------------------------------------ one setting each */

static void set_weight(struct binance_state *s, double value)
{
	s->weight_rule.per_min = (uint32_t)value;
}

static void set_minute(struct binance_state *s, double value)
{
	s->weight_rule.minute_ns = (int64_t)(value * (double)BC_NS_PER_S);
}

static void set_used(struct binance_state *s, double value)
{
	s->used = (uint64_t)value;
	s->used_is_set = true;
}

static void set_forgiven(struct binance_state *s, double value)
{
	s->weight_rule.forgiven = (uint32_t)value;
}

static void set_ban(struct binance_state *s, double value)
{
	s->weight_rule.ban_ns = (int64_t)(value * (double)BC_NS_PER_S);
}

static void set_messages(struct binance_state *s, double value)
{
	s->messages_per_s = (uint32_t)value;
}

static void set_ping(struct binance_state *s, double value)
{
	s->ping_ns = (int64_t)(value * (double)BC_NS_PER_S);
}

static void set_pong(struct binance_state *s, double value)
{
	s->pong_ns = (int64_t)(value * (double)BC_NS_PER_S);
}

static void set_life(struct binance_state *s, double value)
{
	s->life_ns = (int64_t)(value * (double)BC_NS_PER_S);
}

static void set_flat_errors(struct binance_state *s, double value)
{
	s->flat_errors = value > 0;
}

static void set_silent_legacy(struct binance_state *s, double value)
{
	s->silent[BINANCE_LEGACY] = value > 0;
}

static void set_silent_public(struct binance_state *s, double value)
{
	s->silent[BINANCE_PUBLIC] = value > 0;
}

static void set_silent_market(struct binance_state *s, double value)
{
	s->silent[BINANCE_MARKET] = value > 0;
}

static const struct setting {
	const char *name;
	double low, high;
	void (*set)(struct binance_state *s, double value);
} settings[] = {
	{ "weight", 1, 1e9, set_weight },     /* a minute */
	{ "minute", 1, 60, set_minute },      /* seconds */
	{ "used", 0, 1e9, set_used },         /* of it, in this minute */
	{ "forgiven", 0, 1e6, set_forgiven }, /* requests after a 429 before the ban */
	{ "ban", 1, 1e6, set_ban },           /* seconds */
	{ "messages", 1, SIM_LIMIT_MAX, set_messages },
	{ "ping", 0.01, 1e6, set_ping }, /* seconds */
	{ "pong", 0.01, 1e6, set_pong },
	{ "life", 0.01, 1e6, set_life },
	{ "flat-errors", 0, 1, set_flat_errors },
	{ "silent-legacy", 0, 1, set_silent_legacy },
	{ "silent-public", 0, 1, set_silent_public },
	{ "silent-market", 0, 1, set_silent_market },
};

const char *binance_set(void *state, const char *name, double value)
{
	if (name == NULL) {
		binance_settings_reset(state);
		return NULL;
	}
	for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
		if (strcmp(settings[i].name, name) != 0)
			continue;
		if (!(value >= settings[i].low && value <= settings[i].high))
			return "the value is out of bounds";
		settings[i].set(state, value);
		return NULL;
	}
	return "set must be weight, minute, used, forgiven, ban, messages, ping, pong, life, "
	       "flat-errors, "
	       "silent-legacy, silent-public or silent-market";
}
