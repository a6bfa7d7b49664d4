/* top: the best prices of every symbol of an exchange, drawn again five times a second; --once (and
 * a pipe) waits until every book is there and prints them, and for programs what became of every
 * message that was published meanwhile: it reads as who asks for the latest (common/conflate.h). */
#include "subscribers/cli/ledger.h"
#include "subscribers/cli/output.h"
#include "subscribers/cli/sources.h"
#include "subscribers/cli/top_table.h"
#include "subscribers/cli/verbs.h"

#include "common/clock.h"
#include "proto/codec.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define MAX_ROWS        5000
#define DRAW_EVERY      (200 * BC_NS_PER_MS)
#define MESSAGES_A_TURN 1000
#define LISTEN          BC_NS_PER_S /* at least, for the rates that programs read */

struct top {
	struct cli *cli;
	const char *exchange;
	struct bc_sub *sub;
	struct cli_sources sources;
	struct top_table *table;
	struct ledger *ledger;
	struct bc_conflate *waiting; /* of one turn */
	bc_mono_time began;          /* to listen */
	bc_level *levels;
	char *screen, *painted; /* as drawn; with what a terminal needs at each line's end */
	size_t screen_cap;
	bool bus_failed;
};

static bool is_exchange(const void *self, const char *exchange)
{
	return strcmp(exchange, ((const struct top *)self)->exchange) == 0;
}

static void take(struct top *t, bc_str text, bc_str payload, bc_mono_time now)
{
	struct bc_topic parts;
	struct bc_message m;
	struct ledger_topic *topic;
	uint64_t n_lost;
	if (bc_topic_split(text, &parts) != BC_OK ||
	    bc_message_decode(payload, &m, t->levels, ANSWER_MAX_LEVELS) != BC_OK ||
	    !ledger_take(t->ledger, text, m.envelope.epoch, m.envelope.seq, &topic, &n_lost))
		return;
	if (topic != NULL)
		bc_conflate_put(t->waiting, &topic->waiting, &m, payload, n_lost, 0);
	else
		top_table_take(t->table, &parts, &m, now);
}

/* What has come in this turn goes into the table: of each topic the newest. */
static void drain(struct top *t)
{
	bc_mono_time now = bc_mono_now();
	struct bc_conflate_taken waited;
	struct bc_topic parts;
	struct bc_message m;
	for (int i = 0; i < MESSAGES_A_TURN; i++) {
		bc_str topic, payload;
		bc_status rc = bc_sub_receive(t->sub, &topic, &payload);
		t->bus_failed = t->bus_failed || rc == BC_EBUS;
		if (rc == BC_EAGAIN || rc == BC_EBUS)
			break;
		if (rc == BC_OK)
			take(t, topic, payload, now);
	}
	while (bc_conflate_take(t->waiting, &waited)) {
		const struct ledger_topic *topic = waited.topic->of;
		if (bc_topic_split(topic->topic, &parts) == BC_OK &&
		    bc_message_decode(waited.payload, &m, t->levels, ANSWER_MAX_LEVELS) == BC_OK)
			top_table_take(t->table, &parts, &m, now);
	}
}

static void draw(struct top *t, struct top_screen screen)
{
	struct bc_text text = bc_text_on(t->screen, t->screen_cap);
	screen.title = t->exchange;
	screen.color = t->cli->color;
	screen.now = bc_mono_now();
	screen.lost = ledger_sum(t->ledger).lost;
	top_table_draw(t->table, &screen, &text);
}

/* One frame in one write, so that it does not flicker: home, each line and the rest of it, the rest
 * of the screen. */
static enum cli_status draw_live(struct top *t)
{
	struct winsize size = { .ws_row = 24, .ws_col = 80 };
	ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
	draw(t, (struct top_screen){ .lines = size.ws_row, .columns = size.ws_col, .live = true });
	struct bc_text out = bc_text_on(t->painted, 2 * t->screen_cap);
	bc_text_add(&out, BC_STR("\033[H"));
	for (const char *line = t->screen; *line != '\0';) {
		size_t n = strcspn(line, "\n");
		bc_text_add(&out, (bc_str){ line, n });
		bc_text_add(&out, BC_STR("\033[K"));
		line += n;
		if (*line == '\n') {
			bc_text_add(&out, BC_STR("\n"));
			line++;
		}
	}
	bc_text_add(&out, BC_STR("\033[J"));
	if (fwrite(out.p, 1, out.n, stdout) != out.n || fflush(stdout) != 0)
		return CLI_ERROR;
	return CLI_OK;
}

