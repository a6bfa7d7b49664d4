/* Who serves what of an exchange: shards that are missing, symbols that nobody has (orphans) or
 * that several shards have (doubles), and gateways of one shard, which are its lines.
 *
 * A symbol is wanted if a gateway that is alive says so (symbols_wanted in its heartbeat counts
 * those of all shards); which ones have no owner is known as far as a gateway that is gone listed
 * them once. */
#include "subscribers/cache/reports.h"

#include "common/text.h"

#include <string.h>

enum { MAX_NAMES = 100, MAX_SHARDS = 1024 };

struct ownership {
	const struct bc_gateways *set;
	const char *exchange;
	bc_mono_time now;
	size_t n_alive;
	uint32_t count; /* shards, as the first gateway that is alive says */
	bool mixed;     /* others say otherwise */
	bool weights_mixed;
	uint64_t wanted, leaving, listed, doubles, orphans;
	uint32_t n_missing, first_missing;
	bool look_for_doubles; /* half of the work, and not for every second */
};

static bool counter(const struct bc_gateway *g, const char *name, uint64_t *value)
{
	for (uint32_t i = 0; i < g->details.n_counters; i++) {
		if (strcmp(g->details.counters[i].name, name) == 0) {
			*value = g->details.counters[i].value;
			return true;
		}
	}
	return false;
}

static bool alive(const struct ownership *o, const struct bc_gateway *g)
{
	return strcmp(g->exchange, o->exchange) == 0 && g->has_details &&
	       !bc_gateway_gone(g, o->now);
}

static bool same_shard(const struct bc_gateway *a, const struct bc_gateway *b)
{
	return a->details.shard_index == b->details.shard_index &&
	       a->details.shard_count == b->details.shard_count;
}

/* ------------------------------------------------------------------ looking */

static void look_at_gateways(struct ownership *o)
{
	uint64_t weights = 0;
	for (size_t i = 0; i < bc_gateways_count(o->set); i++) {
		const struct bc_gateway *g = bc_gateways_at(o->set, i);
		uint64_t wanted = 0, leaving = 0, mark = 0;
		if (!alive(o, g))
			continue;
		counter(g, "symbols_wanted", &wanted);
		counter(g, "symbols_leaving", &leaving);
		counter(g, "shard_weights", &mark);
		if (o->n_alive++ == 0) {
			o->count = g->details.shard_count;
			weights = mark;
		}
		o->mixed = o->mixed || o->count != g->details.shard_count;
		o->weights_mixed = o->weights_mixed || weights != mark;
		o->wanted = wanted > o->wanted ? wanted : o->wanted;
		o->leaving += leaving;
	}
}

static bool shard_alive(const struct ownership *o, uint32_t shard)
{
	for (size_t i = 0; i < bc_gateways_count(o->set); i++) {
		const struct bc_gateway *g = bc_gateways_at(o->set, i);
		if (alive(o, g) && g->details.shard_index == shard &&
		    g->details.shard_count == o->count)
			return true;
	}
	return false;
}

static void look_at_shards(struct ownership *o)
{
	uint32_t n = o->count < MAX_SHARDS ? o->count : MAX_SHARDS;
	for (uint32_t k = 0; k < n && !o->mixed; k++) {
		if (shard_alive(o, k))
			continue;
		o->first_missing = o->n_missing == 0 ? k : o->first_missing;
		o->n_missing++;
	}
}

/* Does one that is alive list it, of those before `end`? */
static bool listed(const struct ownership *o, size_t end, bc_str symbol)
{
	for (size_t i = 0; i < end; i++) {
		const struct bc_gateway *g = bc_gateways_at(o->set, i);
		if (alive(o, g) && bc_gateway_lists(g, symbol))
			return true;
	}
	return false;
}

static bool listed_by_another_shard(const struct ownership *o, size_t i, bc_str symbol)
{
	const struct bc_gateway *g = bc_gateways_at(o->set, i);
	for (size_t k = i + 1; k < bc_gateways_count(o->set); k++) {
		const struct bc_gateway *other = bc_gateways_at(o->set, k);
		if (alive(o, other) && !same_shard(g, other) && bc_gateway_lists(other, symbol))
			return true;
	}
	return false;
}

