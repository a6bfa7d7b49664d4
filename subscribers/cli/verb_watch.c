/* watch: messages as they come from the gateways, which are found through the cache.
 *
 * What was lost on the way is told on stderr; a gateway that falls silent is shown as a line of its
 * topic <exchange>.@<instance>.state, since nothing else of it would come. */
#include "subscribers/cli/output.h"
#include "subscribers/cli/sources.h"
#include "subscribers/cli/verbs.h"
#include "subscribers/cli/watch_filter.h"
#include "subscribers/cli/watch_losses.h"

#include "common/clock.h"
#include "common/gateways.h"
#include "proto/codec.h"

#include <stdlib.h>
#include <string.h>

#define MAX_GATEWAYS    256
#define LOOK_AROUND_MS  250
#define MESSAGES_A_TURN 1000

struct watch {
	struct cli *cli;
	struct watch_filter *filters;
	size_t n_filters;
	struct bc_sub *sub;
	struct bc_gateways *gateways;
	struct watch_losses *losses;
	bc_level *levels;
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
					      .since = bc_wall_now() };
	w->cli->output->heard(w->cli, &m, &view);
	w->n_shown++;
}

static void look_for_silence(struct watch *w, bc_mono_time now)
{
	for (size_t i = 0; i < bc_gateways_count(w->gateways); i++) {
		const struct bc_gateway *g = bc_gateways_at(w->gateways, i);
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

static void take(struct watch *w, bc_str topic, bc_str payload, bc_mono_time now)
{
	struct bc_topic parts;
	struct bc_message m;
	struct bc_gateway_news news;
	bool shown = false;
	bc_status rc = bc_topic_split(topic, &parts);
	if (rc == BC_OK)
		rc = bc_message_decode(payload, &m, w->levels, ANSWER_MAX_LEVELS);
	if (rc != BC_OK) {
		cli_complain(w->cli, CLI_ERROR, "a message cannot be read: %s", bc_status_text(rc));
		return;
	}
	if (bc_gateways_hear(w->gateways, &parts, &m, now, &news) == BC_EGAP)
		return; /* a straggler of a gateway that has been replaced */
	for (size_t i = 0; i < w->n_filters && !shown; i++)
		shown = watch_filter_shows(&w->filters[i], topic, &parts);
	if (!shown || !watch_losses_take(w->losses, topic, m.envelope.epoch, m.envelope.seq))
		return;
	const struct bc_message_view view = { .exchange = parts.exchange, .symbol = parts.symbol };
	w->cli->output->heard(w->cli, &m, &view);
	w->n_shown++;
}

/* Takes what is there. */
static void drain(struct watch *w)
{
	bc_mono_time now = bc_mono_now();
	for (int i = 0; i < MESSAGES_A_TURN && !done(w); i++) {
		bc_str topic, payload;
		bc_status rc = bc_sub_receive(w->sub, &topic, &payload);
		if (rc == BC_EAGAIN)
			break;
		if (rc == BC_OK)
			take(w, topic, payload, now);
		w->failed = w->failed || rc == BC_EBUS;
	}
	if (fflush(stdout) != 0 || ferror(stdout))
		w->failed = true;
}

static void tell_losses(struct watch *w, bc_mono_time now)
{
	uint64_t n_lost;
	size_t n_topics;
	if (watch_losses_due(w->losses, now, &n_lost, &n_topics))
		cli_complain(w->cli, CLI_ERROR,
			     "%llu message%s of %zu topic%s lost on the way: this program, or who "
			     "reads its output, is too slow",
			     (unsigned long long)n_lost, n_lost == 1 ? "" : "s", n_topics,
			     n_topics == 1 ? "" : "s");
}

static enum cli_status follow(struct watch *w)
{
	while (!done(w)) {
		enum cli_status status = cli_sources_wait(&w->sources, LOOK_AROUND_MS);
		if (status != CLI_OK)
			return status;
		drain(w);
		bc_mono_time now = bc_mono_now();
		if (!done(w))
			look_for_silence(w, now);
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
	const struct bc_sub_options options = { 0, 0 };
	w->filters = calloc((size_t)w->cli->n_args, sizeof *w->filters);
	w->levels = malloc(ANSWER_MAX_LEVELS * sizeof *w->levels);
	w->gateways = bc_gateways_new(MAX_GATEWAYS);
	w->losses = watch_losses_new();
	return w->filters != NULL && w->levels != NULL && w->gateways != NULL &&
	       w->losses != NULL && bc_sub_new(&w->sub, w->cli->zmq, &options) == BC_OK;
}

static enum cli_status start(struct watch *w)
{
	struct cli *cli = w->cli;
	enum cli_status status = cli_flag_number(cli, "count", 1, INT64_MAX, &w->count);
	if (status == CLI_OK)
		status = cli_connect(cli);
	if (status != CLI_OK)
		return status;
	if (!make_parts(w))
		return cli_complain(cli, CLI_ERROR, "%s", bc_status_text(BC_ENOMEM));
	for (int i = 0; i < cli->n_args && status == CLI_OK; i++, w->n_filters++)
		status = watch_filter_read(cli, cli->args[i], &w->filters[i]);
	if (status == CLI_OK && subscribe(w) != BC_OK)
		status = cli_complain(cli, CLI_ERROR, "cannot subscribe");
	w->sources = (struct cli_sources){ cli, w->sub, of_interest, w, { 0 } };
	return status == CLI_OK ? cli_sources_find(&w->sources) : status;
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
	watch_losses_free(&w.losses);
	bc_gateways_free(&w.gateways);
	free(w.levels);
	free(w.filters);
	return status;
}

static struct bc_verb_flag flags[] = {
	{ "count", "N", "end after N messages", NULL },
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
