/* symbols: which symbols the gateways of an exchange follow, changed while they run. */
#include "subscribers/cli/controls.h"
#include "subscribers/cli/grid.h"
#include "subscribers/cli/output.h"
#include "subscribers/cli/symbols.h"
#include "subscribers/cli/topics.h"
#include "subscribers/cli/verbs.h"
#include "subscribers/cli/words.h"

#include "common/clock.h"
#include "common/text.h"

#include <fnmatch.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ telling what was done */

/* A sentence for people, an object for programs. */
static void tell(const struct cli_controls *c, size_t i, const char *spec, const char *done,
		 long long symbols, const char *sentence)
{
	const char *instance = c->all[i].instance;
	if (c->cli->output != &cli_output_json) {
		printf("%s\n", sentence);
		return;
	}
	json_t *o = json_pack("{s:s, s:s, s:s, s:s, s:I}", "exchange", c->exchange, "instance",
			      instance, "spec", spec, "done", done, "symbols", (json_int_t)symbols);
	c->cli->output->gateway(c->cli, o);
	json_decref(o);
}

static long long number_of(bc_str frame)
{
	char text[24];
	snprintf(text, sizeof text, "%.*s", frame.n > 20 ? 20 : (int)frame.n, frame.p);
	return strtoll(text, NULL, 10);
}

/* The answer of one gateway to one spec. CLI_OK with *good false: it refused, and why is told by
 * the caller. */
static enum cli_status ask_one(struct cli_controls *c, size_t i, const char *verb, const char *spec,
			       size_t n_frames, struct bc_rpc_reply *reply, bool *good)
{
	enum cli_status status = cli_control_ask(c, i, verb, spec, reply);
	*good = status == CLI_OK && reply->status == BC_RPC_OK;
	if (*good && reply->n_answers != n_frames)
		return cli_complain(c->cli, CLI_ERROR,
				    "%s.%s answers in another language: is it of another version?",
				    c->exchange, c->all[i].instance);
	return status;
}

static enum cli_status refused(struct cli_controls *c, const struct bc_rpc_reply *reply,
			       const char *spec)
{
	char reason[512];
	cli_control_reason(reply, reason, sizeof reason);
	return cli_complain(c->cli, reply->status == BC_RPC_NOT_FOUND ? CLI_NOT_FOUND : CLI_ERROR,
			    "'%.80s': %s", spec, reason);
}

/* ------------------------------------------------------------------ add */

struct adding {
	size_t n_owners; /* gateways that follow it now */
	char owner[24];  /* of a single symbol */
};

static void added(const struct cli_controls *c, size_t i, const char *spec,
		  const struct bc_rpc_reply *reply, struct adding *a)
{
	const char *instance = c->all[i].instance, *x = c->exchange;
	long long n = number_of(reply->answers[1]);
	char text[400];
	bool single = reply->answers[2].n > 0;
	if (single)
		snprintf(a->owner, sizeof a->owner, "%.*s", (int)reply->answers[2].n,
			 reply->answers[2].p);
	if (single && strcmp(a->owner, c->all[i].shard) != 0)
		return; /* noted there, in case it changes hands */
	a->n_owners++;
	if (!single)
		snprintf(text, sizeof text, "added '%.80s' to %s.%s: %lld symbol%s more", spec, x,
			 instance, n, n == 1 ? "" : "s");
	else if (n > 0)
		snprintf(text, sizeof text, "added %.80s to %s.%s", spec, x, instance);
	else
		snprintf(text, sizeof text, "%s.%s follows %.80s already", x, instance, spec);
	tell(c, i, spec, n > 0 || !single ? "added" : "followed", n, text);
}

