/* address_budget.c - sliding windows, weight, rates that give way, and the order of asking. */
#include "publisher/address_budget.h"

#include <string.h>

#define WEIGHT_QUEUE ADDRESS_LIMITS
#define SOON_NS      (10 * BC_NS_PER_MS) /* whoever is before us may still come */
#define AHEAD_NS     (2 * BC_NS_PER_S)   /* clocks of two processes differ by less */
#define NEVER        INT64_MIN

/* ------------------------------------------------------------------ life */

bc_status address_budget_init(struct address_budget *b, const struct bc_exchange *x)
{
	uint32_t n = 0;
	memset(b, 0, sizeof *b);
	if (x->n_limits > ADDRESS_LIMITS)
		return BC_ERANGE;
	for (size_t i = 0; i < x->n_limits; i++) {
		const struct bc_address_limit *limit = &x->limits[i];
		if (limit->ours == 0 || limit->ours > ADDRESS_TIMES - n)
			return BC_ERANGE;
		b->limits[i] = (struct address_window){ .window_ns = limit->window_ns,
							.ours = limit->ours,
							.first = n,
							.rate = aimd_new(limit->window_ns) };
		n += limit->ours;
	}
	b->n_limits = (uint32_t)x->n_limits;
	weight_init(&b->weight);
	b->weight_rate = aimd_new(WEIGHT_WINDOW_NS);
	b->newest_ns = NEVER;
	for (size_t i = 0; i < BUDGET_DOORS; i++)
		b->away_until_ns[i] = NEVER;
	for (size_t i = 0; i < ADDRESS_TIMES; i++)
		b->times_ns[i] = NEVER;
	return BC_OK;
}

/* ------------------------------------------------------------------ windows */

/* The k-th of its newest times, from 1. */
static int64_t newest(const struct address_budget *b, const struct address_window *w, uint32_t k)
{
	return b->times_ns[w->first + (w->oldest + w->ours - k) % w->ours];
}

/* When the k-th newest is out of the window. */
static bc_mono_time out_of_window(const struct address_budget *b, const struct address_window *w,
				  uint32_t k)
{
	int64_t at = newest(b, w, k);
	return at == NEVER ? BUDGET_NOW : (bc_mono_time){ at + w->window_ns };
}

/* When so many more are allowed at once. Of a rate that gave way, what is used up already does not
 * block for the rest of a long window: from then on they go one by one, at that rate. */
static bc_mono_time window_next(const struct address_budget *b, const struct address_window *w,
				bc_mono_time now, uint32_t more)
{
	uint32_t allowed = aimd_part(&w->rate, now, w->ours);
	more = more < allowed ? more : allowed;
	bc_mono_time most = out_of_window(b, w, w->ours - more + 1);
	bc_mono_time part = out_of_window(b, w, allowed - more + 1);
	bc_mono_time pace = { newest(b, w, 1) == NEVER ? NEVER
						       : newest(b, w, 1) + w->window_ns / allowed };
	if (pace.ns < part.ns)
		part = pace;
	return most.ns > part.ns ? most : part;
}

static uint32_t window_used(const struct address_budget *b, const struct address_window *w,
			    bc_mono_time now)
{
	uint32_t n = 0;
	while (n < w->ours && newest(b, w, n + 1) != NEVER &&
	       newest(b, w, n + 1) + w->window_ns > now.ns)
		n++;
	return n;
}

static void window_spend(struct address_budget *b, struct address_window *w, int64_t at_ns)
{
	b->times_ns[w->first + w->oldest] = at_ns;
	w->oldest = (w->oldest + 1) % w->ours;
}

/* ------------------------------------------------------------------ places */

static struct address_gateway *gateway_of(struct address_budget *b, uint64_t id, bc_mono_time now)
{
	struct address_gateway *free = NULL;
	for (size_t i = 0; i < ADDRESS_GATEWAYS; i++) {
		struct address_gateway *g = &b->gateways[i];
		if (g->id == id)
			return g;
		bool gone = g->id == 0 || now.ns - g->heard_ns > ADDRESS_GONE_NS;
		if (gone && free == NULL)
			free = g;
	}
	if (free != NULL)
		*free = (struct address_gateway){ .id = id, .heard_ns = now.ns };
	return free;
}

