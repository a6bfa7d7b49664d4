/* Tables for people. Ages and states stand beside every price: a number without them is a guess. */
#include "subscribers/cli/columns.h"
#include "subscribers/cli/ladder.h"
#include "subscribers/cli/output.h"
#include "subscribers/cli/words.h"

#include "common/clock.h"
#include "common/text.h"

#include <stdlib.h>
#include <string.h>

#define LADDER_DEPTH 10
#define MAX_COLUMNS  14

struct table_state {
	struct grid *grid;
	struct grid_column columns[MAX_COLUMNS];
	struct cli_answers_shape shape;
	size_t n_answers, n_fit;
	bool failed;
};

static void *table_open(const struct cli *cli)
{
	(void)cli;
	return calloc(1, sizeof(struct table_state));
}

static struct grid *start_grid(struct cli *cli, const struct grid_column *columns, size_t n)
{
	struct table_state *s = cli->output_state;
	if (s->grid == NULL && !s->failed)
		s->grid = grid_new(columns, n);
	s->failed = s->failed || s->grid == NULL;
	return s->grid;
}

/* Prints the grid and gives it back. */
static void print_grid(struct cli *cli, const char *indent)
{
	struct table_state *s = cli->output_state;
	if (grid_rows(s->grid) > 0 &&
	    !grid_print(s->grid, stdout, cli->color, indent, cli->columns))
		s->failed = true;
	grid_free(&s->grid);
}

/* ------------------------------------------------------------------ get */

/* Of one answer alone the lines above and below the table tell whose it is, its state and ages. */
static void table_answers(struct cli *cli, const struct cli_answers_shape *shape)
{
	static const struct grid_column before[] = { { "exchange", GRID_KEY },
						     { "symbol", GRID_KEY } },
					after[] = { { "state", GRID_LEFT },
						    { "changed", GRID_RIGHT },
						    { "proven", GRID_RIGHT } };
	struct table_state *s = cli->output_state;
	const struct channel_columns *c = &channel_columns[shape->channel];
	struct grid_column *end = s->columns;
	s->shape = *shape;
	if (!shape->alone)
		end = mempcpy(end, before, sizeof before);
	end = mempcpy(end, c->columns, c->n * sizeof *c->columns);
	if (!shape->alone)
		end = mempcpy(end, after, sizeof after);
	start_grid(cli, s->columns, (size_t)(end - s->columns));
}

static void add_age(struct grid *g, int64_t ns, const char *paint)
{
	char text[BC_DURATION_TEXT_MAX];
	if (ns < 0)
		grid_add(g, BC_STR("never"), PAINT_BAD);
	else {
		bc_duration_round(ns, text);
		grid_add(g, bc_str_of(text), paint);
	}
}

static void add_answer(struct grid *g, const struct answer *a, enum cli_status fitness)
{
	const struct channel_columns *c = &channel_columns[a->message.envelope.channel];
	enum bc_state now = a->view.state;
	bool reason = a->reason != BC_REASON_NONE;
	grid_add(g, a->topic.exchange, PAINT_NONE);
	grid_add(g, a->topic.symbol, PAINT_STRONG);
	c->add(g, &a->message);
	grid_addf(g, paint_state(now), "%s%s%s%s", bc_state_word(now), reason ? " (" : "",
		  reason ? bc_reason_word(a->reason) : "", reason ? ")" : "");
	add_age(g, a->view.age_ns, PAINT_DIM);
	add_age(g, a->view.proven_ns,
		fitness == CLI_UNFIT && bc_state_fit_if_rest(now) ? PAINT_BAD : PAINT_DIM);
}

