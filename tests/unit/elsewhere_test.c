/* What a gateway that hands symbols over makes of what the others say. */
#include "publisher/elsewhere.h"
#include "tests/support/bus_message.h"
#include "tests/support/session_rig.h"

#define WEIGHTS   "AAA 7\nBBB 3\n"
#define AGAIN     (10 * S)
#define THE_EPOCH 100

/* AAA is live here, and belongs to shard 1 of `d` from now on. */
struct scene {
	struct bc_division *d;
	struct rig *r;
	struct elsewhere *e;
	uint64_t seq, version; /* of the other gateway */
	const char *lists;     /* NULL: its list is empty */
};

static struct bc_division *divided(const char *weights)
{
	struct bc_division *d;
	char why[100];
	cr_assert_eq(bc_division_new(&d, "fake", 2), BC_OK);
	if (weights != NULL)
		cr_assert_eq(bc_division_weigh(d, bc_str_of(weights), why, sizeof why), BC_OK);
	return d;
}

static struct scene scene_of(const char *weights)
{
	struct session_options o = options_for_tests();
	o.linger_ns = 8 * S;
	struct scene s = { .d = divided(weights), .r = rig_with(o), .version = 1, .lists = "AAA" };
	add(s.r, "AAA");
	session_start(s.r->session, s.r->now);
	pass(s.r, 0);
	opened(s.r);
	says(s.r, "book AAA 1 2");
	uint32_t owner = bc_division_owner(s.d, BC_STR("AAA"));
	session_reshard(s.r->session, s.r->now, s.d, 1 - owner);
	cr_assert_eq(session_leaving(s.r->session), 1);
	cr_assert_eq(elsewhere_new(&s.e, "fake"), BC_OK);
	cr_assert_eq(elsewhere_watch(s.e, BC_STR("AAA")), BC_OK);
	return s;
}

static void end(struct scene *s)
{
	elsewhere_free(&s->e);
	done(s->r);
	bc_division_free(&s->d);
}

static void hear(struct scene *s, const char *topic, struct bc_message *m)
{
	struct bus_message b;
	bus_message_encode(&b, topic, m);
	elsewhere_hear(s->e, b.topic, b.payload, s->r->now.boot);
}

static void list(struct scene *s)
{
	uint8_t bytes[512];
	bc_str names[1] = { bc_str_of(s->lists == NULL ? "" : s->lists) };
	struct bc_message m = bus_symbols(bus_envelope(THE_EPOCH, ++s->seq, BC_STATE_LIVE),
					  s->version, names, s->lists != NULL, bytes);
	hear(s, "fake.@1.state", &m);
}

static void state(struct scene *s, enum bc_state is)
{
	struct bc_message m = { .envelope = bus_envelope(THE_EPOCH, ++s->seq, is) };
	hear(s, "fake.AAA.state", &m);
}

static void beat(struct scene *s, uint32_t count, uint64_t mark)
{
	struct bc_message m = bus_heartbeat(bus_envelope(THE_EPOCH, ++s->seq, BC_STATE_LIVE), "1",
					    s->version, "ipc:///x");
	m.body.heartbeat.shard_index = bc_division_owner(s->d, BC_STR("AAA"));
	m.body.heartbeat.shard_count = count;
	m.body.heartbeat.counters[0] = (struct bc_counter){ BC_STR("shard_weights"), mark };
	m.body.heartbeat.n_counters = 1;
	hear(s, "fake.@1.heartbeat", &m);
}

/* So many seconds of heartbeats, as the gateway does them. True: AAA is still followed here. */
static bool still_there(struct scene *s, int seconds, uint32_t count, uint64_t mark)
{
	struct session_view view;
	for (int i = 0; i < seconds; i++) {
		pass(s->r, S);
		if (session_symbols(s->r->session) > 0)
			says(s->r, "book AAA 1 2");
		if (count > 0)
			beat(s, count, mark);
		elsewhere_tell(s->e, s->r->session, s->r->now, s->d);
	}
	return session_symbol(s->r->session, 0, &view) && bc_str_is(view.name, "AAA");
}

Test(elsewhere, what_its_owner_has_fit_is_let_go)
{
	struct scene s = scene_of(NULL);
	list(&s);
	cr_expect(still_there(&s, 20, 2, 0), "it is not fit there");
	state(&s, BC_STATE_LIVE);
	cr_expect(still_there(&s, 8, 2, 0), "both for a while");
	cr_expect(!still_there(&s, 2, 2, 0));
	end(&s);
}

Test(elsewhere, who_is_dead_serves_nothing)
{
	struct scene s = scene_of(NULL);
	list(&s);
	state(&s, BC_STATE_LIVE);
	cr_expect(still_there(&s, 3, 2, 0));
	cr_expect(still_there(&s, 20, 0, 0), "no heartbeats any more");
	end(&s);
}

Test(elsewhere, by_other_weights_it_may_think_it_is_ours)
{
	struct scene s = scene_of(WEIGHTS);
	list(&s);
	state(&s, BC_STATE_LIVE);
	cr_expect(still_there(&s, 20, 2, bc_division_mark(s.d) + 1), "of other weights");
	cr_expect(still_there(&s, 20, 2, 0), "of none");
	cr_expect(still_there(&s, 20, 3, bc_division_mark(s.d)), "of another number");
	cr_expect(!still_there(&s, 10, 2, bc_division_mark(s.d)));
	end(&s);
}

Test(elsewhere, a_list_that_was_replaced_says_nothing)
{
	struct scene s = scene_of(NULL);
	bc_str symbol;
	list(&s);
	state(&s, BC_STATE_LIVE);
	cr_expect(still_there(&s, 2, 2, 0));
	while (elsewhere_wants(s.e, &symbol))
		;
	s.version = 2; /* it dropped AAA, and nobody has heard that */
	cr_expect(still_there(&s, 20, 2, 0));
	cr_expect(elsewhere_wants(s.e, &symbol), "its list is wanted");
	s.lists = NULL;
	list(&s);
	cr_expect(still_there(&s, 20, 2, 0));
	end(&s);
}

Test(elsewhere, what_is_not_heard_of_for_long_is_asked_for_again)
{
	struct scene s = scene_of(NULL);
	bc_str symbol;
	list(&s);
	still_there(&s, 2, 2, 0);
	while (elsewhere_wants(s.e, &symbol))
		;
	still_there(&s, AGAIN / S - 2, 2, 0);
	cr_expect(!elsewhere_wants(s.e, &symbol), "not yet");
	still_there(&s, 3, 2, 0);
	cr_expect(elsewhere_wants(s.e, &symbol) && bc_str_is(symbol, "AAA"));
	cr_expect(elsewhere_wants(s.e, &symbol) && symbol.n == 0, "lists, too");
	cr_expect(!elsewhere_wants(s.e, &symbol), "once");
	end(&s);
}