static bool holds(const struct address_place *p, bc_mono_time now)
{
	return p->until_ns != 0 && now.ns <= p->until_ns;
}

/* What those need who asked before us and have not had it yet. `me` NULL: we have no place. */
static uint64_t ahead_of(const struct address_budget *b, const struct address_gateway *me,
			 uint32_t queue, bc_mono_time now)
{
	uint64_t need = 0;
	const struct address_place *mine = me == NULL ? NULL : &me->places[queue];
	int64_t since = mine != NULL && holds(mine, now) ? mine->since_ns : INT64_MAX;
	for (size_t i = 0; i < ADDRESS_GATEWAYS; i++) {
		const struct address_gateway *g = &b->gateways[i];
		if (g->id != 0 && g != me && holds(&g->places[queue], now) &&
		    g->places[queue].since_ns < since)
			need += g->places[queue].need;
	}
	return need;
}

static void keep_place(struct address_gateway *me, uint32_t queue, bc_mono_time now, uint32_t need,
		       bc_mono_time from)
{
	struct address_place *p = &me->places[queue];
	if (!holds(p, now))
		p->since_ns = now.ns;
	p->until_ns = from.ns + ADDRESS_GRACE_NS;
	p->need = need;
}

void address_budget_here(struct address_budget *b, uint64_t id, bc_mono_time now)
{
	struct address_gateway *me = gateway_of(b, id, now);
	if (me != NULL)
		me->heard_ns = now.ns;
}

void address_budget_leave(struct address_budget *b, uint64_t id)
{
	for (size_t i = 0; i < ADDRESS_GATEWAYS; i++) {
		if (b->gateways[i].id == id)
			b->gateways[i] = (struct address_gateway){ 0 };
	}
}

/* ------------------------------------------------------------------ asking */

static bc_mono_time later(bc_mono_time a, bc_mono_time b)
{
	return a.ns > b.ns ? a : b;
}

/* What must be free now: what is to stay free beside the request gives way as the rate does. */
static uint64_t weight_needed(const struct address_budget *b, bc_mono_time now,
			      const struct budget_ask *ask)
{
	uint64_t beside = ask->need - ask->weight;
	return ask->weight + beside * aimd_rate(&b->weight_rate, now) / RATE_FULL;
}

/* A lower rate than one request needs still lets one at a time through. */
static uint64_t weight_allowed(const struct address_budget *b, bc_mono_time now,
			       const struct budget_ask *ask)
{
	uint64_t allowed = aimd_part(&b->weight_rate, now, ask->weight_limit);
	uint64_t need = weight_needed(b, now, ask);
	return allowed > need ? allowed : need;
}

/* From when on the queue would let us. */
static bc_mono_time queue_next(const struct address_budget *b, const struct address_gateway *me,
			       uint32_t queue, bc_mono_time now, const struct budget_ask *ask)
{
	uint64_t ahead = ahead_of(b, me, queue, now);
	if (queue != WEIGHT_QUEUE)
		return window_next(b, &b->limits[queue], now,
				   ahead < UINT32_MAX ? (uint32_t)ahead + 1 : UINT32_MAX);
	uint64_t allowed = weight_allowed(b, now, ask);
	uint64_t need = ahead + weight_needed(b, now, ask);
	need = need < allowed ? need : allowed;
	return weight_next(&b->weight, now, allowed, need);
}

/* Does it leave what belongs to those before us, who may need all there is? */
static bool crowded(const struct address_budget *b, const struct address_gateway *me,
		    uint32_t queue, bc_mono_time now, const struct budget_ask *ask)
{
	uint64_t ahead = ahead_of(b, me, queue, now);
	if (queue == WEIGHT_QUEUE)
		return ahead > 0 &&
		       ahead + weight_needed(b, now, ask) > weight_allowed(b, now, ask);
	return ahead >= aimd_part(&b->limits[queue].rate, now, b->limits[queue].ours);
}

static uint32_t queues_of(const struct address_budget *b, const struct budget_ask *ask)
{
	uint32_t all = b->n_limits < 32 ? (1u << b->n_limits) - 1 : UINT32_MAX;
	return (ask->limits & all) | (ask->weight_limit > 0 ? 1u << WEIGHT_QUEUE : 0);
}