static enum cli_status tell_bus_failed(const struct top *t)
{
	return cli_complain(t->cli, CLI_ERROR, "receiving from the gateways of %s: %s", t->exchange,
			    bc_status_text(BC_EBUS));
}

static enum cli_status follow(struct top *t)
{
	enum cli_status status = CLI_OK;
	bc_mono_time next = { 0 };
	/* The other screen, without a cursor; what is too long for a line ends with it. */
	fputs("\033[?1049h\033[?25l\033[?7l", stdout);
	while (status == CLI_OK && cli_signal() == 0 && !t->bus_failed) {
		status = cli_sources_wait(&t->sources, DRAW_EVERY / BC_NS_PER_MS / 2);
		drain(t);
		bc_mono_time now = bc_mono_now();
		cli_sources_look(&t->sources, now, top_table_n_listed(t->table, now) == 0);
		if (status != CLI_OK || now.ns < next.ns)
			continue;
		next.ns = now.ns + DRAW_EVERY;
		status = draw_live(t);
	}
	fputs("\033[?7h\033[?25h\033[?1049l", stdout);
	if (fflush(stdout) != 0)
		return CLI_ERROR;
	return t->bus_failed ? tell_bus_failed(t) : status;
}

/* For programs: what is on the screen, as bbo messages. */
static void tell(struct top *t, bc_mono_time now)
{
	struct top_best best;
	for (size_t i = 0; top_table_row(t->table, i, now, &best); i++) {
		const struct bc_message m = { .envelope = { .channel = BC_CHANNEL_BBO },
					      .body.book = { &best.bid, &best.ask,
							     bc_decimal_known(best.bid.price),
							     bc_decimal_known(best.ask.price) } };
		const struct bc_message_view view = { .exchange = bc_str_of(t->exchange),
						      .symbol = best.symbol,
						      .no_envelope = true,
						      .with_state = true,
						      .state = best.state,
						      .with_reason = true,
						      .reason = best.reason,
						      .since = { BC_TIME_UNKNOWN } };
		t->cli->output->heard(t->cli, &m, &view);
	}
}

/* ---- what became of every message, for programs ---- */

static json_t *account_json(const struct top *t, const struct bc_account *a, bc_mono_time now)
{
	const double seconds = (double)(now.ns - t->began.ns) / 1e9;
	return json_pack("{s:I,s:I,s:I,s:I,s:I,s:f}", "published", (json_int_t)a->published,
			 "received", (json_int_t)a->received, "lost", (json_int_t)a->lost,
			 "conflated", (json_int_t)a->conflated, "waiting", (json_int_t)a->waiting,
			 "per_s", seconds > 0 ? (double)a->published / seconds : 0.0);
}

static json_t *text_json(bc_str text)
{
	return json_stringn(text.p, text.n);
}

static void tell_topics(struct top *t, bc_mono_time now)
{
	size_t n;
	const struct ledger_topic **topics = ledger_sorted(t->ledger, &n);
	for (size_t i = 0; i < n; i++) {
		struct bc_topic parts;
		if (bc_topic_split(topics[i]->topic, &parts) != BC_OK)
			continue;
		json_t *line = account_json(t, &topics[i]->waiting.account, now);
		json_object_set_new(line, "channel", json_string("account"));
		json_object_set_new(line, "topic", text_json(topics[i]->topic));
		json_object_set_new(line, "exchange", text_json(parts.exchange));
		json_object_set_new(line, "symbol", text_json(parts.symbol));
		json_object_set_new(line, "epoch", json_integer((json_int_t)topics[i]->epoch));
		t->cli->output->account(t->cli, line);
		json_decref(line);
	}
	free(topics);
}

static json_t *states_json(const struct top *t, bc_mono_time now)
{
	size_t counts[BC_N_STATES] = { 0 };
	struct top_best best;
	json_t *states = json_object();
	for (size_t i = 0; top_table_row(t->table, i, now, &best); i++)
		counts[best.state]++;
	for (unsigned i = 0; i < BC_N_STATES; i++)
		json_object_set_new(states, bc_state_word(i), json_integer((json_int_t)counts[i]));
	return states;
}