static void print_headline(const struct cli *cli, const struct answer *a)
{
	char name[200], since[BC_TIME_TEXT_MAX];
	struct bc_text t = bc_text_on(name, sizeof name);
	enum bc_state now = a->view.state;
	const char *paint = paint_state(now);
	bc_text_add_escaped(&t, a->topic.exchange, 60);
	bc_text_add(&t, BC_STR(" "));
	bc_text_add_escaped(&t, a->topic.symbol, 100);
	paint_on(stdout, cli->color, PAINT_STRONG);
	printf("%s", name);
	paint_off(stdout, cli->color, PAINT_STRONG);
	printf("  %.*s  ", (int)a->topic.channel.n, a->topic.channel.p);
	paint_on(stdout, cli->color, paint);
	printf("%s", bc_state_word(now));
	paint_off(stdout, cli->color, paint);
	if (bc_wall_known(a->since)) {
		bc_wall_format(a->since, since);
		printf(" since %.10s %.8s UTC", since, since + 11);
	}
	putchar('\n');
	if (now != BC_STATE_LIVE && now != BC_STATE_QUIET)
		printf("%s\n", why_state(now, a->reason));
}

static void print_ages(const struct answer *a, enum cli_status fitness, bool allow_rest)
{
	char age[BC_DURATION_TEXT_MAX];
	printf("\n  changed ");
	bc_duration_round(a->view.age_ns, age);
	printf(a->view.age_ns < 0 ? "at an unknown time" : "%s ago", age);
	bc_duration_round(a->view.proven_ns, age);
	if (a->view.proven_ns < 0)
		printf(", never proven true");
	else
		printf(", proven true %s ago", age);
	if (fitness == CLI_UNFIT && bc_state_fit_if_rest(a->view.state))
		printf(a->view.state == BC_STATE_REST && !allow_rest
			       ? ": polled, taken only with --allow-rest"
			       : ": older than --max-age");
	putchar('\n');
}

static void print_source(const struct bc_envelope *e)
{
	printf("  seq %llu of epoch %llu", (unsigned long long)e->seq,
	       (unsigned long long)e->epoch);
	if (e->exchange_seq != BC_SEQ_NONE)
		printf(", exchange's %llu", (unsigned long long)e->exchange_seq);
	for (unsigned bit = 0; bit < 32; bit++)
		if (e->flags & (1u << bit) & ~(unsigned)BC_FLAG_WELCOME)
			printf(", %s", bc_flag_word(bit));
	putchar('\n');
}

static void table_answer(struct cli *cli, const struct answer *a, enum cli_status fitness)
{
	struct table_state *s = cli->output_state;
	if (s->failed || channel_columns[a->message.envelope.channel].add == NULL)
		return;
	s->n_answers++;
	s->n_fit += fitness == CLI_OK;
	if (!s->shape.alone) {
		add_answer(s->grid, a, fitness);
		return;
	}
	print_headline(cli, a);
	if (s->shape.channel == BC_CHANNEL_BOOK) {
		putchar('\n');
		if (!ladder_print(stdout, &a->message.body.book,
				  s->shape.depth ? s->shape.depth : LADDER_DEPTH, cli->color,
				  cli->utf8))
			s->failed = true;
	} else {
		channel_columns[s->shape.channel].add(s->grid, &a->message);
		s->failed = !grid_print(s->grid, stdout, cli->color, "  ", cli->columns);
	}
	print_ages(a, fitness, s->shape.allow_rest);
	print_source(&a->message.envelope);
}

static enum cli_status table_close(struct cli *cli)
{
	struct table_state *s = cli->output_state;
	bool good = !s->failed;
	if (s->grid != NULL && grid_rows(s->grid) > 0 && !s->shape.alone) {
		good = grid_print(s->grid, stdout, cli->color, "", cli->columns) && good;
		if (s->n_answers > 0)
			printf("\n%zu symbol%s, %zu fit to trade on\n", s->n_answers,
			       s->n_answers == 1 ? "" : "s", s->n_fit);
	}
	if (s->grid != NULL)
		grid_free(&s->grid);
	free(s);
	return good && fflush(stdout) == 0 && !ferror(stdout) ? CLI_OK : CLI_ERROR;
}

/* ------------------------------------------------------------------ trades, candles */

