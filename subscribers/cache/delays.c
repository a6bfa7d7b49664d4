#include "subscribers/cache/delays.h"

#include <stdlib.h>
#include <string.h>

/* Twice as many places as gateways: a search ends soon. */
enum { MAX_GATEWAYS = 256, PLACES = 2 * MAX_GATEWAYS };

struct of_gateway {
	uint64_t epoch;
	char exchange[BC_GATEWAY_NAME_MAX];
	struct bc_latency latency;
};

struct cache_delays {
	struct bc_histogram all;
	struct of_gateway *places[PLACES]; /* by epoch */
	size_t n;
};

struct cache_delays *cache_delays_new(void)
{
	return calloc(1, sizeof(struct cache_delays));
}

void cache_delays_free(struct cache_delays **delays)
{
	if (*delays == NULL)
		return;
	for (size_t i = 0; i < PLACES; i++)
		free((*delays)->places[i]);
	free(*delays);
	*delays = NULL;
}

/* Where it is, or belongs. */
static struct of_gateway **place_of(struct of_gateway **places, uint64_t epoch,
				    const char *exchange)
{
	size_t i = (size_t)((epoch * UINT64_C(0x9e3779b97f4a7c15)) >> 32) % PLACES;
	while (places[i] != NULL &&
	       (places[i]->epoch != epoch || strcmp(places[i]->exchange, exchange) != 0))
		i = (i + 1) % PLACES;
	return &places[i];
}

static struct of_gateway *add(struct cache_delays *d, struct of_gateway **place,
			      const struct bc_gateway *gateway, bc_mono_time now)
{
	if (d->n == MAX_GATEWAYS || (*place = calloc(1, sizeof **place)) == NULL)
		return NULL;
	d->n++;
	(*place)->epoch = gateway->epoch;
	memcpy((*place)->exchange, gateway->exchange, sizeof gateway->exchange);
	bc_latency_turn(&(*place)->latency, now);
	return *place;
}

void cache_delays_take(struct cache_delays *d, const struct bc_gateway *gateway,
		       const struct bc_envelope *e, bc_wall_time received, bc_mono_time now)
{
	const int64_t delay = received.ns - e->ts_publish.ns;
	if ((e->flags & BC_FLAG_WELCOME) != 0)
		return;
	struct of_gateway **place = place_of(d->places, gateway->epoch, gateway->exchange);
	struct of_gateway *g = *place != NULL ? *place : add(d, place, gateway, now);
	bc_histogram_record(&d->all, delay);
	if (g != NULL)
		bc_latency_record(&g->latency, delay);
}

static bool is_there(const struct bc_gateways *set, const struct of_gateway *g)
{
	for (size_t i = 0; i < bc_gateways_count(set); i++) {
		const struct bc_gateway *known = bc_gateways_at(set, i);
		if (known->epoch == g->epoch && !known->replaced &&
		    strcmp(known->exchange, g->exchange) == 0)
			return true;
	}
	return false;
}

void cache_delays_turn(struct cache_delays *d, const struct bc_gateways *gateways, bc_mono_time now)
{
	struct of_gateway *kept[PLACES] = { NULL };
	for (size_t i = 0; i < PLACES; i++) {
		struct of_gateway *g = d->places[i];
		if (g == NULL)
			continue;
		if (is_there(gateways, g)) {
			bc_latency_turn(&g->latency, now);
			*place_of(kept, g->epoch, g->exchange) = g;
		} else {
			free(g);
			d->n--;
		}
	}
	memcpy((void *)d->places, (void *)kept, sizeof kept);
}

bool cache_delays_recent(const struct cache_delays *d, const struct bc_gateway *gateway,
			 bc_mono_time now, struct bc_hop *out)
{
	struct bc_tally recent = { .count = 0 };
	const struct of_gateway *g =
		*place_of((struct of_gateway **)d->places, gateway->epoch, gateway->exchange);
	if (g == NULL)
		return false;
	out->window_ns = bc_latency_recent(&g->latency, now, &recent);
	out->quantiles = bc_tally_quantiles(&recent);
	return true;
}

const struct bc_histogram *cache_delays_all(const struct cache_delays *d)
{
	return &d->all;
}
