/* binance_weight.c - what requests cost, and what happens to who does not keep to it: 429 until
 * the minute is over, and for asking on all the same, 418 for longer. */
#include "publisher/simulator/binance.h"

#include <stdio.h>

#define MINUTE_NS (60 * BC_NS_PER_S)
#define FORGIVEN  3
#define BAN_NS    (120 * BC_NS_PER_S)

void binance_weight_init(struct binance_state *s)
{
	s->weight_rule.per_min = s->dialect->weight_per_min;
	s->weight_rule.minute_ns = MINUTE_NS;
	s->weight_rule.forgiven = FORGIVEN;
	s->weight_rule.ban_ns = BAN_NS;
}

static bool block(struct sim_reply *reply, int status, const char *message, int64_t left_ns)
{
	sim_buffer_printf(&reply->headers, "Retry-After: %lld\r\n",
			  (long long)((left_ns + BC_NS_PER_S - 1) / BC_NS_PER_S));
	binance_refuse(reply, status, -1003, message);
	return false;
}

static bool banned(struct binance_state *s, int64_t now, struct sim_reply *reply)
{
	char text[160];

	if (now >= s->banned_until_ns)
		return false;
	snprintf(text, sizeof text,
		 "Way too much request weight used; IP banned for another %lld ms.",
		 (long long)((s->banned_until_ns - now) / BC_NS_PER_MS));
	block(reply, 418, text, s->banned_until_ns - now);
	return true;
}

static bool too_much(struct binance_state *s, int64_t now, struct sim_reply *reply)
{
	char text[160];

	snprintf(text, sizeof text,
		 "Too much request weight used; current limit is %u request weight per 1 MINUTE.",
		 s->weight_rule.per_min);
	return block(reply, 429, text, s->blocked_until_ns - now);
}

/* Whoever goes on during a 429 is banned. */
static bool refuse_again(struct binance_state *s, int64_t now, struct sim_reply *reply)
{
	s->weight_count.ignored++;
	if (s->ignored++ < s->weight_rule.forgiven)
		return too_much(s, now, reply);
	s->weight_count.bans++;
	s->banned_until_ns = now + s->weight_rule.ban_ns;
	s->ignored = 0;
	banned(s, now, reply);
	return false;
}

void binance_put_status(const void *state, struct sim_buffer *out)
{
	const struct binance_state *s = state;

	sim_buffer_printf(out, ",\"weight_used\":%llu,\"limits\":%llu,\"bans\":%llu",
			  (unsigned long long)s->used, (unsigned long long)s->weight_count.limits,
			  (unsigned long long)s->weight_count.bans);
	sim_buffer_printf(out, ",\"ignored\":%llu", (unsigned long long)s->weight_count.ignored);
}

bool binance_weigh(struct binance_state *s, const struct sim_world *world, uint32_t weight,
		   struct sim_reply *reply)
{
	int64_t now = world->mono.ns, length = s->weight_rule.minute_ns;
	int64_t minute = world->now.ns / length;

	ledger_count(world->ledger, LEDGER_WEIGHT, NULL, weight);
	if (minute != s->minute && !s->used_is_set)
		s->used = 0;
	s->minute = minute;
	s->used_is_set = false;
	if (banned(s, now, reply)) {
		s->weight_count.ignored++;
		return false;
	}
	if (now < s->blocked_until_ns)
		return refuse_again(s, now, reply);
	s->used += weight;
	sim_buffer_printf(&reply->headers,
			  "X-MBX-USED-WEIGHT: %llu\r\nX-MBX-USED-WEIGHT-1M: %llu\r\n",
			  (unsigned long long)s->used, (unsigned long long)s->used);
	if (s->used <= s->weight_rule.per_min || world->forgiving)
		return true;
	s->ignored = 0;
	s->weight_count.limits++;
	s->blocked_until_ns = now + (minute + 1) * length - world->now.ns;
	return too_much(s, now, reply);
}
