/* shards.c - the symbols divided among the gateways, and divided anew by an operator who comes to
 * one gateway after the other. Whatever goes wrong meanwhile, nobody gives up a symbol that nobody
 * else has, nothing moves that need not, and in the end everybody has his own. */
#include "tests/simulation/shards.h"

#include "common/gateways.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Who has just died may be believed to serve for so long: heartbeats that are missed, one turn, and
 * a standstill too short to be seen. */
#define BELIEVED_NS (BC_MISSED_HEARTBEATS * HEARTBEAT_NS + HEARTBEAT_NS + 2 * S + 500 * MS)

#define NEW_NS   (10 * S)
#define LOOKS_NS (2 * S) /* when it is calm, the operator looks so often */

static bool stormy(const struct trial *t)
{
	return t->phase == PHASE_STORM;
}

static const struct division *division_of(const struct gateway *g)
{
	return &g->t->shards->divisions[g->member->division];
}

static bool is_member(const struct gateway *g, size_t division)
{
	return g->member->shard < g->t->shards->divisions[division].count;
}

static uint32_t owner_of(const struct trial *t, size_t division, size_t symbol)
{
	const struct bc_division *parts = t->shards->divisions[division].parts;
	bc_str name = bc_str_of(market_spec(t->market, symbol)->name);
	return parts == NULL ? 0 : bc_division_owner(parts, name);
}

static bool owns(const struct gateway *g, size_t symbol)
{
	return !g->member->retiring &&
	       owner_of(g->t, g->member->division, symbol) == g->member->shard;
}

static bool follows(const struct gateway *g, size_t symbol)
{
	for (size_t i = 0; i < MAX_NUMBERS; i++) {
		if (g->judged[i].followed && g->judged[i].symbol == symbol)
			return true;
	}
	return false;
}

/* ------------------------------------------------------------------ divisions */

static struct bc_division *with_weights(struct trial *t, struct bc_division *parts)
{
	struct dice *d = &t->shards->dice;
	char text[MAX_SYMBOLS * 40] = "", why[128];
	int n = 0;
	for (size_t i = 0; i < t->n_symbols; i++) {
		long long weight = (long long)dice_between(d, 0, 50);
		if (dice_hits(d, 800000))
			n += snprintf(text + n, sizeof text - (size_t)n, "%s %lld\n",
				      market_spec(t->market, i)->name, weight);
	}
	if (bc_division_weigh(parts, (bc_str){ text, (size_t)n }, why, sizeof why) != BC_OK)
		abort();
	return parts;
}

/* As settings_division() makes them: one shard without weights needs none. */
static size_t division_new(struct trial *t, uint32_t count)
{
	struct shards *s = t->shards;
	struct division d = { .count = count };
	bool weighed = s->weighs && dice_hits(&s->dice, 700000);
	if ((count > 1 || weighed) && bc_division_new(&d.parts, t->model->exchange, count) != BC_OK)
		abort();
	if (weighed)
		d.parts = with_weights(t, d.parts);
	s->divisions = room_for_one(s->divisions, s->n_divisions, &s->cap_divisions, sizeof d);
	s->divisions[s->n_divisions] = d;
	return s->n_divisions++;
}

/* ------------------------------------------------------------------ the operator */

/* It is there already, is about to be, or is started now. */
static void tell_dead(struct gateway *g)
{
	struct shards *s = g->t->shards;
	struct member *m = g->member;
	if (is_member(g, s->current)) {
		m->configured = s->current;
		if (m->off)
			g->back_at_ns = g->t->now_ns + dice_between(&s->dice, 1, 1000) * MS;
		m->off = false;
	} else if (!stormy(g->t) || dice_hits(&s->dice, 500000)) {
		m->off = true;
		g->back_at_ns = INT64_MAX;
	}
}

static void tell(struct gateway *g, int64_t at_ns)
{
	char number[24];
	struct member *m = g->member;
	if (g->dead) {
		tell_dead(g);
		return;
	}
	m->told_until_ns = at_ns > m->told_until_ns ? at_ns : m->told_until_ns;
	snprintf(number, sizeof number, "%zu", g->t->shards->current);
	plan_command_at(g, m->told_until_ns, "reshard", number);
	if (is_member(g, g->t->shards->current) && dice_hits(&g->t->shards->dice, 500000))
		m->configured = g->t->shards->current; /* before it is told */
}