static enum cli_status add(struct cli_controls *c, const char *spec)
{
	struct adding a = { 0 };
	struct bc_rpc_reply reply = { 0 };
	enum cli_status status = CLI_OK;
	for (size_t i = 0; i < c->n; i++) {
		bool good;
		enum cli_status one = ask_one(c, i, "WANT", spec, 3, &reply, &good);
		if (one == CLI_OK && !good)
			return refused(c, &reply, spec); /* so would the others */
		if (good && one == CLI_OK)
			added(c, i, spec, &reply, &a);
		status = cli_worse(status, one);
	}
	if (status != CLI_OK || a.n_owners > 0)
		return status;
	return cli_complain(c->cli, CLI_NOT_FOUND,
			    "'%.80s' belongs to shard %s of %s, and no gateway of that shard runs "
			    "here, so nobody follows it; the others have noted it",
			    spec, a.owner, c->exchange);
}

/* ------------------------------------------------------------------ remove */

static enum cli_status remove_one(struct cli_controls *c, const char *spec)
{
	struct bc_rpc_reply reply = { 0 };
	enum cli_status status = CLI_OK, found = CLI_NOT_FOUND;
	long long total = 0;
	char text[400];
	for (size_t i = 0; i < c->n; i++) {
		bool good;
		enum cli_status one = ask_one(c, i, "UNWANT", spec, 2, &reply, &good);
		if (one == CLI_OK && !good && reply.status != BC_RPC_NOT_FOUND)
			return refused(c, &reply, spec);
		status = cli_worse(status, one);
		if (!good || one != CLI_OK)
			continue;
		found = CLI_OK;
		long long n = number_of(reply.answers[1]);
		total += n;
		if (n == 0)
			continue;
		if (is_pattern(spec))
			snprintf(text, sizeof text, "removed '%.80s' from %s.%s: %lld symbol%s",
				 spec, c->exchange, c->all[i].instance, n, n == 1 ? "" : "s");
		else
			snprintf(text, sizeof text, "removed %.80s from %s.%s", spec, c->exchange,
				 c->all[i].instance);
		tell(c, i, spec, "removed", n, text);
	}
	if (found != CLI_OK && status == CLI_OK)
		return cli_complain(c->cli, CLI_NOT_FOUND, "nobody of %s follows '%.80s'",
				    c->exchange, spec);
	if (total == 0 && status == CLI_OK) {
		snprintf(text, sizeof text, "%.80s is not wanted any more; nobody here followed it",
			 spec);
		tell(c, 0, spec, "removed", 0, text);
	}
	return status;
}

/* ------------------------------------------------------------------ list */

struct row {
	json_t *o; /* owned */
	const char *symbol, *state, *instance;
};

struct rows {
	struct row *all;
	size_t n, room;
};

static bool rows_add(struct rows *rows, json_t *o)
{
	if (rows->n == rows->room) {
		size_t room = rows->room == 0 ? 256 : rows->room * 2;
		struct row *all = realloc(rows->all, room * sizeof *all);
		if (all == NULL)
			return false;
		rows->all = all;
		rows->room = room;
	}
	rows->all[rows->n] = (struct row){ o, json_string_value(json_object_get(o, "symbol")),
					   json_string_value(json_object_get(o, "state")),
					   json_string_value(json_object_get(o, "instance")) };
	if (rows->all[rows->n].symbol == NULL || rows->all[rows->n].state == NULL)
		return false;
	rows->n++;
	return true;
}

static int by_symbol(const void *a, const void *b)
{
	const struct row *x = a, *y = b;
	int order = strcmp(x->symbol, y->symbol);
	return order != 0 ? order : strcmp(x->instance, y->instance);
}

static enum cli_status take_rows(struct cli_controls *c, size_t i, struct rows *rows)
{
	struct bc_rpc_reply reply = { 0 };
	enum cli_status status = cli_control_ask(c, i, "SYMBOLS", NULL, &reply);
	if (status != CLI_OK || reply.status != BC_RPC_OK)
		return status != CLI_OK ? status : refused(c, &reply, "SYMBOLS");
	for (size_t k = 0; k < reply.n_answers; k++) {
		json_t *o = json_loadb(reply.answers[k].p, reply.answers[k].n, 0, NULL);
		json_object_set_new(o, "exchange", json_string(c->exchange));
		json_object_set_new(o, "instance", json_string(c->all[i].instance));
		json_object_set_new(o, "shard", json_string(c->all[i].shard));
		if (rows_add(rows, o))
			continue;
		json_decref(o);
		return cli_not_the_protocol(c->cli);
	}
	return CLI_OK;
}

