/* get: the newest message of a topic, its state now and its ages, from the cache. */
#include "subscribers/cli/output.h"
#include "subscribers/cli/topics.h"
#include "subscribers/cli/verbs.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

struct get {
	struct cli *cli;
	const char *channel;
	struct answer_limits limits;
	struct cli_answers_shape shape;
	bc_level *levels;
};

/* What the cache answered about a topic. */
struct got {
	bc_str topic;
	struct bc_board_answer get, state;
};

static enum cli_status show(struct get *g, const struct got *got)
{
	struct answer a;
	if (got->get.status != BC_BOARD_OK)
		return cli_complain(g->cli, CLI_NOT_FOUND, "%.*s: no data yet", (int)got->topic.n,
				    got->topic.p);
	bc_status rc = answer_decode(got->topic, &got->get, &got->state, g->levels, &a);
	if (rc != BC_OK)
		return cli_complain(g->cli, CLI_ERROR, "%.*s: its message cannot be read: %s",
				    (int)got->topic.n, got->topic.p, bc_status_text(rc));
	enum cli_status fitness = answer_judge(&a, &g->limits);
	g->cli->output->answer(g->cli, &a, fitness);
	return fitness;
}

/* Copies the texts and payloads of got[], for the next question overwrites the reply. Returns the
 * memory they are in; NULL: there is none. */
static char *keep(struct got *got, size_t n)
{
	size_t bytes = 1;
	for (size_t i = 0; i < n; i++)
		bytes += got[i].topic.n + got[i].get.payload.n;
	char *kept = malloc(bytes), *to = kept;
	for (size_t i = 0; i < n && kept != NULL; i++) {
		bc_str *texts[] = { &got[i].topic, &got[i].get.payload };
		for (size_t k = 0; k < 2; k++) {
			if (texts[k]->n > 0)
				memcpy(to, texts[k]->p, texts[k]->n);
			texts[k]->p = to;
			to += texts[k]->n;
		}
	}
	return kept;
}

/* Asks why they are as they are. */
static enum cli_status ask_states(struct get *g, struct got *got, size_t n)
{
	struct bc_rpc_reply reply;
	bc_str *topics = calloc(n, sizeof *topics);
	if (topics == NULL)
		return cli_complain(g->cli, CLI_ERROR, "%s", bc_status_text(BC_ENOMEM));
	for (size_t i = 0; i < n; i++)
		topics[i] = got[i].topic;
	enum cli_status status = cli_ask(g->cli, "STATE", topics, n, &reply);
	free(topics);
	if (status != CLI_OK)
		return status;
	if (reply.n_answers != n * BC_STATE_FRAMES)
		return cli_not_the_protocol(g->cli);
	for (size_t i = 0; i < n; i++)
		if (bc_board_read_state(reply.answers + i * BC_STATE_FRAMES, &got[i].state) !=
		    BC_OK)
			return cli_not_the_protocol(g->cli);
	return CLI_OK;
}

/* Shows all n (at least 1) of them; the reply they came in is gone then. */
static enum cli_status show_all(struct get *g, struct got *got, size_t n)
{
	char *kept = keep(got, n);
	if (kept == NULL)
		return cli_complain(g->cli, CLI_ERROR, "%s", bc_status_text(BC_ENOMEM));
	enum cli_status all = ask_states(g, got, n);
	bool asked = all == CLI_OK;
	for (size_t i = 0; asked && i < n; i++)
		all = cli_worse(all, show(g, &got[i]));
	free(kept);
	return all;
}

/* ------------------------------------------------------------------ one symbol */

static enum cli_status get_symbol(struct get *g, bc_str exchange, bc_str name)
{
	char symbol[BC_TOPIC_MAX + 1], topic[BC_TOPIC_MAX + 1];
	struct bc_rpc_reply reply;
	struct got got;
	enum cli_status status = native_topic(g->cli, exchange, name, g->channel, symbol, topic);
	if (status != CLI_OK)
		return status;
	got.topic = bc_str_of(topic);
	status = cli_ask(g->cli, "LATEST", &got.topic, 1, &reply);
	if (status != CLI_OK)
		return status;
	if (reply.n_answers != 1 || bc_board_read_latest(reply.answers[0], &got.get) != BC_OK)
		return cli_not_the_protocol(g->cli);
	got.state = got.get;
	if (got.get.status == BC_BOARD_OK)
		return show(g, &got);
	if (got.get.status == BC_BOARD_NO_DATA)
		return cli_complain(g->cli, CLI_NOT_FOUND, "%s: no data yet (%s)", topic,
				    bc_state_word(got.get.state));
	return tell_not_served(g->cli, exchange, symbol, g->channel);
}

/* ------------------------------------------------------------------ a pattern */

/* `pattern` is of "exchange.symbol"; a gateway's own topics (@...) are named by '@' alone. */
static bool matches(const struct bc_topic *t, const char *pattern, const char *channel)
{
	char name[BC_TOPIC_MAX + 1];
	if (!bc_str_is(t->channel, channel))
		return false;
	if (t->symbol.p[0] == '@' && strchr(pattern, '@') == NULL)
		return false;
	snprintf(name, sizeof name, "%.*s.%.*s", (int)t->exchange.n, t->exchange.p,
		 (int)t->symbol.n, t->symbol.p);
	return fnmatch(pattern, name, 0) == 0;
}