static void table_history(struct cli *cli, const struct answer *standing,
			  const struct cli_answers_shape *shape)
{
	struct table_state *s = cli->output_state;
	const struct channel_columns *c = &channel_columns[shape->channel];
	s->shape = *shape;
	if (s->n_answers++ > 0)
		putchar('\n');
	print_headline(cli, standing);
	bool trades = shape->channel == BC_CHANNEL_TRADE;
	memcpy(s->columns + trades, c->columns, c->n * sizeof *c->columns);
	s->columns[trades ? 0 : c->n] = (struct grid_column){ trades ? "at" : "closed", GRID_LEFT };
	start_grid(cli, s->columns, c->n + 1);
}

static void add_time(struct grid *g, const struct bc_envelope *e)
{
	char at[BC_TIME_TEXT_MAX];
	bc_wall_format(bc_wall_known(e->ts_exchange) ? e->ts_exchange : e->ts_recv, at);
	grid_addf(g, PAINT_NONE, "%.10s %.12s", at, at + 11);
}

static void add_closed(struct grid *g, enum bc_closed closed)
{
	grid_add(g,
		 closed == BC_CLOSED_YES  ? BC_STR("yes")
		 : closed == BC_CLOSED_NO ? BC_STR("no")
					  : BC_STR("-"),
		 PAINT_DIM);
}

static void table_event(struct cli *cli, const struct answer *a)
{
	struct table_state *s = cli->output_state;
	const struct bc_message *m = &a->message;
	if (s->grid == NULL)
		return;
	if (m->envelope.channel == BC_CHANNEL_TRADE)
		add_time(s->grid, &m->envelope);
	channel_columns[m->envelope.channel].add(s->grid, m);
	if (m->envelope.channel == BC_CHANNEL_CANDLE)
		add_closed(s->grid, m->body.candle.closed);
}

static void table_history_end(struct cli *cli, const struct answer *standing,
			      enum cli_status fitness)
{
	struct table_state *s = cli->output_state;
	if (s->grid == NULL)
		return;
	print_grid(cli, "  ");
	print_ages(standing, fitness, s->shape.allow_rest);
}

/* ------------------------------------------------------------------ watch */

/* Trades and candles that are history are not news, and may have been said before. */
static void print_history(struct cli *cli, const struct bc_envelope *e)
{
	bool dated = e->channel == BC_CHANNEL_TRADE || e->channel == BC_CHANNEL_CANDLE;
	if (!dated || (e->flags & BC_FLAG_SNAPSHOT) == 0)
		return;
	paint_on(stdout, cli->color, PAINT_DIM);
	printf("  snapshot%s", e->flags & BC_FLAG_REST ? " rest" : "");
	paint_off(stdout, cli->color, PAINT_DIM);
}

/* One line a message: time of publication (UTC), whose it is, what it says, its state. */
static void table_heard(struct cli *cli, const struct bc_message *m,
			const struct bc_message_view *view)
{
	char body[512], symbol[100], now[BC_TIME_TEXT_MAX];
	struct bc_text b = bc_text_on(body, sizeof body), s = bc_text_on(symbol, sizeof symbol);
	const struct bc_envelope *e = &m->envelope;
	enum bc_state state = view->with_state ? view->state : e->state;
	enum bc_reason reason = view->with_reason ? view->reason : e->reason;
	bc_wall_time at = view->no_envelope ? view->since : e->ts_publish;
	if (!view->no_envelope)
		message_line(&b, m);
	bc_text_add_escaped(&s, view->symbol, 60);
	bc_wall_format(at, now);
	printf("%.12s  %.*s  %s", now + 11, (int)view->exchange.n, view->exchange.p, symbol);
	printf("%*s  %s%*s  %-10s  ",
	       (int)(text_columns(symbol) < 14 ? 14 - text_columns(symbol) : 0), "", body,
	       (int)(b.n < 44 ? 44 - b.n : 0), "", bc_channel_word(e->channel));
	paint_on(stdout, cli->color, paint_state(state));
	printf("%s%s%s", bc_state_word(state), reason ? " " : "",
	       reason ? bc_reason_word(reason) : "");
	paint_off(stdout, cli->color, paint_state(state));
	print_history(cli, e);
	putchar('\n');
}

/* ------------------------------------------------------------------ list, gateways, health */

