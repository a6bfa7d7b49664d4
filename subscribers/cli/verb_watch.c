/* watch: messages as they come from the gateways, which are found through the cache. Where two of
 * them serve a symbol (A/B lines), the first good copy of each, as every subscriber hears it; with
 * --all-lines both.
 *
 * With --policy latest what waits for a slow reader of our output is conflated (common/conflate.h).
 * What was lost on the way is told on stderr; a gateway that falls silent is shown as a line of its
 * topic <exchange>.@<instance>.state, since nothing else of it would come. */
#include "subscribers/cli/output.h"
#include "subscribers/cli/sources.h"
#include "subscribers/cli/verbs.h"
#include "subscribers/cli/watch_filter.h"
#include "subscribers/cli/watch_losses.h"

#include "common/clock.h"
#include "common/conflate.h"
#include "common/lines.h"
#include "proto/codec.h"

#include <stdlib.h>
#include <string.h>

#define MAX_GATEWAYS    256
#define LOOK_AROUND_MS  250
#define MESSAGES_A_TURN 1000
#define QUEUE           10000 /* what libzmq keeps for us; as much is read before one is shown */
#define SHOWN_A_TURN    64
#define MAX_TOPICS      200000
#define MAX_BYTES       ((size_t)512 << 20)
#define RETAIN          (600 * BC_NS_PER_S)

struct watched { /* a topic; kept until the end */
	struct watched *next;
	struct bc_lines lines;
	uint64_t told; /* round in which its losses were counted */
	struct bc_conflate_topic waiting;
	size_t n;
	char topic[BC_TOPIC_MAX];
};

struct watch {
	struct cli *cli;
	struct watch_filter *filters;
	size_t n_filters;
	struct bc_sub *sub;
	struct bc_board *board;
	struct watch_losses losses;
	struct watched *topics;
	bool all_lines;
	struct bc_conflate *waiting; /* policy latest; NULL: all */
	bool told_policy;            /* it was asked for, so each message says what is missing */
	bc_level *levels;            /* of a message that the board had no room for */
	uint64_t told_gone[MAX_GATEWAYS]; /* epochs whose silence has been shown */
	size_t n_told_gone;
	struct cli_sources sources;
	int64_t count, n_shown; /* count 0: no end */
	bool failed;
};

static bool done(const struct watch *w)
{
	return cli_signal() != 0 || w->failed || (w->count > 0 && w->n_shown >= w->count);
}

/* ------------------------------------------------------------------ where the gateways are */

static bool of_interest(const void *self, const char *exchange)
{
	const struct watch *w = self;
	for (size_t i = 0; i < w->n_filters; i++) {
		bc_str wanted = watch_filter_exchange(&w->filters[i]);
		if (wanted.n == 0 || bc_str_is(wanted, exchange))
			return true;
	}
	return false;
}

/* ------------------------------------------------------------------ gateways that fell silent */

static bool is_told(const struct watch *w, uint64_t epoch)
{
	for (size_t i = 0; i < w->n_told_gone; i++)
		if (w->told_gone[i] == epoch)
			return true;
	return false;
}

static void forget_told(struct watch *w, uint64_t epoch)
{
	for (size_t i = 0; i < w->n_told_gone; i++)
		if (w->told_gone[i] == epoch)
			w->told_gone[i] = w->told_gone[--w->n_told_gone];
}

static void show_gone(struct watch *w, const struct bc_gateway *g)
{
	char symbol[BC_GATEWAY_NAME_MAX + 1];
	struct bc_message m = { .envelope = { .channel = BC_CHANNEL_STATE,
					      .exchange_seq = BC_SEQ_NONE,
					      .ts_exchange = { BC_TIME_UNKNOWN },
					      .ts_recv = { BC_TIME_UNKNOWN } },
				.body.state.previous = g->state };
	snprintf(symbol, sizeof symbol, "@%s", g->instance);
	const struct bc_message_view view = { .exchange = bc_str_of(g->exchange),
					      .symbol = bc_str_of(symbol),
					      .no_envelope = true,
					      .with_state = true,
					      .state = BC_STATE_STALE,
					      .with_reason = true,
					      .reason = BC_REASON_GATEWAY,
					      .since = bc_wall_now(),
					      .with_losses = w->told_policy };
	w->cli->output->heard(w->cli, &m, &view);
	w->n_shown++;
}