/* The answers of a MATCH that are meant; not CLI_OK: it has been told. */
static enum cli_status choose(const struct get *g, const struct bc_rpc_reply *reply,
			      const char *pattern, struct got *got, size_t *n)
{
	const size_t frames = 1 + BC_GET_FRAMES;
	if (reply->n_answers % frames != 0)
		return cli_not_the_protocol(g->cli);
	*n = 0;
	for (size_t i = 0; i < reply->n_answers; i += frames) {
		struct got *next = &got[*n];
		struct bc_topic t;
		next->topic = reply->answers[i];
		if (bc_topic_split(next->topic, &t) != BC_OK ||
		    bc_board_read_get(reply->answers + i + 1, &next->get) != BC_OK)
			return cli_not_the_protocol(g->cli);
		*n += matches(&t, pattern, g->channel);
	}
	return CLI_OK;
}

static enum cli_status get_pattern(struct get *g, const char *pattern)
{
	struct bc_rpc_reply reply;
	const bc_str prefix = pattern_prefix(pattern);
	enum cli_status status = cli_ask(g->cli, "MATCH", &prefix, 1, &reply);
	if (status != CLI_OK)
		return status;
	struct got *got = calloc(reply.n_answers / (1 + BC_GET_FRAMES) + 1, sizeof *got);
	size_t n = 0;
	if (got == NULL)
		return cli_complain(g->cli, CLI_ERROR, "%s", bc_status_text(BC_ENOMEM));
	status = choose(g, &reply, pattern, got, &n);
	if (status == CLI_OK && n == 0)
		status = cli_complain(g->cli, CLI_NOT_FOUND, "nothing matches %s, channel %s",
				      pattern, g->channel);
	else if (status == CLI_OK)
		status = show_all(g, got, n);
	free(got);
	return status;
}

/* ------------------------------------------------------------------ the verb */

static enum cli_status get_one(struct get *g, bc_str exchange, const char *name)
{
	char pattern[BC_TOPIC_MAX + 1];
	if (!is_pattern(name))
		return get_symbol(g, exchange, bc_str_of(name));
	if (snprintf(pattern, sizeof pattern, "%.*s.%s", (int)exchange.n, exchange.p, name) >=
	    (int)sizeof pattern)
		return cli_complain(g->cli, CLI_ERROR, "'%s': too long for a pattern", name);
	return get_pattern(g, pattern);
}

static enum cli_status get_all(struct get *g)
{
	struct cli *cli = g->cli;
	enum cli_status all = CLI_OK;
	bc_str exchange, symbol;
	if (cli->n_args == 1 && is_pattern(cli->args[0]))
		return get_pattern(g, cli->args[0]);
	if (cli->n_args == 1) {
		all = split_name(cli, cli->args[0], &exchange, &symbol);
		return all == CLI_OK ? get_symbol(g, exchange, symbol) : all;
	}
	for (int i = 1; i < cli->n_args; i++)
		all = cli_worse(all, get_one(g, bc_str_of(cli->args[0]), cli->args[i]));
	return all;
}

static enum cli_status run_get(struct cli *cli)
{
	struct get g = { .cli = cli, .channel = cli_flag(cli, "channel"), .limits = { -1, false } };
	int64_t depth = 0;
	if (g.channel == NULL)
		g.channel = "book";
	if (check_channel(cli, g.channel) != CLI_OK ||
	    cli_flag_number(cli, "depth", 1, 10000, &depth) != CLI_OK ||
	    cli_flag_ns(cli, "max-age", &g.limits.max_age_ns) != CLI_OK)
		return CLI_ERROR;
	g.limits.allow_rest = cli_flag(cli, "allow-rest") != NULL;
	const char *last = cli->args[cli->n_args - 1];
	g.shape = (struct cli_answers_shape){
		.channel = (enum bc_channel)bc_channel_of(bc_str_of(g.channel)),
		.depth = (uint32_t)depth,
		.alone = cli->n_args <= 2 && !is_pattern(last),
		.allow_rest = g.limits.allow_rest,
	};
	g.levels = malloc(ANSWER_MAX_LEVELS * sizeof *g.levels);
	if (g.levels == NULL)
		return cli_complain(cli, CLI_ERROR, "%s", bc_status_text(BC_ENOMEM));
	cli->output->answers(cli, &g.shape);
	enum cli_status status = get_all(&g);
	free(g.levels);
	return status;
}

static struct bc_verb_flag flags[] = {
	{ "channel", "NAME",
	  "book (default), bbo, trade, ticker, candle-<interval>, instrument, state", NULL },
	{ "depth", "N", "levels a side; default: all there are (10 in a table)", NULL },
	{ "max-age", "TIME", "not fit (exit status 3) if not proven true within this time", NULL },
	{ "allow-rest", NULL, "take polled data (state rest) for fit", NULL },
};

const struct cli_verb cli_verb_get = {
	.name = "get",
	.arguments = "EXCHANGE SYMBOL... | 'EXCHANGE.PATTERN'",
	.purpose = "the newest book (or another channel) of a symbol: how old, how true",
	.examples = "  bookcast get upbit KRW-BTC\n"
		    "  bookcast get upbit BTC/KRW --depth 3\n"
		    "  bookcast get 'upbit.KRW-*' --channel ticker\n"
		    "  bookcast get upbit KRW-BTC --json --max-age 2s || echo 'do not trade'\n",
	.min_args = 1,
	.max_args = -1,
	.flags = flags,
	.n_flags = sizeof flags / sizeof *flags,
	.run = run_get,
};