static void spend(struct address_budget *b, struct address_gateway *me, uint32_t queues,
		  bc_mono_time now, const struct budget_ask *ask)
{
	int64_t at = now.ns > b->newest_ns ? now.ns : b->newest_ns;
	b->newest_ns = at;
	for (uint32_t q = 0; q <= WEIGHT_QUEUE; q++) {
		if ((queues >> q & 1) == 0)
			continue;
		if (me != NULL)
			me->places[q].until_ns = 0;
		if (q < WEIGHT_QUEUE)
			window_spend(b, &b->limits[q], at);
	}
	weight_asked(&b->weight, now, ask->weight);
}

bool address_budget_take(struct address_budget *b, uint64_t id, bc_mono_time now,
			 const struct budget_ask *ask, bc_mono_time *from)
{
	struct address_gateway *me = gateway_of(b, id, now);
	uint32_t queues = queues_of(b, ask);
	bc_mono_time at = { b->away_until_ns[ask->door] };
	if (me != NULL)
		me->heard_ns = now.ns;
	if (at.ns > now.ns) {
		*from = at;
		return false; /* nobody has a place before the end of a ban */
	}
	for (uint32_t q = 0; q <= WEIGHT_QUEUE; q++) {
		if ((queues >> q & 1) == 0)
			continue;
		at = later(at, queue_next(b, me, q, now, ask));
		if (crowded(b, me, q, now, ask))
			at = later(at, (bc_mono_time){ now.ns + SOON_NS });
	}
	if (at.ns <= now.ns) {
		spend(b, me, queues, now, ask);
		return true;
	}
	for (uint32_t q = 0; me != NULL && q <= WEIGHT_QUEUE; q++) {
		if ((queues >> q & 1) != 0)
			keep_place(me, q, now, q == WEIGHT_QUEUE ? ask->weight : 1, at);
	}
	*from = at;
	return false;
}

/* What stood in its place was over, or it would not have been allowed. */
void address_budget_give_back(struct address_budget *b, bc_mono_time now,
			      const struct budget_ask *ask)
{
	uint32_t queues = queues_of(b, ask);
	for (uint32_t q = 0; q < WEIGHT_QUEUE; q++) {
		struct address_window *w = &b->limits[q];
		if ((queues >> q & 1) == 0 || newest(b, w, 1) < now.ns)
			continue;
		w->oldest = (w->oldest + w->ours - 1) % w->ours;
		b->times_ns[w->first + w->oldest] = NEVER;
	}
	weight_taken_back(&b->weight, now, ask->weight);
}

void address_budget_answered(struct address_budget *b, bc_mono_time now, bc_mono_time asked,
			     uint32_t weight, int64_t used)
{
	weight_answered(&b->weight, now, asked, weight, used);
}

void address_budget_refused(struct address_budget *b, bc_mono_time now, bc_mono_time asked,
			    const struct budget_ask *ask, bc_mono_time until)
{
	uint32_t queues = queues_of(b, ask);
	int64_t most = now.ns + ADDRESS_AWAY_NS;
	int64_t away = until.ns < most ? until.ns : most;
	for (uint32_t q = 0; q < WEIGHT_QUEUE; q++) {
		if ((queues >> q & 1) != 0)
			aimd_cut(&b->limits[q].rate, now, asked);
	}
	if ((queues >> WEIGHT_QUEUE & 1) != 0)
		aimd_cut(&b->weight_rate, now, asked);
	if (away > b->away_until_ns[ask->door])
		b->away_until_ns[ask->door] = away;
}

void address_budget_look(const struct address_budget *b, bc_mono_time now, struct budget_view *view)
{
	view->weight = weight_used(&b->weight, now);
	view->weight_rate = aimd_rate(&b->weight_rate, now);
	view->cuts = b->weight_rate.cuts;
	view->gateways = 0;
	for (uint32_t i = 0; i < b->n_limits; i++) {
		const struct address_window *w = &b->limits[i];
		view->cuts += w->rate.cuts;
		view->limits[i] = (struct budget_use){ .used = window_used(b, w, now),
						       .now = aimd_part(&w->rate, now, w->ours),
						       .ours = w->ours };
	}
	for (size_t i = 0; i < BUDGET_DOORS; i++)
		view->away_until[i] = (bc_mono_time){ b->away_until_ns[i] };
	for (size_t i = 0; i < ADDRESS_GATEWAYS; i++) {
		const struct address_gateway *g = &b->gateways[i];
		view->gateways += g->id != 0 && now.ns - g->heard_ns <= ADDRESS_GONE_NS;
	}
}