static bool asked_for(const struct cli *cli, int pattern, const char *symbol)
{
	const char *spec = cli->args[2 + pattern];
	return is_pattern(spec) ? fnmatch(spec, symbol, 0) == 0 : strcmp(spec, symbol) == 0;
}

static bool shown(const struct cli *cli, const char *symbol)
{
	bool any = cli->n_args == 2;
	for (int k = 0; k < cli->n_args - 2 && !any; k++)
		any = asked_for(cli, k, symbol);
	return any;
}

static const char *text_of(const struct row *r, const char *key)
{
	const char *text = json_string_value(json_object_get(r->o, key));
	return text != NULL ? text : "-";
}

static void add_row(struct grid *g, const struct row *r)
{
	int state = bc_state_of(bc_str_of(r->state));
	json_int_t since = json_integer_value(json_object_get(r->o, "since"));
	char age[BC_DURATION_TEXT_MAX];
	bool leaving = json_is_true(json_object_get(r->o, "leaving"));
	bool configured = json_is_true(json_object_get(r->o, "configured"));
	bc_duration_round(bc_wall_now().ns - since, age);
	grid_add(g, bc_str_of(r->symbol), PAINT_STRONG);
	grid_add(g, bc_str_of(r->state),
		 state < 0 ? PAINT_NONE : paint_state((enum bc_state)state));
	grid_add(g, bc_str_of(text_of(r, "reason")), PAINT_DIM);
	grid_add(g, bc_str_of(age), PAINT_DIM);
	grid_add(g, bc_str_of(r->instance), PAINT_NONE);
	grid_addf(g, PAINT_DIM, "%s%s", text_of(r, "shard"), leaving ? ", leaving" : "");
	grid_add(g, bc_str_of(configured ? "configured" : "added"), PAINT_DIM);
}

static enum cli_status show_table(const struct cli *cli, const struct rows *rows)
{
	static const struct grid_column columns[] = {
		{ "symbol", GRID_KEY }, { "state", GRID_LEFT },    { "reason", GRID_LEFT },
		{ "for", GRID_RIGHT },  { "instance", GRID_LEFT }, { "shard", GRID_LEFT },
		{ "from", GRID_LEFT },
	};
	struct grid *g = grid_new(columns, sizeof columns / sizeof *columns);
	if (g == NULL)
		return cli_complain(cli, CLI_ERROR, "%s", bc_status_text(BC_ENOMEM));
	for (size_t i = 0; i < rows->n; i++) {
		if (shown(cli, rows->all[i].symbol))
			add_row(g, &rows->all[i]);
	}
	bool good = grid_rows(g) == 0 || grid_print(g, stdout, cli->color, "", cli->columns);
	grid_free(&g);
	return good ? CLI_OK : CLI_ERROR;
}

static enum cli_status show(struct cli *cli, const struct rows *rows)
{
	if (cli->output != &cli_output_json)
		return show_table(cli, rows);
	for (size_t i = 0; i < rows->n; i++) {
		if (shown(cli, rows->all[i].symbol))
			cli->output->gateway(cli, rows->all[i].o);
	}
	return CLI_OK;
}

/* A symbol is fit where one of those that follow it has it so. */
static enum cli_status judge(const struct cli *cli, const struct rows *rows)
{
	enum cli_status status = CLI_OK;
	bool fit = true, any = false;
	for (size_t i = 0; i < rows->n; i++) {
		const struct row *r = &rows->all[i];
		if (!shown(cli, r->symbol))
			continue;
		bool first = !any || i == 0 || strcmp(r->symbol, rows->all[i - 1].symbol) != 0;
		if (first && any && !fit)
			status = CLI_UNFIT;
		fit = bc_state_fit((unsigned)bc_state_of(bc_str_of(r->state))) || (!first && fit);
		any = true;
	}
	return any && !fit ? CLI_UNFIT : status;
}