static void table_listed(struct cli *cli, const struct cli_listed *l)
{
	static const struct grid_column columns[] = { { "exchange", GRID_LEFT },
						      { "symbol", GRID_LEFT },
						      { "state", GRID_LEFT },
						      { "channels", GRID_LEFT } };
	char names[256];
	struct bc_text t = bc_text_on(names, sizeof names);
	struct grid *g = start_grid(cli, columns, 4);
	if (g == NULL)
		return;
	for (size_t i = 0; i < l->n_channels; i++)
		bc_text_addf(&t, "%s%.*s", i ? " " : "", (int)l->channels[i].n, l->channels[i].p);
	grid_add(g, l->exchange, PAINT_NONE);
	grid_add(g, l->symbol, PAINT_STRONG);
	grid_add(g, bc_str_of(l->state ? l->state : "-"),
		 l->state ? paint_state((enum bc_state)bc_state_of(bc_str_of(l->state)))
			  : PAINT_DIM);
	grid_add(g, bc_str_of(names), PAINT_DIM);
}

static const char *json_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text != NULL ? text : "-";
}

static const char *paint_word(const char *state)
{
	int number = bc_state_of(bc_str_of(state));
	return number < 0 ? PAINT_NONE : paint_state((enum bc_state)number);
}

/* How many books wait for a snapshot of the exchange, and about how long the last of them. */
static void add_waiting(struct grid *g, const json_t *counters)
{
	json_int_t n = json_integer_value(json_object_get(counters, "snapshots_waiting"));
	json_int_t ms = json_integer_value(json_object_get(counters, "snapshot_wait_ms"));
	char wait[BC_DURATION_TEXT_MAX];
	bc_duration_round(ms * BC_NS_PER_MS, wait);
	if (n > 0)
		grid_addf(g, PAINT_BAD, "%lld in %s", (long long)n, wait);
	else
		grid_add(g, BC_STR("-"), PAINT_DIM);
}

/* Its shard, and the other instances that serve the same one. */
static void add_shard(struct grid *g, const json_t *o)
{
	const json_t *lines = json_object_get(o, "lines");
	const char *other = json_string_value(json_array_get(lines, 0));
	size_t n = json_array_size(lines);
	if (other == NULL)
		grid_add(g, bc_str_of(json_text(o, "shard")), PAINT_NONE);
	else if (n == 1)
		grid_addf(g, PAINT_NONE, "%s, line with %s", json_text(o, "shard"), other);
	else
		grid_addf(g, PAINT_NONE, "%s, line with %s and %zu more", json_text(o, "shard"),
			  other, n - 1);
}

static void table_gateway(struct cli *cli, const json_t *o)
{
	static const struct grid_column columns[] = {
		{ "exchange", GRID_KEY },  { "instance", GRID_KEY },  { "shard", GRID_LEFT },
		{ "state", GRID_LEFT },    { "heard", GRID_RIGHT },   { "up for", GRID_RIGHT },
		{ "symbols", GRID_RIGHT }, { "waiting", GRID_RIGHT }, { "pid", GRID_RIGHT },
		{ "version", GRID_LEFT },  { "endpoint", GRID_LEFT },
	};
	struct grid *g = start_grid(cli, columns, sizeof columns / sizeof *columns);
	if (g == NULL)
		return;
	const char *state = json_text(o, "state"), *reason = json_text(o, "reason");
	bool why = strcmp(reason, "none") != 0 && strcmp(reason, "-") != 0;
	json_int_t started = json_integer_value(json_object_get(o, "started"));
	grid_add(g, bc_str_of(json_text(o, "exchange")), PAINT_NONE);
	grid_add(g, bc_str_of(json_text(o, "instance")), PAINT_STRONG);
	add_shard(g, o);
	grid_addf(g, paint_word(state), "%s%s%s%s", state, why ? " (" : "", why ? reason : "",
		  why ? ")" : "");
	add_age(g, json_integer_value(json_object_get(o, "heard_ns")), PAINT_DIM);
	if (started > 0)
		add_age(g, bc_wall_now().ns - started, PAINT_DIM);
	else
		grid_add(g, BC_STR("-"), PAINT_DIM);
	grid_addf(g, PAINT_NONE, "%lld",
		  (long long)json_integer_value(json_object_get(o, "symbols")));
	add_waiting(g, json_object_get(o, "counters"));
	grid_addf(g, PAINT_DIM, "%lld", (long long)json_integer_value(json_object_get(o, "pid")));
	grid_add(g, bc_str_of(json_text(o, "version")), PAINT_DIM);
	grid_add(g, bc_str_of(json_text(o, "endpoint")), PAINT_NONE);
}