static void divide(struct trial *t)
{
	struct shards *s = t->shards;
	uint32_t count = (uint32_t)dice_between(&s->dice, 1, s->most);
	if (dice_hits(&s->dice, 300000))
		count = s->divisions[s->current].count;
	s->next_ns = t->now_ns + dice_between(&s->dice, 1, 2 * s->every_ns);
	s->current = division_new(t, count);
	t->result->divided++;
	bool together = dice_hits(&s->dice, 400000); /* all but one */
	uint32_t late = (uint32_t)dice_between(&s->dice, 0, t->n_gateways - 1);
	for (uint32_t i = 0; i < t->n_gateways; i++) {
		int64_t after = dice_between(&s->dice, 0, s->slow_ns);
		note(t->gateways[i], "!! divided by %u, number %zu", count, s->current);
		tell(t->gateways[i], t->now_ns + (together && i != late ? 0 : after));
	}
}

/* To whom it has not been told, or who has ended since. */
void shards_calm(struct trial *t)
{
	struct shards *s = t->shards;
	s->next_ns = t->now_ns + LOOKS_NS;
	for (uint32_t i = 0; i < t->n_gateways; i++) {
		struct gateway *g = t->gateways[i];
		if (g->dead || (g->member->division != s->current && g->n_commands == 0))
			tell(g, t->now_ns);
	}
}

int64_t shards_next(const struct trial *t)
{
	return t->shards->next_ns;
}

void shards_act(struct trial *t)
{
	if (stormy(t))
		divide(t);
	else
		shards_calm(t);
}

bool shards_command(struct trial *t, bool add, size_t symbol)
{
	struct shards *s = t->shards;
	const char *name = market_spec(t->market, symbol)->name;
	s->wanted = add ? s->wanted | 1u << symbol : s->wanted & ~(1u << symbol);
	for (uint32_t i = 0; i < t->n_gateways; i++) {
		struct gateway *g = t->gateways[i];
		if (g->dead)
			continue;
		g->member->n_symbols_told++;
		plan_command(g, add ? "want" : "remove", name);
	}
	return true;
}

/* ------------------------------------------------------------------ a gateway is told */

void shards_told(struct gateway *g, size_t division)
{
	struct member *m = g->member;
	const struct division *d = &g->t->shards->divisions[division];
	m->division = division;
	m->retiring = !is_member(g, division);
	if (!m->retiring) {
		m->configured = division;
		m->told_count = d->count;
	}
	session_reshard(g->session, trial_now(g), d->parts, m->retiring ? BC_SHARD_NONE : m->shard);
	ears_turn(g);
}

void shards_obeys(struct gateway *g, const char *command, bool begins)
{
	bool removes = bc_str_starts(bc_str_of(command), BC_STR("remove "));
	bool adds = bc_str_starts(bc_str_of(command), BC_STR("want "));
	g->member->removing = begins && removes;
	if (!begins && (removes || adds))
		g->member->n_symbols_told--;
}

void shards_choose(struct gateway *g, struct session_options *o)
{
	struct shards *s = g->t->shards;
	struct member *m = g->member;
	m->division = m->configured;
	m->retiring = false;
	m->told_count = division_of(g)->count;
	o->division = division_of(g)->parts;
	o->shard = m->shard;
	o->linger_ns = s->linger_ns;
	if (!s->one_address)
		return;
	own_office_init(&m->office, g->x);
	m->office.id = ++s->n_offices;
	m->office.shared = &s->office.budget;
	o->office = &m->office.office;
}

bc_status shards_configure(struct gateway *g, char *why, size_t cap)
{
	const char *names[MAX_SYMBOLS];
	size_t n = 0;
	for (size_t i = 0; i < g->t->n_symbols; i++) {
		if ((g->t->shards->wanted >> i & 1) != 0)
			names[n++] = market_spec(g->t->market, i)->name;
	}
	return session_configure(g->session, trial_now(g), names, n, why, cap);
}

/* As the gateway says it: one that retires is what it was. */
void shards_heartbeat(struct gateway *g, struct bc_heartbeat *h)
{
	const struct member *m = g->member;
	const struct bc_division *parts = division_of(g)->parts;
	h->shard_index = m->shard;
	h->shard_count = m->told_count;
	if (parts != NULL)
		h->counters[h->n_counters++] =
			(struct bc_counter){ BC_STR("shard_weights"), bc_division_mark(parts) };
}

