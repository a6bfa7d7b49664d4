/* watch: messages as they come from the gateways, which are found through the cache.
 *
 * What was lost on the way is told on stderr; a gateway that falls silent is shown as a line of its
 * topic <exchange>.@<instance>.state, since nothing else of it would come. */
#include "subscribers/cli/output.h"
#include "subscribers/cli/verbs.h"
#include "subscribers/cli/watch_filter.h"
#include "subscribers/cli/watch_losses.h"

#include "common/bus_sub.h"
#include "common/clock.h"
#include "common/gateways.h"
#include "proto/codec.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#define MAX_GATEWAYS    256
#define ASK_EVERY       (10 * BC_NS_PER_S)
#define ASK_AGAIN_AFTER BC_NS_PER_S /* while a gateway is missing */
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
	bc_mono_time next_ask;
	int64_t count, n_shown; /* count 0: no end */
	bool failed;
};

static volatile sig_atomic_t stop_signal;

static void on_signal(int number)
{
	stop_signal = number;
}

static void catch_signals(void)
{
	struct sigaction action = { .sa_handler = on_signal }; /* without SA_RESTART: ends a wait */
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
}

static bool done(const struct watch *w)
{
	return stop_signal != 0 || w->failed || (w->count > 0 && w->n_shown >= w->count);
}

/* ------------------------------------------------------------------ where the gateways are */

static bool of_interest(const struct watch *w, const char *exchange)
{
	for (size_t i = 0; i < w->n_filters; i++) {
		bc_str wanted = watch_filter_exchange(&w->filters[i]);
		if (wanted.n == 0 || bc_str_is(wanted, exchange))
			return true;
	}
	return false;
}

/* Connects to what a GATEWAYS answer names; returns how many of them are of interest. */
static size_t connect_all(struct watch *w, const struct bc_rpc_reply *reply)
{
	size_t n = 0, i;
	json_t *gateway;
	json_t *report = reply->n_answers == 1
				 ? json_loadb(reply->answers[0].p, reply->answers[0].n, 0, NULL)
				 : NULL;
	json_array_foreach(json_object_get(report, "gateways"), i, gateway)
	{
		const char *exchange = json_string_value(json_object_get(gateway, "exchange"));
		const char *endpoint = json_string_value(json_object_get(gateway, "endpoint"));
		if (exchange == NULL || !of_interest(w, exchange))
			continue;
		n++;
		if (endpoint != NULL && bc_sub_connect(w->sub, endpoint) != BC_OK)
			cli_complain(w->cli, CLI_ERROR, "cannot connect to %s, the gateway of %s",
				     endpoint, exchange);
	}
	json_decref(report);
	return n;
}

static enum cli_status find_gateways(struct watch *w)
{
	struct bc_rpc_reply reply;
	enum cli_status status = cli_ask(w->cli, "GATEWAYS", NULL, 0, &reply);
	if (status == CLI_OK && connect_all(w, &reply) == 0)
		status = cli_complain(
			w->cli, CLI_NOT_FOUND,
			"the cache knows no gateway for this; `bookcast gateways` shows "
			"who is there");
	w->next_ask.ns = bc_mono_now().ns + ASK_EVERY;
	return status;
}

/* Later questions go beside the stream; a cache that is away costs nothing but new gateways. */
static void ask_again(struct watch *w, bc_mono_time now)
{
	struct bc_rpc_reply reply;
	if (bc_rpc_pending(w->cli->cache)) {
		bc_status rc = bc_rpc_poll(w->cli->cache, now, &reply);
		if (rc == BC_OK && reply.status == BC_RPC_OK)
			connect_all(w, &reply);
		return;
	}
	if (now.ns < w->next_ask.ns)
		return;
	bc_rpc_send(w->cli->cache, BC_STR("GATEWAYS"), NULL, 0, now, w->cli->timeout_ns);
	w->next_ask.ns = now.ns + (w->n_told_gone > 0 ? ASK_AGAIN_AFTER : ASK_EVERY);
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
		w->next_ask = now;
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
		zmq_pollitem_t items[] = {
			{ .socket = bc_sub_socket(w->sub), .events = ZMQ_POLLIN },
			{ .socket = bc_rpc_client_socket(w->cli->cache), .events = ZMQ_POLLIN },
		};
		if (zmq_poll(items, bc_rpc_pending(w->cli->cache) ? 2 : 1, LOOK_AROUND_MS) < 0 &&
		    errno != EINTR)
			return cli_complain(w->cli, CLI_ERROR, "zmq_poll: %s", zmq_strerror(errno));
		drain(w);
		bc_mono_time now = bc_mono_now();
		if (!done(w))
			look_for_silence(w, now);
		ask_again(w, now);
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
	return status == CLI_OK ? find_gateways(w) : status;
}

static enum cli_status run_watch(struct cli *cli)
{
	struct watch w = { .cli = cli };
	enum cli_status status = start(&w);
	if (status == CLI_OK) {
		catch_signals();
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