/* Calls `fn` for each symbol of those that are alive, once, and says whether it is a double. */
typedef void each_fn(struct ownership *o, bc_str symbol, bool twice, struct bc_json_writer *w);

static void each_listed(struct ownership *o, each_fn *fn, struct bc_json_writer *w)
{
	for (size_t i = 0; i < bc_gateways_count(o->set); i++) {
		const struct bc_gateway *g = bc_gateways_at(o->set, i);
		for (uint32_t k = 0; alive(o, g) && k < g->n_symbols; k++) {
			bc_str symbol = g->symbols[k];
			if (!listed(o, i, symbol))
				fn(o, symbol,
				   o->look_for_doubles && listed_by_another_shard(o, i, symbol), w);
		}
	}
}

static void count_listed(struct ownership *o, bc_str symbol, bool twice, struct bc_json_writer *w)
{
	(void)symbol;
	(void)w;
	o->listed++;
	o->doubles += twice;
}

static struct ownership look(const struct bc_gateways *set, const char *exchange, bc_mono_time now,
			     bool doubles)
{
	struct ownership o = {
		.set = set, .exchange = exchange, .now = now, .look_for_doubles = doubles
	};
	look_at_gateways(&o);
	look_at_shards(&o);
	each_listed(&o, count_listed, NULL);
	o.orphans = o.n_alive > 0 && o.wanted > o.listed ? o.wanted - o.listed : 0;
	return o;
}

/* ------------------------------------------------------------------ saying it */

static void put_double(struct ownership *o, bc_str symbol, bool twice, struct bc_json_writer *w)
{
	if (twice && o->doubles++ < MAX_NAMES)
		bc_json_string(w, symbol);
}

/* What those that are gone listed last and nobody lists now; each once. */
static void put_orphans(const struct ownership *o, struct bc_json_writer *w)
{
	size_t n = 0, limit = o->orphans < MAX_NAMES ? (size_t)o->orphans : MAX_NAMES;
	for (size_t i = 0; i < bc_gateways_count(o->set); i++) {
		const struct bc_gateway *g = bc_gateways_at(o->set, i);
		if (strcmp(g->exchange, o->exchange) != 0 || alive(o, g))
			continue;
		for (uint32_t k = 0; k < g->n_symbols && n < limit; k++) {
			bool told = listed(o, bc_gateways_count(o->set), g->symbols[k]);
			for (size_t before = 0; before < i && !told; before++) {
				const struct bc_gateway *b = bc_gateways_at(o->set, before);
				told = strcmp(b->exchange, o->exchange) == 0 &&
				       bc_gateway_lists(b, g->symbols[k]);
			}
			if (told)
				continue;
			bc_json_string(w, g->symbols[k]);
			n++;
		}
	}
}

static const struct bc_gateway *last_of_shard(const struct ownership *o, uint32_t shard)
{
	const struct bc_gateway *last = NULL;
	for (size_t i = 0; i < bc_gateways_count(o->set); i++) {
		const struct bc_gateway *g = bc_gateways_at(o->set, i);
		if (strcmp(g->exchange, o->exchange) == 0 && g->has_details &&
		    g->details.shard_index == shard && g->details.shard_count == o->count &&
		    (last == NULL || g->heard.ns > last->heard.ns))
			last = g;
	}
	return last;
}

static void say_missing(const struct ownership *o, struct bc_text *t)
{
	char age[BC_DURATION_TEXT_MAX];
	const struct bc_gateway *last = last_of_shard(o, o->first_missing);
	bc_text_addf(t, "shard %u/%u is missing", o->first_missing, o->count);
	if (last != NULL) {
		bc_duration_round(o->now.ns - last->heard.ns, age);
		bc_text_addf(t, " (last heard %s ago as %s.%s)", age, o->exchange, last->instance);
	}
	if (o->n_missing > 1)
		bc_text_addf(t, " and %u more", o->n_missing - 1);
}