bool shards_retired(const struct gateway *g)
{
	return g->member->retiring && session_symbols(g->session) == 0;
}

void shards_end(struct gateway *g)
{
	g->member->off = true;
	gateway_retire(g);
}

void *shards_address(struct trial *t)
{
	return t->shards->face_state;
}

void shards_died(struct gateway *g)
{
	struct member *m = g->member;
	m->had = 0;
	for (size_t i = 0; i < g->t->n_symbols; i++)
		m->had |= follows(g, i) ? 1u << i : 0;
	m->n_symbols_told = 0;
	ears_close(g);
	ears_lost(g);
}

/* ------------------------------------------------------------------ what must hold */

/* Neither who stays where it is nor who leaves. Who is new may be believed to be quiet, and its
 * stream then say otherwise; readers have the old owner's until then. */
void shards_announced(struct gateway *g, const struct judged *j,
		      const struct session_change *change)
{
	bool is_new = g->t->now_ns < j->since_ns + NEW_NS;
	if (j->symbol != NOT_IN_MARKET && shards_undisturbed(g->t) && !is_new &&
	    bc_state_fit(change->previous) && !bc_state_fit(change->state))
		trial_fail(g, "pause", "%s becomes %s (%s), though nothing has happened", j->name,
			   bc_state_word(change->state), bc_reason_word(change->reason));
}

void shards_followed(struct gateway *g, size_t symbol)
{
	if (symbol != NOT_IN_MARKET && !owns(g, symbol))
		trial_fail(g, "moved", "%s is followed, and belongs to shard %u/%u",
			   market_spec(g->t->market, symbol)->name,
			   owner_of(g->t, g->member->division, symbol), division_of(g)->count);
}

/* Did somebody who had it die so lately that he may be believed to have it? */
static bool just_died(const struct trial *t, size_t symbol)
{
	for (uint32_t i = 0; i < t->n_gateways; i++) {
		const struct gateway *g = t->gateways[i];
		if (g->died_ns != 0 && (g->member->had >> symbol & 1) != 0 &&
		    t->now_ns - g->died_ns < BELIEVED_NS)
			return true;
	}
	return false;
}

void shards_dropped(struct gateway *g, size_t symbol)
{
	struct trial *t = g->t;
	bool has = false, told = false;
	if (g->member->removing || symbol == NOT_IN_MARKET)
		return;
	t->result->given_up++;
	for (uint32_t i = 0; i < t->n_gateways; i++) {
		has |= follows(t->gateways[i], symbol);
		told |= t->gateways[i]->member->n_symbols_told > 0;
	}
	if (owns(g, symbol))
		trial_fail(g, "moved", "%s is given up by its own shard",
			   market_spec(t->market, symbol)->name);
	else if (!has && (t->shards->wanted >> symbol & 1) != 0 && !told && !just_died(t, symbol))
		trial_fail(g, "hole", "%s is given up, and nobody else follows it",
			   market_spec(t->market, symbol)->name);
	else if (!has && just_died(t, symbol))
		t->result->orphaned++;
}

/* ------------------------------------------------------------------ all have their own again */

/* What is not listed any more stays until its old owner reads the list, which it does every ten
 * minutes: it may be quiet there. */
static bool hands_over(struct gateway *g, char *why, size_t cap)
{
	struct session_view view;
	size_t symbol;
	for (uint32_t i = 0; i < session_symbol_limit(g->session); i++) {
		if (!session_symbol(g->session, i, &view) || !view.leaving ||
		    !market_find(g->t->market, view.name, &symbol) ||
		    market_delisted(g->t->market, symbol))
			continue;
		snprintf(why, cap, "%.*s of shard %u is still handed over, and %s here",
			 (int)view.name.n, view.name.p, owner_of(g->t, g->member->division, symbol),
			 bc_state_word(view.state));
		return true;
	}
	return false;
}

/* Who keeps what is delisted cannot end, either. */
static bool settled(struct gateway *g, char *why, size_t cap)
{
	const struct shards *s = g->t->shards;
	bool member = is_member(g, s->current);
	snprintf(why, cap, "it is not told of the newest division, or is not there");
	if (g->dead || g->member->division != s->current)
		return g->dead && g->member->off && !member;
	return !hands_over(g, why, cap);
}

