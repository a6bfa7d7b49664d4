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

static enum cli_status show(struct get *g, const struct answer_frames *f,
			    const struct answer_frames *states)
{
	struct answer a;
	bc_status rc = answer_decode(f, states, g->levels, &a);
	if (rc != BC_OK)
		return cli_complain(g->cli, CLI_ERROR, "%.*s: its message cannot be read: %s",
				    (int)f->topic.n, f->topic.p, bc_status_text(rc));
	enum cli_status fitness = answer_judge(&a, &g->limits);
	g->cli->output->answer(g->cli, &a, fitness);
	return fitness;
}

static enum cli_status not_the_protocol(const struct get *g)
{
	return cli_complain(g->cli, CLI_ERROR,
			    "the cache's answer is not in the form of its protocol");
}

/* ------------------------------------------------------------------ one symbol */

static enum cli_status get_symbol(struct get *g, bc_str exchange, bc_str name)
{
	char symbol[BC_TOPIC_MAX + 1], topic[BC_TOPIC_MAX + 1], states[BC_TOPIC_MAX + 1];
	struct bc_rpc_reply reply;
	struct answer_frames f[2];
	enum cli_status status = native_symbol(g->cli, exchange, name, symbol);
	if (status == CLI_OK)
		status = make_topic(g->cli, exchange, bc_str_of(symbol), g->channel, topic);
	if (status == CLI_OK)
		status = make_topic(g->cli, exchange, bc_str_of(symbol), "state", states);
	const bc_str topics[] = { bc_str_of(topic), bc_str_of(states) };
	if (status == CLI_OK)
		status = cli_ask(g->cli, "GET", topics, 2, &reply);
	if (status != CLI_OK)
		return status;
	if (reply.n_answers != 10)
		return not_the_protocol(g);
	for (size_t i = 0; i < 2; i++)
		if (answer_read(topics[i], reply.answers + 5 * i, &f[i]) != BC_OK)
			return not_the_protocol(g);
	if (f[0].status == BC_RPC_OK)
		return show(g, &f[0], &f[1]);
	if (f[0].status == BC_RPC_NO_DATA)
		return cli_complain(g->cli, CLI_NOT_FOUND, "%s: no data yet (%s)", topic,
				    bc_state_word(f[0].state));
	return tell_not_served(g->cli, exchange, symbol, g->channel);
}

/* ------------------------------------------------------------------ a pattern */

static int compare_topics(const void *key, const void *six)
{
	const bc_str *a = key, *b = six;
	int order = memcmp(a->p, b->p, a->n < b->n ? a->n : b->n);
	return order != 0 ? order : (a->n > b->n) - (a->n < b->n);
}

/* The answer for the symbol's state topic among the sorted answers of a MATCH. */
static bool find_states(const struct bc_rpc_reply *reply, const struct bc_topic *t,
			struct answer_frames *out)
{
	char text[BC_TOPIC_MAX + 8];
	int n = snprintf(text, sizeof text, "%.*s.%.*s.state", (int)t->exchange.n, t->exchange.p,
			 (int)t->symbol.n, t->symbol.p);
	const bc_str key = { text, (size_t)n };
	const bc_str *found = bsearch(&key, reply->answers, reply->n_answers / 6,
				      6 * sizeof(bc_str), compare_topics);
	return found != NULL && answer_read(found[0], found + 1, out) == BC_OK;
}

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

static enum cli_status get_pattern(struct get *g, const char *pattern)
{
	struct bc_rpc_reply reply;
	const bc_str prefix = pattern_prefix(pattern);
	enum cli_status all = cli_ask(g->cli, "MATCH", &prefix, 1, &reply);
	size_t n_matched = 0;
	if (all != CLI_OK)
		return all;
	if (reply.n_answers % 6 != 0)
		return not_the_protocol(g);
	for (size_t i = 0; i < reply.n_answers; i += 6) {
		struct answer_frames f, states;
		struct bc_topic t;
		if (bc_topic_split(reply.answers[i], &t) != BC_OK ||
		    answer_read(reply.answers[i], reply.answers + i + 1, &f) != BC_OK)
			return not_the_protocol(g);
		if (!matches(&t, pattern, g->channel))
			continue;
		n_matched++;
		if (f.status != BC_RPC_OK)
			all = cli_worse(all,
					cli_complain(g->cli, CLI_NOT_FOUND, "%.*s: no data yet",
						     (int)f.topic.n, f.topic.p));
		else
			all = cli_worse(all,
					show(g, &f,
					     find_states(&reply, &t, &states) ? &states : NULL));
	}
	if (n_matched == 0)
		return cli_complain(g->cli, CLI_NOT_FOUND, "nothing matches %s, channel %s",
				    pattern, g->channel);
	return all;
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
	.purpose = "the newest book (or another channel) of a symbol, how old and how true",
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