static void add_states(struct grid *g, const json_t *states)
{
	char text[256];
	struct bc_text t = bc_text_on(text, sizeof text);
	bool unfit = false;
	for (unsigned s = 0; s < BC_N_STATES; s++) {
		json_int_t n = json_integer_value(json_object_get(states, bc_state_word(s)));
		if (n == 0)
			continue;
		bc_text_addf(&t, "%s%lld %s", t.n ? ", " : "", (long long)n, bc_state_word(s));
		unfit = unfit || !bc_state_fit(s);
	}
	grid_add(g, bc_str_of(text), unfit ? PAINT_BAD : PAINT_GOOD);
}

static void add_unfit(struct grid *g, const json_t *exchange)
{
	const json_t *entry;
	size_t i;
	json_array_foreach(json_object_get(exchange, "unfit"), i, entry)
	{
		const char *state = json_text(entry, "state"), *reason = json_text(entry, "reason");
		int number = bc_state_of(bc_str_of(state)), why = bc_reason_of(bc_str_of(reason));
		const char *words = number >= 0 && why >= 0
					    ? why_state((enum bc_state)number, (enum bc_reason)why)
					    : reason;
		grid_add(g, bc_str_of(json_text(exchange, "exchange")), PAINT_NONE);
		grid_add(g, bc_str_of(json_text(entry, "symbol")), PAINT_STRONG);
		grid_add(g, bc_str_of(state), paint_word(state));
		grid_add(g, bc_str_of(words), PAINT_NONE);
	}
}

static void print_unfit(struct cli *cli, const json_t *exchanges)
{
	static const struct grid_column columns[] = {
		{ "", GRID_LEFT }, { "", GRID_LEFT }, { "", GRID_LEFT }, { "", GRID_LEFT }
	};
	struct grid *g = start_grid(cli, columns, 4);
	const json_t *e;
	size_t i;
	if (g == NULL)
		return;
	json_array_foreach(exchanges, i, e) add_unfit(g, e);
	if (grid_rows(g) > 0)
		putchar('\n');
	print_grid(cli, "");
}

/* One of what should be 0: gone, missing, orphans, listing. A cache of before they were told has
 * none. */
static void add_lack(struct grid *g, const json_t *exchange, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(exchange, key));
	grid_addf(g, n ? PAINT_BAD : PAINT_DIM, "%lld", (long long)n);
}

static void table_health(struct cli *cli, const json_t *health)
{
	static const struct grid_column columns[] = {
		{ "exchange", GRID_LEFT }, { "gateways", GRID_RIGHT }, { "gone", GRID_RIGHT },
		{ "missing", GRID_RIGHT }, { "orphans", GRID_RIGHT },  { "listing", GRID_RIGHT },
		{ "symbols", GRID_RIGHT }, { "states", GRID_LEFT },
	};
	const json_t *exchanges = json_object_get(health, "exchanges"), *e;
	char uptime[BC_DURATION_TEXT_MAX];
	bool fit = json_is_true(json_object_get(health, "fit"));
	struct grid *g = start_grid(cli, columns, sizeof columns / sizeof *columns);
	size_t i;
	if (g == NULL)
		return;
	json_array_foreach(exchanges, i, e)
	{
		grid_add(g, bc_str_of(json_text(e, "exchange")), PAINT_STRONG);
		grid_addf(g, PAINT_NONE, "%lld",
			  (long long)json_integer_value(json_object_get(e, "gateways")));
		add_lack(g, e, "gone");
		add_lack(g, e, "missing");
		add_lack(g, e, "orphans");
		add_lack(g, e, "listing");
		grid_addf(g, PAINT_NONE, "%lld",
			  (long long)json_integer_value(json_object_get(e, "symbols")));
		add_states(g, json_object_get(e, "states"));
	}
	bc_duration_round(json_integer_value(json_object_get(health, "uptime_ns")), uptime);
	paint_on(stdout, cli->color, fit ? PAINT_GOOD : PAINT_BAD);
	printf("%s", fit ? "fit" : "not fit");
	paint_off(stdout, cli->color, fit ? PAINT_GOOD : PAINT_BAD);
	printf("  the cache has been up for %s and holds %lld topics\n\n", uptime,
	       (long long)json_integer_value(json_object_get(health, "topics")));
	if (grid_rows(g) == 0)
		printf("no gateway has been heard\n");
	print_grid(cli, "");
	print_unfit(cli, exchanges);
}