static bool symbol_settled(struct trial *t, size_t symbol, char *why, size_t cap)
{
	uint32_t n = 0, owner = owner_of(t, t->shards->current, symbol);
	bool wanted = (t->shards->wanted >> symbol & 1) != 0;
	for (uint32_t i = 0; i < t->n_gateways; i++)
		n += follows(t->gateways[i], symbol);
	snprintf(why, cap, "%s of shard %u is followed by %u gateways",
		 market_spec(t->market, symbol)->name, owner, n);
	return n == (wanted ? t->shards->lines : 0) || market_delisted(t->market, symbol);
}

struct gateway *shards_unsettled(struct trial *t, char *why, size_t cap)
{
	for (uint32_t i = 0; i < t->n_gateways; i++) {
		if (!settled(t->gateways[i], why, cap))
			return t->gateways[i];
	}
	for (size_t i = 0; i < t->n_symbols; i++) {
		if (!symbol_settled(t, i, why, cap))
			return t->gateways[0];
	}
	return NULL;
}

/* ------------------------------------------------------------------ life */

uint32_t shards_plan(struct trial *t)
{
	struct shards *s = calloc(1, sizeof *s);
	struct dice *d;
	if (s == NULL)
		abort();
	t->shards = s;
	d = &s->dice;
	d->state = t->o.seed * UINT64_C(0x8bb84b93962eacc9) + 3;
	s->most = t->o.shards;
	s->lines = 2 * s->most <= MAX_GATEWAYS && dice_hits(d, 250000) ? 2 : 1;
	s->linger_ns = dice_between(d, 0, 10) * S;
	s->every_ns = dice_between(d, 2, 12) * S;
	s->slow_ns = dice_hits(d, 300000) ? 15 * S : dice_between(d, 1, 3000) * MS;
	s->weighs = dice_hits(d, 500000);
	s->flawless = dice_hits(d, 150000);
	s->one_address = dice_hits(d, 500000);
	s->next_ns = t->now_ns + dice_between(d, 1, 2 * s->every_ns);
	return s->most * s->lines;
}

bool shards_flawless(const struct trial *t)
{
	return t->shards != NULL && t->shards->flawless;
}

bool shards_undisturbed(const struct trial *t)
{
	return shards_flawless(t) && !t->terms.short_life;
}

/* More symbols than usual, to be divided, and time for it. Gateways of one machine sleep together,
 * which is not what is tried here; the market is one for all. */
void shards_market(struct gateway *g, size_t *n_symbols, int64_t *storm_ns)
{
	struct dice *d = &g->t->shards->dice;
	*n_symbols = (size_t)dice_between(d, 4, 10);
	*storm_ns = dice_between(d, 20, 60) * S;
	g->plan.chance[FAULT_CONFIGURE] = 0; /* all are to be told the same */
	if (g->shares_address)
		g->plan.chance[FAULT_SLEEP] = 0;
	if (g->index > 0)
		g->plan.chance[FAULT_DELIST] = 0;
}

void shards_join(struct gateway *g)
{
	if ((g->member = calloc(1, sizeof *g->member)) == NULL)
		abort();
	g->member->shard = g->index % g->t->shards->most;
	g->shares_address = g->t->shards->one_address;
}

void shards_open(struct trial *t)
{
	struct shards *s = t->shards;
	s->current = division_new(t, (uint32_t)dice_between(&s->dice, 1, s->most));
	for (size_t i = 0; i < t->n_symbols; i++)
		s->wanted |= dice_hits(&s->dice, 850000) ? 1u << i : 0;
	if (s->one_address && ((s->face_state = t->face->state_new()) == NULL ||
			       own_office_init(&s->office, t->gateways[0]->x) != BC_OK))
		abort();
	for (uint32_t i = 0; i < t->n_gateways; i++) {
		struct gateway *g = t->gateways[i];
		g->dead = g->member->off = !is_member(g, s->current);
		g->back_at_ns = INT64_MAX;
	}
}

void shards_free(struct trial *t)
{
	struct shards *s = t->shards;
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->n_divisions; i++)
		bc_division_free(&s->divisions[i].parts);
	if (s->face_state != NULL)
		t->face->state_free(s->face_state);
	free(s->divisions);
	free(s);
	t->shards = NULL;
}