/* What the cache itself has lost; null where it does not answer. */
static json_t *cache_json(struct top *t)
{
	struct bc_rpc_reply reply;
	json_t *stats = NULL;
	if (bc_rpc_call(t->cli->cache, BC_STR("STATS"), NULL, 0, t->cli->timeout_ns, &reply) ==
		    BC_OK &&
	    reply.status == BC_RPC_OK && reply.n_answers == 1)
		stats = json_loadb(reply.answers[0].p, reply.answers[0].n, 0, NULL);
	return stats != NULL ? stats : json_null();
}

static void tell_exchange(struct top *t, bc_mono_time now)
{
	const struct bc_account sum = ledger_sum(t->ledger);
	size_t gateways, gone;
	top_table_gateways(t->table, now, &gateways, &gone);
	json_t *line = account_json(t, &sum, now);
	json_object_set_new(line, "channel", json_string("accounts"));
	json_object_set_new(line, "exchange", json_string(t->exchange));
	json_object_set_new(line, "gateways", json_integer((json_int_t)gateways));
	json_object_set_new(line, "gone", json_integer((json_int_t)gone));
	json_object_set_new(line, "symbols",
			    json_integer((json_int_t)top_table_n_listed(t->table, now)));
	json_object_set_new(line, "states", states_json(t, now));
	json_object_set_new(line, "window_ns", json_integer(now.ns - t->began.ns));
	json_object_set_new(line, "cache", cache_json(t));
	t->cli->output->account(t->cli, line);
	json_decref(line);
}

/* Waits until every listed symbol has a book, as long as --timeout says, or until a signal; prints
 * what there is. */
static enum cli_status once(struct top *t)
{
	const bool json = bc_config_bool(t->cli->config, BC_KEY_JSON);
	bc_mono_time now = bc_mono_now(), end = { now.ns + t->cli->timeout_ns };
	enum cli_status status = CLI_OK;
	bool whole = false;
	t->began = now;
	while (status == CLI_OK && (!whole || (json && now.ns < t->began.ns + LISTEN)) &&
	       now.ns < end.ns && cli_signal() == 0 && !t->bus_failed) {
		status = cli_sources_wait(&t->sources, 20);
		drain(t);
		now = bc_mono_now();
		size_t listed = top_table_n_listed(t->table, now);
		whole = listed > 0 && top_table_n_filled(t->table) >= listed;
		cli_sources_look(&t->sources, now, listed == 0);
	}
	if (status != CLI_OK || t->bus_failed)
		return status != CLI_OK ? status : tell_bus_failed(t);
	if (top_table_n_filled(t->table) == 0 && cli_signal() != 0)
		return CLI_NOT_FOUND; /* who ended it knows why nothing came */
	if (top_table_n_filled(t->table) == 0)
		return cli_complain(t->cli, CLI_NOT_FOUND, "no book of %s came in time",
				    t->exchange);
	if (json) {
		tell(t, now);
		tell_topics(t, now);
		tell_exchange(t, now);
	} else {
		draw(t, (struct top_screen){ .lines = 0 });
		fputs(t->screen, stdout);
	}
	if (fflush(stdout) != 0 || ferror(stdout))
		return CLI_ERROR;
	return whole && top_table_n_fit(t->table, now) == top_table_n_filled(t->table) ? CLI_OK
										       : CLI_UNFIT;
}

static enum cli_status start(struct top *t)
{
	char prefix[BC_TOPIC_MAX];
	const struct bc_sub_options options = { 0, 0 };
	int n = snprintf(prefix, sizeof prefix, "%s.", t->exchange);
	if (n < 0 || (size_t)n >= sizeof prefix || strchr(t->exchange, '.') != NULL)
		return cli_complain(t->cli, CLI_ERROR, "'%s' is not an exchange", t->exchange);
	enum cli_status status = cli_connect(t->cli);
	if (status != CLI_OK)
		return status;
	t->screen_cap = (MAX_ROWS + 8) * (size_t)BC_TOP_LINE_MAX;
	t->table = top_table_new(MAX_ROWS);
	t->ledger = ledger_new();
	t->waiting = bc_conflate_new(&bc_conflate_usual);
	t->levels = malloc(ANSWER_MAX_LEVELS * sizeof *t->levels);
	t->screen = malloc(t->screen_cap);
	t->painted = malloc(2 * t->screen_cap);
	if (t->table == NULL || t->ledger == NULL || t->waiting == NULL || t->levels == NULL ||
	    t->screen == NULL || t->painted == NULL ||
	    bc_sub_new(&t->sub, t->cli->zmq, &options) != BC_OK)
		return cli_complain(t->cli, CLI_ERROR, "%s", bc_status_text(BC_ENOMEM));
	if (bc_sub_prefix_add(t->sub, (bc_str){ prefix, (size_t)n }) != BC_OK)
		return cli_complain(t->cli, CLI_ERROR, "cannot subscribe");
	t->sources = (struct cli_sources){ t->cli, t->sub, is_exchange, t, { 0 } };
	return cli_sources_find(&t->sources);
}