/* In one line what somebody who was woken should know; "": nothing. */
static void say(const struct ownership *o, struct bc_text *t)
{
	if (o->n_alive == 0)
		bc_text_addf(t, "no gateway is alive");
	if (o->n_missing > 0 && o->n_alive > 0)
		say_missing(o, t);
	if (o->orphans > 0)
		bc_text_addf(t, "%s%llu symbol%s ha%s no owner", t->n ? ": " : "",
			     (unsigned long long)o->orphans, o->orphans == 1 ? "" : "s",
			     o->orphans == 1 ? "s" : "ve");
	if (o->mixed)
		bc_text_addf(t, "%sdivided by different numbers of shards%s", t->n ? "; " : "",
			     o->leaving > 0 ? ", while symbols are handed over" : "");
	if (o->doubles > o->leaving)
		bc_text_addf(t, "%s%llu symbol%s ha%s more than one owner", t->n ? "; " : "",
			     (unsigned long long)o->doubles, o->doubles == 1 ? "" : "s",
			     o->doubles == 1 ? "s" : "ve");
	if (o->weights_mixed)
		bc_text_addf(t, "%sgateways divide by different weights (shard.weights)",
			     t->n ? "; " : "");
}

static void put_missing(const struct ownership *o, struct bc_json_writer *w)
{
	char shard[24];
	uint32_t n = o->count < MAX_SHARDS ? o->count : MAX_SHARDS;
	for (uint32_t k = 0; k < n && o->n_missing > 0; k++) {
		struct bc_text t = bc_text_on(shard, sizeof shard);
		bc_text_addf(&t, "%u/%u", k, o->count);
		if (!shard_alive(o, k))
			bc_json_string(w, bc_str_of(shard));
	}
}

static void put_names(struct ownership *o, struct bc_json_writer *w)
{
	bc_json_put_array(w, "missing");
	put_missing(o, w);
	bc_json_array_end(w);
	bc_json_put_uint(w, "n_orphans", o->orphans);
	bc_json_put_array(w, "orphans");
	put_orphans(o, w);
	bc_json_array_end(w);
	bc_json_put_uint(w, "n_doubles", o->doubles);
	bc_json_put_array(w, "doubles");
	struct ownership again = *o;
	again.doubles = 0;
	each_listed(&again, put_double, w);
	bc_json_array_end(w);
}

void cache_put_ownership(const struct bc_gateways *set, const char *exchange, bc_mono_time now,
			 struct bc_json_writer *w)
{
	char text[512];
	struct bc_text t = bc_text_on(text, sizeof text);
	struct ownership o = look(set, exchange, now, true);
	say(&o, &t);
	bc_json_object(w);
	bc_json_put_text(w, "exchange", exchange);
	bc_json_put_uint(w, "alive", o.n_alive);
	bc_json_put_uint(w, "shards", o.count);
	bc_json_put_bool(w, "mixed", o.mixed);
	put_names(&o, w);
	bc_json_put_uint(w, "leaving", o.leaving);
	bc_json_put_bool(w, "owned", o.n_alive > 0 && o.n_missing == 0 && o.orphans == 0);
	bc_json_key(w, BC_STR("problem"));
	if (t.n == 0)
		bc_json_null(w);
	else
		bc_json_string(w, (bc_str){ text, t.n });
	bc_json_object_end(w);
}

void cache_count_missing(const struct bc_gateways *set, const char *exchange, bc_mono_time now,
			 uint64_t *missing, uint64_t *orphans)
{
	const struct ownership o = look(set, exchange, now, false);
	*missing = o.n_missing;
	*orphans = o.orphans;
}

void cache_put_lines(const struct bc_gateways *set, const struct bc_gateway *g, bc_mono_time now,
		     struct bc_json_writer *w)
{
	const struct ownership o = { .set = set, .exchange = g->exchange, .now = now };
	bc_json_put_array(w, "lines");
	for (size_t i = 0; i < bc_gateways_count(set) && alive(&o, g); i++) {
		const struct bc_gateway *other = bc_gateways_at(set, i);
		if (other != g && alive(&o, other) && same_shard(g, other))
			bc_json_string(w, bc_str_of(other->instance));
	}
	bc_json_array_end(w);
}
