/* list: what is published, a symbol a line, with its state. */
#include "subscribers/cli/output.h"
#include "subscribers/cli/topics.h"
#include "subscribers/cli/verbs.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK 5000 /* topics a STATE */

/* One symbol: a run of the sorted topics. */
struct listing {
	struct bc_topic topic; /* of its first one */
	size_t first, n;
	const char *state;
};

struct list {
	struct cli *cli;
	char *bytes; /* copies of the topics: the next question overwrites the reply */
	bc_str *topics;
	size_t n_topics;
	struct listing *symbols;
	size_t n_symbols;
};

static bool copy_topics(struct list *l, const struct bc_rpc_reply *reply)
{
	size_t total = 0;
	for (size_t i = 0; i < reply->n_answers; i++)
		total += reply->answers[i].n;
	l->bytes = malloc(total + 1);
	l->topics = calloc(reply->n_answers + 1, sizeof *l->topics);
	l->symbols = calloc(reply->n_answers + 1, sizeof *l->symbols);
	if (l->bytes == NULL || l->topics == NULL || l->symbols == NULL)
		return false;
	char *to = l->bytes;
	for (size_t i = 0; i < reply->n_answers; i++) {
		memcpy(to, reply->answers[i].p, reply->answers[i].n);
		l->topics[l->n_topics++] = (bc_str){ to, reply->answers[i].n };
		to += reply->answers[i].n;
	}
	return true;
}

static bool wanted(const struct bc_topic *t, const char *pattern)
{
	char name[BC_TOPIC_MAX + 1];
	if (t->symbol.p[0] == '@' && (pattern == NULL || strchr(pattern, '@') == NULL))
		return false;
	if (pattern == NULL)
		return true;
	if (!is_pattern(pattern) && strchr(pattern, '.') == NULL)
		return bc_str_is(t->exchange, pattern);
	snprintf(name, sizeof name, "%.*s.%.*s", (int)t->exchange.n, t->exchange.p,
		 (int)t->symbol.n, t->symbol.p);
	return fnmatch(pattern, name, 0) == 0;
}

static bool same_symbol(const struct bc_topic *a, const struct bc_topic *b)
{
	return bc_str_equal(a->symbol, b->symbol) && bc_str_equal(a->exchange, b->exchange);
}

static void group(struct list *l, const char *pattern)
{
	for (size_t i = 0; i < l->n_topics; i++) {
		struct bc_topic t;
		if (bc_topic_split(l->topics[i], &t) != BC_OK || !wanted(&t, pattern))
			continue;
		if (l->n_symbols == 0 || !same_symbol(&l->symbols[l->n_symbols - 1].topic, &t))
			l->symbols[l->n_symbols++] = (struct listing){ t, i, 0, NULL };
		struct listing *last = &l->symbols[l->n_symbols - 1];
		last->n = i + 1 - last->first;
	}
}

static enum cli_status ask_states(struct list *l, size_t from, size_t n)
{
	struct bc_rpc_reply reply;
	char(*texts)[BC_TOPIC_MAX + 1] = calloc(n, sizeof *texts);
	bc_str *args = calloc(n, sizeof *args);
	enum cli_status status = texts != NULL && args != NULL ? CLI_OK : CLI_ERROR;
	for (size_t i = 0; i < n && status == CLI_OK; i++) {
		const struct bc_topic *t = &l->symbols[from + i].topic;
		status = make_topic(l->cli, t->exchange, t->symbol, "state", texts[i]);
		args[i] = bc_str_of(texts[i]);
	}
	if (status == CLI_OK)
		status = cli_ask(l->cli, "STATE", args, n, &reply);
	if (status == CLI_OK && reply.n_answers != n * BC_STATE_FRAMES)
		status = cli_not_the_protocol(l->cli);
	for (size_t i = 0; status == CLI_OK && i < n; i++) {
		struct bc_board_answer a;
		if (bc_board_read_state(reply.answers + i * BC_STATE_FRAMES, &a) != BC_OK)
			status = cli_not_the_protocol(l->cli);
		else if (a.status != BC_BOARD_NOT_FOUND)
			l->symbols[from + i].state = bc_state_word(a.state);
	}
	free(args);
	free(texts);
	return status;
}

