/* Tables for people. Ages and states stand beside every price: a number without them is a guess. */
#include "subscribers/cli/columns.h"
#include "subscribers/cli/ladder.h"
#include "subscribers/cli/output_table.h"
#include "subscribers/cli/words.h"

#include "common/clock.h"
#include "common/text.h"

#include <stdlib.h>
#include <string.h>

#define LADDER_DEPTH 10

static void *table_open(const struct cli *cli)
{
	(void)cli;
	return calloc(1, sizeof(struct table_state));
}

struct grid *table_start(struct cli *cli, const struct grid_column *columns, size_t n)
{
	struct table_state *s = cli->output_state;
	if (s->grid == NULL && !s->failed)
		s->grid = grid_new(columns, n);
	s->failed = s->failed || s->grid == NULL;
	return s->grid;
}

void table_print(struct cli *cli, const char *indent)
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
	table_start(cli, s->columns, (size_t)(end - s->columns));
}

void table_add_age(struct grid *g, int64_t ns, const char *paint)
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
	table_add_age(g, a->view.age_ns, PAINT_DIM);
	table_add_age(g, a->view.proven_ns,
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
	table_start(cli, s->columns, c->n + 1);
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
	table_print(cli, "  ");
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
