/* trades, candles: the newest of a symbol that the cache has kept, the oldest of them first. */
#include "subscribers/cli/output.h"
#include "subscribers/cli/topics.h"
#include "subscribers/cli/verbs.h"

#include "common/text.h"
#include "proto/codec.h"

#include <string.h>

struct history {
	struct cli *cli;
	const char *question; /* of the cache's protocol */
	enum bc_channel channel;
	char channel_word[24];
	char n[24];
	struct answer_limits limits;
};

static enum cli_status show(struct history *h, bc_str topic, const struct bc_board_answer *state,
			    const bc_str *payloads, size_t n)
{
	struct answer standing;
	if (answer_standing(topic, state, &standing) != BC_OK)
		return cli_not_the_protocol(h->cli);
	enum cli_status fitness = answer_judge(&standing, &h->limits), all = fitness;
	const struct cli_answers_shape shape = { .channel = h->channel,
						 .allow_rest = h->limits.allow_rest };
	h->cli->output->history(h->cli, &standing, &shape);
	for (size_t i = 0; i < n; i++) {
		struct answer event = standing;
		bc_status rc = bc_message_decode(payloads[i], &event.message, NULL, 0);
		if (rc == BC_OK && event.message.envelope.channel != h->channel)
			rc = BC_EPARSE;
		if (rc == BC_OK)
			h->cli->output->event(h->cli, &event);
		else
			all = cli_complain(h->cli, CLI_ERROR, "%.*s: a message cannot be read: %s",
					   (int)topic.n, topic.p, bc_status_text(rc));
	}
	h->cli->output->history_end(h->cli, &standing, fitness);
	return all;
}

static enum cli_status tell_no_data(const struct history *h, const char *topic,
				    const struct bc_board_answer *state)
{
	bool fed = bc_state_fit(state->state); /* the symbol is; so is this among its channels? */
	return cli_complain(h->cli, CLI_NOT_FOUND, "%s: no data yet (%s)%s%s%s", topic,
			    bc_state_word(state->state), fed ? "; does its gateway publish " : "",
			    fed ? h->channel_word : "", fed ? "?" : "");
}

static enum cli_status show_symbol(struct history *h, bc_str exchange, bc_str name)
{
	char symbol[BC_TOPIC_MAX + 1], topic[BC_TOPIC_MAX + 1];
	struct bc_rpc_reply reply;
	struct bc_board_answer state;
	enum cli_status status =
		native_topic(h->cli, exchange, name, h->channel_word, symbol, topic);
	if (status != CLI_OK)
		return status;
	const bc_str args[] = { bc_str_of(topic), bc_str_of(h->n) };
	status = cli_ask(h->cli, h->question, args, 2, &reply);
	if (status != CLI_OK)
		return status;
	if (reply.n_answers < BC_STATE_FRAMES ||
	    bc_board_read_state(reply.answers, &state) != BC_OK)
		return cli_not_the_protocol(h->cli);
	if (state.status == BC_BOARD_OK)
		return show(h, args[0], &state, reply.answers + BC_STATE_FRAMES,
			    reply.n_answers - BC_STATE_FRAMES);
	if (state.status == BC_BOARD_NO_DATA)
		return tell_no_data(h, topic, &state);
	return tell_not_served(h->cli, exchange, symbol, h->channel_word);
}

static enum cli_status show_all(struct history *h)
{
	struct cli *cli = h->cli;
	enum cli_status all = CLI_OK;
	bc_str exchange, symbol;
	for (int i = 0; i < cli->n_args; i++)
		if (is_pattern(cli->args[i]))
			return cli_complain(cli, CLI_ERROR,
					    "'%s': takes no pattern; name the symbols",
					    cli->args[i]);
	if (cli->n_args == 1) {
		all = split_name(cli, cli->args[0], &exchange, &symbol);
		return all == CLI_OK ? show_symbol(h, exchange, symbol) : all;
	}
	for (int i = 1; i < cli->n_args; i++)
		all = cli_worse(all,
				show_symbol(h, bc_str_of(cli->args[0]), bc_str_of(cli->args[i])));
	return all;
}

static enum cli_status run(struct history *h)
{
	int64_t n = 20;
	if (cli_flag_number(h->cli, "n", 1, 10000, &n) != CLI_OK ||
	    cli_flag_ns(h->cli, "max-age", &h->limits.max_age_ns) != CLI_OK)
		return CLI_ERROR;
	snprintf(h->n, sizeof h->n, "%lld", (long long)n);
	h->limits.allow_rest = cli_flag(h->cli, "allow-rest") != NULL;
	return show_all(h);
}

static enum cli_status run_trades(struct cli *cli)
{
	struct history h = { .cli = cli,
			     .question = "TRADES",
			     .channel = BC_CHANNEL_TRADE,
			     .channel_word = "trade",
			     .limits = { -1, false } };
	return run(&h);
}

static enum cli_status tell_intervals(const struct cli *cli, const char *given)
{
	char list[256];
	struct bc_text t = bc_text_on(list, sizeof list);
	for (unsigned i = 0; i < BC_N_INTERVALS; i++)
		bc_text_addf(&t, " %s", bc_interval_word(i));
	return cli_complain(cli, CLI_ERROR, "--interval: '%s': must be one of%s", given, list);
}

static enum cli_status run_candles(struct cli *cli)
{
	const char *interval = cli_flag(cli, "interval");
	struct history h = { .cli = cli,
			     .question = "CANDLES",
			     .channel = BC_CHANNEL_CANDLE,
			     .limits = { -1, false } };
	if (interval == NULL)
		interval = "1m";
	if (bc_interval_of(bc_str_of(interval)) < 0)
		return tell_intervals(cli, interval);
	snprintf(h.channel_word, sizeof h.channel_word, "candle-%s", interval);
	return run(&h);
}

#define HISTORY_FLAGS                                                                          \
	{ "n", "N", "how many, the newest ones, from 1 to 10000; default: 20", NULL },         \
		{ "max-age", "TIME",                                                           \
		  "not fit (exit status 3) if the topic was not proven true within this time", \
		  NULL },                                                                      \
	{                                                                                      \
		"allow-rest", NULL, "take polled data (state rest) for fit", NULL              \
	}

static struct bc_verb_flag trades_flags[] = { HISTORY_FLAGS };

static struct bc_verb_flag candles_flags[] = {
	{ "interval", "I", "1s 1m 3m 5m 10m 15m 30m 1h 2h 4h 6h 8h 12h 1d 3d 1w 1M; default: 1m",
	  NULL },
	HISTORY_FLAGS
};

const struct cli_verb cli_verb_trades = {
	.name = "trades",
	.arguments = "EXCHANGE SYMBOL...",
	.purpose = "the newest trades of a symbol, the newest last",
	.examples = "  bookcast trades upbit KRW-BTC\n"
		    "  bookcast trades upbit BTC/KRW -n 1000 --json | jq -r .price\n",
	.min_args = 1,
	.max_args = -1,
	.flags = trades_flags,
	.n_flags = sizeof trades_flags / sizeof *trades_flags,
	.run = run_trades,
};

const struct cli_verb cli_verb_candles = {
	.name = "candles",
	.arguments = "EXCHANGE SYMBOL...",
	.purpose = "the newest candles of a symbol, the newest last",
	.examples = "  bookcast candles upbit KRW-BTC\n"
		    "  bookcast candles upbit BTC/KRW --interval 1h -n 200 --json\n",
	.min_args = 1,
	.max_args = -1,
	.flags = candles_flags,
	.n_flags = sizeof candles_flags / sizeof *candles_flags,
	.run = run_candles,
};