static void show(const struct list *l)
{
	for (size_t i = 0; i < l->n_symbols; i++) {
		const struct listing *s = &l->symbols[i];
		bc_str channels[32];
		size_t n = 0;
		for (size_t k = s->first; k < s->first + s->n && n < 32; k++) {
			struct bc_topic t;
			if (bc_topic_split(l->topics[k], &t) == BC_OK)
				channels[n++] = t.channel;
		}
		const struct cli_listed listed = { s->topic.exchange, s->topic.symbol, channels, n,
						   s->state };
		l->cli->output->listed(l->cli, &listed);
	}
}

/* "exchange.symbol" with a unified name: in the exchange's own spelling, in own[]. Else *pattern
 * stays as it is. */
static enum cli_status spell(struct cli *cli, const char **pattern, char own[2 * BC_TOPIC_MAX + 4])
{
	bc_str exchange, name;
	char symbol[BC_TOPIC_MAX + 1];
	if (*pattern == NULL || is_pattern(*pattern) || strchr(*pattern, '.') == NULL ||
	    strchr(*pattern, '/') == NULL)
		return CLI_OK;
	enum cli_status status = split_name(cli, *pattern, &exchange, &name);
	if (status == CLI_OK)
		status = native_symbol(cli, exchange, name, symbol);
	if (status != CLI_OK)
		return status;
	if (exchange.n > BC_TOPIC_MAX)
		return cli_complain(cli, CLI_ERROR, "'%.40s...': no such exchange", exchange.p);
	snprintf(own, 2 * BC_TOPIC_MAX + 4, "%.*s.%s", (int)exchange.n, exchange.p, symbol);
	*pattern = own;
	return CLI_OK;
}

static enum cli_status run_list(struct cli *cli)
{
	const char *pattern = cli->n_args > 0 ? cli->args[0] : NULL;
	char own[2 * BC_TOPIC_MAX + 4];
	struct list l = { .cli = cli };
	struct bc_rpc_reply reply;
	enum cli_status status = spell(cli, &pattern, own);
	const bc_str prefix = pattern != NULL ? pattern_prefix(pattern) : BC_STR("");
	if (status == CLI_OK)
		status = cli_ask(cli, "LIST", &prefix, 1, &reply);
	if (status == CLI_OK && !copy_topics(&l, &reply))
		status = cli_complain(cli, CLI_ERROR, "%s", bc_status_text(BC_ENOMEM));
	if (status == CLI_OK)
		group(&l, pattern);
	for (size_t i = 0; status == CLI_OK && i < l.n_symbols; i += CHUNK)
		status = ask_states(&l, i, l.n_symbols - i < CHUNK ? l.n_symbols - i : CHUNK);
	if (status == CLI_OK && l.n_symbols == 0)
		status = cli_complain(cli, CLI_NOT_FOUND, "nothing is published%s%s",
				      pattern ? " that matches " : " yet", pattern ? pattern : "");
	if (status == CLI_OK)
		show(&l);
	free(l.bytes);
	free(l.topics);
	free(l.symbols);
	return status;
}

const struct cli_verb cli_verb_list = {
	.name = "list",
	.arguments = "[EXCHANGE | EXCHANGE.SYMBOL | 'EXCHANGE.PATTERN']",
	.purpose = "what is published: symbols, their channels and states",
	.examples = "  bookcast list\n"
		    "  bookcast list upbit\n"
		    "  bookcast list upbit.BTC/KRW\n"
		    "  bookcast list 'upbit.BTC-*' --json\n",
	.max_args = 1,
	.run = run_list,
};