static void look_for_silence(struct watch *w, bc_mono_time now)
{
	const struct bc_gateways *gateways = bc_board_gateways(w->board);
	for (size_t i = 0; i < bc_gateways_count(gateways); i++) {
		const struct bc_gateway *g = bc_gateways_at(gateways, i);
		bool known = is_told(w, g->epoch);
		bool gone = bc_gateway_gone(g, now) && !g->replaced && g->state != BC_STATE_DOWN;
		if (known && !gone)
			forget_told(w, g->epoch);
		if (known || !gone || w->n_told_gone == MAX_GATEWAYS)
			continue;
		w->told_gone[w->n_told_gone++] = g->epoch;
		show_gone(w, g);
	}
}

/* ------------------------------------------------------------------ messages */

/* What is kept with the topic of a message that was kept; NULL: out of memory. */
static struct watched *watched_of(struct watch *w, struct bc_board_mark *mark, bc_str topic)
{
	if (mark->of == NULL) {
		struct watched *t = calloc(1, sizeof *t);
		if (t == NULL)
			return NULL;
		memcpy(t->topic, topic.p, topic.n);
		t->n = topic.n;
		t->waiting.of = t;
		t->next = w->topics;
		w->topics = mark->of = t;
	}
	return mark->of;
}

static void show(struct watch *w, const struct bc_message *m, const struct bc_topic *topic,
		 const struct bc_conflate_taken *missing)
{
	const struct bc_message_view view = { .exchange = topic->exchange,
					      .symbol = topic->symbol,
					      .with_losses = w->told_policy,
					      .n_lost = missing->n_lost,
					      .n_replaced = missing->n_replaced,
					      .n_unfit = missing->n_unfit };
	w->cli->output->heard(w->cli, m, &view);
	w->n_shown++;
}

/* Shows some of what waits, in turn; false: nothing does. */
static bool show_waiting(struct watch *w)
{
	struct bc_conflate_taken waited;
	struct bc_topic parts;
	struct bc_message m;
	for (int i = 0; i < SHOWN_A_TURN && !done(w); i++) {
		if (!bc_conflate_take(w->waiting, &waited))
			return false;
		const struct watched *t = waited.topic->of;
		/* It could be read before. */
		if (bc_topic_split((bc_str){ t->topic, t->n }, &parts) == BC_OK &&
		    bc_message_decode(waited.payload, &m, w->levels, ANSWER_MAX_LEVELS) == BC_OK)
			show(w, &m, &parts, &waited);
	}
	return true;
}

/* A message that came, and how much is known to be lost before it: into the row of those that wait,
 * or at once. */
static void hand(struct watch *w, struct watched *t, const struct bc_topic *parts,
		 const struct bc_message *m, bc_str payload, uint64_t n_lost)
{
	struct bc_conflate_taken missing = { .n_lost = n_lost };
	if (t != NULL && w->waiting != NULL) {
		bc_conflate_put(w->waiting, &t->waiting, m, payload, n_lost, 0);
		return;
	}
	if (t != NULL) {
		missing.n_lost += t->waiting.untold;
		t->waiting.untold = 0;
	}
	show(w, m, parts, &missing);
}

/* Of two lines: is it the first good copy? */
static bool is_first(struct watch *w, struct watched *t, const struct bc_board_taken *taken,
		     bc_str payload, bc_mono_time now, uint64_t *lost)
{
	struct bc_board_answer answer;
	/* What an old process said at its end nobody knows. */
	uint64_t n_lost = taken->heir_of != 0 ? 0 : taken->n_lost;
	bool first = true;
	*lost = n_lost;
	if (t == NULL)
		return true;
	bc_board_get_taken(w->board, now, &answer);
	if (!w->all_lines && bc_lines_doubled(&t->lines, taken)) {
		struct bc_board_taken known = *taken;
		known.n_lost = n_lost;
		const struct bc_ruling r =
			bc_lines_take(&t->lines, w->board, &known, payload, answer.state, now);
		n_lost = r.n_lost;
		first = r.verdict == BC_VERDICT_TAKE;
	}
	if (first)
		bc_lines_say(&t->lines, taken->message, answer.state);
	*lost = n_lost;
	return first;
}

static bool is_shown(const struct watch *w, bc_str topic, const struct bc_topic *parts)
{
	bool shown = false;
	for (size_t i = 0; i < w->n_filters && !shown; i++)
		shown = watch_filter_shows(&w->filters[i], topic, parts);
	return shown;
}