/* ------------------------------------------------------------------ doubt */

static bool sane_rate(const struct aimd *a, int64_t window_ns, int64_t latest)
{
	return a->rate >= RATE_LEAST && a->rate <= RATE_FULL && a->since_ns <= latest &&
	       a->step_ns == aimd_new(window_ns).step_ns;
}

static bool sane_window(const struct address_budget *b, size_t i, int64_t latest)
{
	const struct address_window *w = &b->limits[i];
	if (w->oldest >= w->ours || !sane_rate(&w->rate, w->window_ns, latest))
		return false;
	for (uint32_t k = 1; k <= w->ours; k++) {
		if (newest(b, w, k) > (k == 1 ? latest : newest(b, w, k - 1)))
			return false;
	}
	return true;
}

bool address_budget_sane(const struct address_budget *b, const struct bc_exchange *x,
			 bc_mono_time now)
{
	int64_t latest = now.ns + AHEAD_NS, second = latest / BC_NS_PER_S;
	uint32_t first = 0;
	if (b->n_limits != x->n_limits || b->newest_ns > latest || b->weight.second > second ||
	    b->weight.second < 0 || b->weight.told_at.ns > latest ||
	    !sane_rate(&b->weight_rate, WEIGHT_WINDOW_NS, latest))
		return false;
	for (size_t i = 0; i < x->n_limits; i++) {
		const struct address_window *w = &b->limits[i];
		if (w->window_ns != x->limits[i].window_ns || w->ours != x->limits[i].ours ||
		    w->first != first || !sane_window(b, i, latest))
			return false;
		first += w->ours;
	}
	for (size_t i = 0; i < BUDGET_DOORS; i++) {
		if (b->away_until_ns[i] > latest + ADDRESS_AWAY_NS)
			return false;
	}
	return true;
}

void address_budget_exhaust(struct address_budget *b, bc_mono_time now)
{
	for (size_t i = 0; i < b->n_limits; i++) {
		for (uint32_t k = 0; k < b->limits[i].ours; k++)
			window_spend(b, &b->limits[i], now.ns);
	}
	b->newest_ns = now.ns;
	b->weight.told = UINT32_MAX; /* more than any limit, for a minute */
	b->weight.told_at = now;
}

/* ------------------------------------------------------------------ an office of one */

#define MYSELF 1

static bool own_take(void *self, bc_mono_time now, const struct budget_ask *ask, bc_mono_time *from)
{
	struct own_office *own = self;
	bool taken = address_budget_take(own->shared, own->id, now, ask, from);
	own->view.waits += !taken;
	own->view.weight = weight_used(&own->shared->weight, now);
	return taken;
}

static void own_give_back(void *self, bc_mono_time now, const struct budget_ask *ask)
{
	struct own_office *own = self;
	address_budget_give_back(own->shared, now, ask);
}

static void own_answered(void *self, bc_mono_time now, bc_mono_time asked, uint32_t weight,
			 int64_t used)
{
	struct own_office *own = self;
	address_budget_answered(own->shared, now, asked, weight, used);
	own->view.weight = weight_used(&own->shared->weight, now);
}

static void own_refused(void *self, bc_mono_time now, bc_mono_time asked,
			const struct budget_ask *ask, bc_mono_time until)
{
	struct own_office *own = self;
	address_budget_refused(own->shared, now, asked, ask, until);
}

static void own_look(void *self, bc_mono_time now)
{
	struct own_office *own = self;
	address_budget_look(own->shared, now, &own->view);
}

bc_status own_office_init(struct own_office *own, const struct bc_exchange *x)
{
	*own = (struct own_office){ .office = { .self = own,
						.take = own_take,
						.give_back = own_give_back,
						.answered = own_answered,
						.refused = own_refused,
						.look = own_look,
						.view = &own->view } };
	own->id = MYSELF;
	own->shared = &own->budget;
	return address_budget_init(&own->budget, x);
}
