/* symbols weights: how many messages a second each symbol of an exchange has, for shard.weights. */
#include "subscribers/cli/answer.h"
#include "subscribers/cli/sources.h"
#include "subscribers/cli/symbols.h"

#include "common/clock.h"
#include "common/name_index.h"
#include "proto/codec.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define MEASURE_NS     (10 * BC_NS_PER_S)
#define MESSAGES_A_GO  4096
#define WAIT_MS        50
#define SYMBOLS_AT_ALL 65536 /* a power of two times the first room */

struct counted {
	char *name;     /* owned */
	uint64_t epoch; /* of A/B lines one is counted */
	uint64_t n;
};

struct weighing {
	struct cli *cli;
	const char *exchange;
	struct bc_sub *sub;
	struct cli_sources sources;
	struct counted *all;
	uint32_t n, room;
	struct bc_name_index by_name;
	bool dropped; /* not all were counted */
	bc_level *levels;
	struct bc_message message;
};

static struct counted *counted_of(struct weighing *w, bc_str name)
{
	uint32_t at = bc_name_find(&w->by_name, name);
	if (at != BC_NAME_NONE)
		return &w->all[at];
	if (w->n == w->room) {
		uint32_t room = w->room == 0 ? 256 : w->room * 2;
		struct counted *all =
			room > SYMBOLS_AT_ALL ? NULL : realloc(w->all, room * sizeof *all);
		if (all == NULL)
			return NULL;
		w->all = all;
		w->room = room;
	}
	char *copy = strndup(name.p, name.n);
	if (copy == NULL || bc_name_put(&w->by_name, (bc_str){ copy, name.n }, w->n) != BC_OK) {
		free(copy);
		return NULL;
	}
	w->all[w->n] = (struct counted){ .name = copy };
	return &w->all[w->n++];
}

/* What is repeated for a newcomer is no message of the exchange. */
static void take(struct weighing *w, bc_str text, bc_str payload)
{
	struct bc_topic topic;
	if (bc_topic_split(text, &topic) != BC_OK || topic.symbol.p[0] == '@' ||
	    !bc_str_is(topic.exchange, w->exchange) ||
	    bc_message_decode(payload, &w->message, w->levels, ANSWER_MAX_LEVELS) != BC_OK)
		return;
	struct counted *c = counted_of(w, topic.symbol);
	const struct bc_envelope *e = &w->message.envelope;
	w->dropped = w->dropped || c == NULL;
	if (c == NULL || (e->flags & BC_FLAG_WELCOME) != 0)
		return;
	if (c->epoch == 0)
		c->epoch = e->epoch;
	c->n += c->epoch == e->epoch;
}

static bool of_interest(const void *self, const char *exchange)
{
	const struct weighing *w = self;
	return strcmp(exchange, w->exchange) == 0;
}

static enum cli_status start(struct weighing *w)
{
	const struct bc_sub_options options = { 0, 0 };
	char prefix[BC_TOPIC_MAX + 2];
	enum cli_status status = cli_connect(w->cli);
	if (status != CLI_OK)
		return status;
	int n = snprintf(prefix, sizeof prefix, "%s.", w->exchange);
	w->levels = malloc(ANSWER_MAX_LEVELS * sizeof *w->levels);
	if (n < 0 || (size_t)n >= sizeof prefix || w->levels == NULL ||
	    bc_sub_new(&w->sub, w->cli->zmq, &options) != BC_OK ||
	    bc_sub_prefix_add(w->sub, (bc_str){ prefix, (size_t)n }) != BC_OK)
		return cli_complain(w->cli, CLI_ERROR, "cannot subscribe");
	w->sources = (struct cli_sources){ w->cli, w->sub, of_interest, w, { 0 } };
	return cli_sources_find(&w->sources);
}

static enum cli_status measure(struct weighing *w, bc_mono_time end)
{
	enum cli_status status = CLI_OK;
	while (status == CLI_OK && cli_signal() == 0 && bc_mono_now().ns < end.ns) {
		bc_str topic, payload;
		status = cli_sources_wait(&w->sources, WAIT_MS);
		for (int i = 0;
		     i < MESSAGES_A_GO && bc_sub_receive(w->sub, &topic, &payload) == BC_OK; i++)
			take(w, topic, payload);
		cli_sources_look(&w->sources, bc_mono_now(), false);
	}
	return status;
}

static int most_first(const void *a, const void *b)
{
	const struct counted *x = a, *y = b;
	if (x->n != y->n)
		return x->n > y->n ? -1 : 1;
	return strcmp(x->name, y->name);
}

/* Rounded up, so that who has said something weighs something. */
static void print_all(struct weighing *w, int64_t took_ns)
{
	uint64_t ms = (uint64_t)(took_ns / BC_NS_PER_MS) + 1;
	char text[BC_TIME_TEXT_MAX];
	bc_wall_format(bc_wall_now(), text);
	if (w->n > 0)
		qsort(w->all, w->n, sizeof *w->all, most_first);
	printf("# %s: messages a second, measured over %" PRIu64 " ms until %.10s %.8s UTC\n",
	       w->exchange, ms, text, text + 11);
	for (uint32_t i = 0; i < w->n; i++) {
		uint64_t thousandths = (w->all[i].n * 1000000 + ms - 1) / ms;
		printf("%s %" PRIu64 ".%03" PRIu64 "\n", w->all[i].name, thousandths / 1000,
		       thousandths % 1000);
	}
}

/* Those that are missing are divided by their scores, as others that the file does not have. */
static void tell_dropped(const struct weighing *w)
{
	if (w->n == SYMBOLS_AT_ALL)
		cli_complain(w->cli, CLI_OK, "%s has more than %d symbols; the others are left out",
			     w->exchange, SYMBOLS_AT_ALL);
	else
		cli_complain(w->cli, CLI_OK, "out of memory; some symbols are left out");
}

enum cli_status cli_symbols_weigh(struct cli *cli)
{
	struct weighing w = { .cli = cli, .exchange = cli->args[1] };
	int64_t took = MEASURE_NS;
	if (cli->n_args > 2)
		return cli_complain(cli, CLI_ERROR,
				    "'%.80s': one argument too many; weights takes EXCHANGE, and "
				    "measures all of its symbols",
				    cli->args[2]);
	enum cli_status status = cli_flag_ns(cli, "for", &took);
	if (status == CLI_OK)
		status = start(&w);
	bc_mono_time begun = bc_mono_now();
	if (status == CLI_OK) {
		cli_signals_catch();
		status = measure(&w, (bc_mono_time){ begun.ns + took });
	}
	if (status == CLI_OK && w.n == 0)
		status = cli_complain(cli, CLI_NOT_FOUND, "nothing of %s was heard", w.exchange);
	if (status == CLI_OK && w.dropped)
		tell_dropped(&w);
	if (status == CLI_OK)
		print_all(&w, bc_mono_now().ns - begun.ns);
	bc_sub_free(&w.sub);
	for (uint32_t i = 0; i < w.n; i++)
		free(w.all[i].name);
	bc_name_free(&w.by_name);
	free(w.all);
	free(w.levels);
	return status;
}