/* ------------------------------------------------------------------ latency */

static void add_delay(struct grid *g, const json_t *hop, const char *key, const char *paint)
{
	char text[BC_DURATION_TEXT_MAX];
	bc_duration_round(json_integer_value(json_object_get(hop, key)), text);
	if (json_integer_value(json_object_get(hop, "count")) > 0)
		grid_add(g, bc_str_of(text), paint);
	else
		grid_add(g, BC_STR("-"), PAINT_DIM);
}

/* "exchange_receive" reads "exchange to receive". */
static void add_hop(struct grid *g, const char *name)
{
	const char *between = strchr(name, '_');
	if (between == NULL)
		grid_add(g, bc_str_of(name), PAINT_NONE);
	else
		grid_addf(g, PAINT_NONE, "%.*s to %s", (int)(between - name), name, between + 1);
}

static void table_latency(struct cli *cli, const json_t *gateway, const json_t *hop)
{
	static const struct grid_column columns[] = {
		{ "exchange", GRID_KEY },      { "instance", GRID_KEY },
		{ "hop", GRID_KEY },           { "p50", GRID_RIGHT },
		{ "p90", GRID_RIGHT },         { "p99", GRID_RIGHT },
		{ "p99.9", GRID_RIGHT },       { "max", GRID_RIGHT },
		{ "messages", GRID_RIGHT },    { "below 0", GRID_RIGHT },
		{ "in the last", GRID_RIGHT },
	};
	static const char *const delays[] = { "p50_ns", "p90_ns", "p99_ns", "p999_ns", "max_ns" };
	struct grid *g = start_grid(cli, columns, sizeof columns / sizeof *columns);
	if (g == NULL)
		return;
	const bool gone = json_is_true(json_object_get(gateway, "gone"));
	json_int_t early = json_integer_value(json_object_get(hop, "negative"));
	grid_add(g, bc_str_of(json_text(gateway, "exchange")), PAINT_NONE);
	grid_addf(g, gone ? PAINT_BAD : PAINT_STRONG, "%s%s", json_text(gateway, "instance"),
		  gone ? " (gone)" : "");
	add_hop(g, json_text(hop, "hop"));
	for (size_t i = 0; i < sizeof delays / sizeof *delays; i++)
		add_delay(g, hop, delays[i], i == 0 ? PAINT_STRONG : PAINT_NONE);
	grid_addf(g, PAINT_NONE, "%lld",
		  (long long)json_integer_value(json_object_get(hop, "count")));
	grid_addf(g, early > 0 ? PAINT_DOUBT : PAINT_DIM, "%lld", (long long)early);
	add_age(g, json_integer_value(json_object_get(hop, "window_ns")), PAINT_DIM);
}

const struct cli_output cli_output_table = {
	.open = table_open,
	.close = table_close,
	.answers = table_answers,
	.answer = table_answer,
	.history = table_history,
	.event = table_event,
	.history_end = table_history_end,
	.heard = table_heard,
	.listed = table_listed,
	.gateway = table_gateway,
	.health = table_health,
	.latency = table_latency,
};