/* A message that is to be shown, and that the board has kept. */
static void take_kept(struct watch *w, bc_str topic, const struct bc_topic *parts,
		      const struct bc_board_taken *taken, bc_str payload, bool shown,
		      bc_mono_time now)
{
	struct watched *t = watched_of(w, taken->mark, topic);
	uint64_t n_lost;
	bool first = is_first(w, t, taken, payload, now, &n_lost);
	if (!shown)
		return;
	if (t != NULL)
		watch_losses_add(&w->losses, n_lost, &t->told);
	if (first)
		hand(w, t, parts, taken->message, payload, n_lost);
	else if (t != NULL)
		t->waiting.untold += n_lost;
}

static void take(struct watch *w, bc_str topic, bc_str payload, bc_mono_time now)
{
	struct bc_topic parts;
	struct bc_message spare;
	struct bc_board_taken taken;
	bool shown = bc_topic_split(topic, &parts) == BC_OK && is_shown(w, topic, &parts);
	bc_status rc = bc_board_take(w->board, topic, payload, now, &taken);
	if (rc == BC_OK)
		take_kept(w, topic, &parts, &taken, payload, shown, now);
	if (rc == BC_OK || rc == BC_EDUPLICATE || rc == BC_EGAP)
		return; /* or seen before; or a straggler of a gateway that has been replaced */
	if (rc == BC_ERANGE || rc == BC_ENOMEM) /* shown, though it is not kept */
		rc = bc_message_decode(payload, &spare, w->levels, ANSWER_MAX_LEVELS);
	if (rc != BC_OK)
		cli_complain(w->cli, CLI_ERROR, "a message cannot be read: %s", bc_status_text(rc));
	else if (shown)
		hand(w, NULL, &parts, &spare, payload, 0);
}

/* Takes what is there. */
static void drain(struct watch *w)
{
	bc_mono_time now = bc_boot_now();
	char prefix[BC_TOPIC_MAX + 1];
	while (bc_board_wants(w->board, prefix)) /* what comes is shown, nothing is asked */
		continue;
	const int most = w->waiting != NULL ? QUEUE : MESSAGES_A_TURN;
	for (int i = 0; i < most && !done(w); i++) {
		bc_str topic, payload;
		bc_status rc = bc_sub_receive(w->sub, &topic, &payload);
		if (rc == BC_EAGAIN)
			break;
		if (rc == BC_OK)
			take(w, topic, payload, now);
		w->failed = w->failed || rc == BC_EBUS;
	}
}

/* Takes what is there and shows it; true: more waits to be shown. */
static bool turn(struct watch *w)
{
	drain(w);
	bool more = w->waiting != NULL && show_waiting(w);
	if (fflush(stdout) != 0 || ferror(stdout))
		w->failed = true;
	return more;
}

static void tell_losses(struct watch *w, bc_mono_time now)
{
	uint64_t n_lost;
	size_t n_topics;
	if (watch_losses_due(&w->losses, now, &n_lost, &n_topics))
		cli_complain(w->cli, CLI_ERROR,
			     "%llu message%s of %zu topic%s lost on the way: this program, or who "
			     "reads its output, is too slow",
			     (unsigned long long)n_lost, n_lost == 1 ? "" : "s", n_topics,
			     n_topics == 1 ? "" : "s");
}

static enum cli_status follow(struct watch *w)
{
	bool more = false;
	while (!done(w)) {
		enum cli_status status = cli_sources_wait(&w->sources, more ? 0 : LOOK_AROUND_MS);
		if (status != CLI_OK)
			return status;
		/* Who reads our output may hold us up, and nobody is heard meanwhile. */
		const bc_mono_time now = bc_mono_now(), boot = bc_boot_now();
		more = turn(w);
		if (!done(w))
			look_for_silence(w, boot);
		cli_sources_look(&w->sources, now, w->n_told_gone > 0);
		tell_losses(w, now);
	}
	return w->failed ? CLI_ERROR : CLI_OK;
}

/* ------------------------------------------------------------------ the verb */