static enum cli_status tell_missing(const struct cli *cli, const struct rows *rows)
{
	enum cli_status status = CLI_OK;
	for (int k = 0; k < cli->n_args - 2; k++) {
		bool any = false;
		for (size_t i = 0; i < rows->n && !any; i++)
			any = asked_for(cli, k, rows->all[i].symbol);
		if (!any)
			status = cli_complain(cli, CLI_NOT_FOUND, "nobody of %s follows '%.80s'",
					      cli->args[1], cli->args[2 + k]);
	}
	if (rows->n == 0 && cli->n_args == 2)
		status = cli_complain(cli, CLI_NOT_FOUND, "the gateways of %s follow nothing",
				      cli->args[1]);
	return status;
}

static enum cli_status list(struct cli_controls *c)
{
	struct rows rows = { 0 };
	enum cli_status status = CLI_OK;
	for (size_t i = 0; i < c->n && status == CLI_OK; i++)
		status = take_rows(c, i, &rows);
	if (rows.n > 0)
		qsort(rows.all, rows.n, sizeof *rows.all, by_symbol);
	if (status == CLI_OK)
		status = show(c->cli, &rows);
	if (status == CLI_OK)
		status = cli_worse(judge(c->cli, &rows), tell_missing(c->cli, &rows));
	for (size_t i = 0; i < rows.n; i++)
		json_decref(rows.all[i].o);
	free(rows.all);
	return status;
}

/* ------------------------------------------------------------------ the verb */

static enum cli_status for_specs(struct cli_controls *c,
				 enum cli_status (*one)(struct cli_controls *c, const char *spec))
{
	enum cli_status status = CLI_OK;
	if (c->cli->n_args < 3)
		return cli_complain(c->cli, CLI_ERROR, "%s: names no symbol, for example:\n%s",
				    c->cli->args[0], cli_verb_symbols.examples);
	for (int k = 2; k < c->cli->n_args; k++)
		status = cli_worse(status, one(c, c->cli->args[k]));
	return status;
}

static enum cli_status run_add(struct cli_controls *c)
{
	return for_specs(c, add);
}

static enum cli_status run_remove(struct cli_controls *c)
{
	return for_specs(c, remove_one);
}

static enum cli_status run_symbols(struct cli *cli)
{
	static const struct {
		const char *word;
		enum cli_status (*run)(struct cli_controls *c);
	} words[] = { { "add", run_add }, { "remove", run_remove }, { "list", list } };
	struct cli_controls controls;
	if (strcmp(cli->args[0], "weights") == 0)
		return cli_symbols_weigh(cli);
	for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
		if (strcmp(cli->args[0], words[i].word) != 0)
			continue;
		if (cli_flag(cli, "for") != NULL)
			return cli_complain(cli, CLI_ERROR, "--for: is for weights, not for %s",
					    words[i].word);
		enum cli_status status = cli_controls_open(&controls, cli, cli->args[1]);
		if (status == CLI_OK)
			status = words[i].run(&controls);
		cli_controls_close(&controls);
		return status;
	}
	return cli_complain(cli, CLI_ERROR, "'%.40s': there are add, remove, list, weights",
			    cli->args[0]);
}

static struct bc_verb_flag flags[] = {
	{ "for", "TIME", "weights: how long to measure (10s)", NULL },
};

const struct cli_verb cli_verb_symbols = {
	.name = "symbols",
	.arguments = "add|remove|list|weights EXCHANGE [SYMBOL | 'PATTERN']...",
	.purpose = "what the gateways of an exchange follow, changed while they run",
	.examples = "  bookcast symbols list upbit\n"
		    "  bookcast symbols add upbit KRW-BTC ETH/KRW\n"
		    "  bookcast symbols add upbit 'BTC-*'\n"
		    "  bookcast symbols remove upbit KRW-BTC\n"
		    "  bookcast symbols weights upbit --for 60s > upbit.weights\n",
	.min_args = 2,
	.max_args = -1,
	.flags = flags,
	.n_flags = sizeof flags / sizeof *flags,
	.run = run_symbols,
};