static bool is_live(const struct cli *cli)
{
	return cli_flag(cli, "once") == NULL && isatty(STDOUT_FILENO) &&
	       !bc_config_bool(cli->config, BC_KEY_JSON);
}

static enum cli_status run_exchange(struct cli *cli, const char *exchange)
{
	struct top t = { .cli = cli, .exchange = exchange };
	enum cli_status status = start(&t);
	if (status == CLI_OK) {
		cli_signals_catch();
		status = is_live(cli) ? follow(&t) : once(&t);
	}
	bc_sub_free(&t.sub);
	bc_conflate_free(&t.waiting);
	ledger_free(&t.ledger);
	top_table_free(&t.table);
	free(t.levels);
	free(t.screen);
	free(t.painted);
	return status;
}

/* The exchanges that the cache knows, as keys; NULL: told. */
static json_t *known_exchanges(struct cli *cli, enum cli_status *status)
{
	struct bc_rpc_reply reply;
	json_t *gateway, *exchanges = json_object();
	size_t i;
	*status = cli_ask(cli, "GATEWAYS", NULL, 0, &reply);
	json_t *report = *status == CLI_OK && reply.n_answers == 1
				 ? json_loadb(reply.answers[0].p, reply.answers[0].n, 0, NULL)
				 : NULL;
	json_array_foreach(json_object_get(report, "gateways"), i, gateway)
	{
		const char *exchange = json_string_value(json_object_get(gateway, "exchange"));
		if (exchange != NULL)
			json_object_set_new(exchanges, exchange, json_true());
	}
	json_decref(report);
	return exchanges;
}

/* One after another; a signal ends the one that it meets, and leaves out the others. */
static enum cli_status run_all(struct cli *cli, json_t *exchanges, enum cli_status status)
{
	const char *exchange;
	json_t *unused;
	json_object_foreach(exchanges, exchange, unused)
	{
		status = cli_worse(status,
				   cli_signal() == 0 ? run_exchange(cli, exchange) : CLI_NOT_FOUND);
	}
	return status;
}

/* Without an exchange: all that the cache knows, one after another; on a screen there is to be one.
 */
static enum cli_status run_top(struct cli *cli)
{
	enum cli_status status;
	if (cli->n_args > 0)
		return run_exchange(cli, cli->args[0]);
	json_t *exchanges = known_exchanges(cli, &status);
	if (status == CLI_OK && json_object_size(exchanges) == 0)
		status = cli_complain(cli, CLI_NOT_FOUND, "the cache has heard no gateway");
	else if (status == CLI_OK && json_object_size(exchanges) > 1 && is_live(cli))
		status = cli_complain(cli, CLI_ERROR,
				      "there are several exchanges; name one, or use --once");
	else
		status = run_all(cli, exchanges, status);
	json_decref(exchanges);
	return status;
}

static struct bc_verb_flag flags[] = {
	{ "once", NULL, "print the books once and end; so it does in a pipe", NULL },
};

const struct cli_verb cli_verb_top = {
	.name = "top",
	.arguments = "[EXCHANGE]",
	.purpose = "the best prices of every symbol, live on the screen, until Ctrl-C",
	.examples = "  bookcast top upbit\n"
		    "  bookcast top upbit --once\n"
		    "  bookcast top upbit --json | jq 'select(.channel == \"bbo\").bids'\n"
		    "  bookcast top --once --json | jq 'select(.lost > 0)'\n",
	.min_args = 0,
	.max_args = 1,
	.flags = flags,
	.n_flags = sizeof flags / sizeof *flags,
	.run = run_top,
};