static bc_status subscribe(struct watch *w)
{
	bc_status rc = BC_OK;
	for (size_t i = 0; i < w->n_filters && rc == BC_OK; i++) {
		const struct watch_filter *f = &w->filters[i];
		char own[BC_TOPIC_MAX + 4];
		bc_str what = watch_filter_subscription(f), exchange = watch_filter_exchange(f);
		rc = f->kind == FILTER_TOPIC ? bc_sub_topic_add(w->sub, what)
					     : bc_sub_prefix_add(w->sub, what);
		int n = snprintf(own, sizeof own, "%.*s.@", (int)exchange.n, exchange.p);
		if (rc == BC_OK && exchange.n > 0) /* heartbeats: who misses them must say so */
			rc = bc_sub_prefix_add(w->sub, (bc_str){ own, (size_t)n });
	}
	return rc;
}

static bool make_parts(struct watch *w)
{
	const struct bc_sub_options options = { QUEUE, 0 };
	const struct bc_board_limits limits = { MAX_TOPICS, MAX_BYTES, RETAIN };
	w->filters = calloc((size_t)w->cli->n_args, sizeof *w->filters);
	w->levels = malloc(ANSWER_MAX_LEVELS * sizeof *w->levels);
	w->board = bc_board_new(&limits);
	w->losses.round = 1;
	return w->filters != NULL && w->levels != NULL && w->board != NULL &&
	       bc_sub_new(&w->sub, w->cli->zmq, &options) == BC_OK;
}

static enum cli_status read_policy(struct watch *w)
{
	const char *policy = cli_flag(w->cli, "policy");
	w->told_policy = policy != NULL;
	if (policy == NULL || strcmp(policy, "all") == 0)
		return CLI_OK;
	if (strcmp(policy, "latest") != 0)
		return cli_complain(w->cli, CLI_ERROR, "--policy '%s': must be all or latest",
				    policy);
	w->waiting = bc_conflate_new(&bc_conflate_usual);
	return w->waiting != NULL
		       ? CLI_OK
		       : cli_complain(w->cli, CLI_ERROR, "%s", bc_status_text(BC_ENOMEM));
}

static enum cli_status start(struct watch *w)
{
	struct cli *cli = w->cli;
	enum cli_status status = cli_flag_number(cli, "count", 1, INT64_MAX, &w->count);
	if (status == CLI_OK)
		status = read_policy(w);
	if (status == CLI_OK)
		status = cli_connect(cli);
	if (status != CLI_OK)
		return status;
	w->all_lines = cli_flag(cli, "all-lines") != NULL;
	if (!make_parts(w))
		return cli_complain(cli, CLI_ERROR, "%s", bc_status_text(BC_ENOMEM));
	for (int i = 0; i < cli->n_args && status == CLI_OK; i++, w->n_filters++)
		status = watch_filter_read(cli, cli->args[i], &w->filters[i]);
	if (status == CLI_OK && subscribe(w) != BC_OK)
		status = cli_complain(cli, CLI_ERROR, "cannot subscribe");
	w->sources = (struct cli_sources){ cli, w->sub, of_interest, w, { 0 } };
	return status == CLI_OK ? cli_sources_find(&w->sources) : status;
}

static void free_topics(struct watch *w)
{
	while (w->topics != NULL) {
		struct watched *t = w->topics;
		w->topics = t->next;
		bc_lines_forget(&t->lines);
		free(t);
	}
}

static enum cli_status run_watch(struct cli *cli)
{
	struct watch w = { .cli = cli };
	enum cli_status status = start(&w);
	if (status == CLI_OK) {
		cli_signals_catch();
		status = follow(&w);
	}
	bc_sub_free(&w.sub);
	bc_conflate_free(&w.waiting);
	bc_board_free(&w.board);
	free_topics(&w);
	free(w.levels);
	free(w.filters);
	return status;
}

static struct bc_verb_flag flags[] = {
	{ "count", "N", "end after N messages", NULL },
	{ "policy", "all|latest",
	  "latest: who reads the output slowly gets the newest of each topic, and every trade",
	  NULL },
	{ "all-lines", NULL, "of A/B lines both, not the first good copy", NULL },
};

const struct cli_verb cli_verb_watch = {
	.name = "watch",
	.arguments = "TOPIC...",
	.purpose = "messages as they are published, a line each, until Ctrl-C",
	.examples = "  bookcast watch upbit.KRW-BTC.book\n"
		    "  bookcast watch upbit.BTC/KRW\n"
		    "  bookcast watch 'upbit.KRW-*.trade' --json | jq .price\n"
		    "  bookcast watch upbit.@0 --count 5\n",
	.min_args = 1,
	.max_args = -1,
	.flags = flags,
	.n_flags = sizeof flags / sizeof *flags,
	.run = run_watch,
};
