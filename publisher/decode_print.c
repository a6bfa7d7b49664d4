#include "publisher/decode_print.h"

#include "common/clock.h"
#include "common/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct printer {
	struct printer_options o;
	bc_status status; /* the first failure */
	struct bc_json_writer json;
	char buffer[64u << 10];
};

struct printer *printer_new(const struct printer_options *options)
{
	struct printer *p = calloc(1, sizeof *p);

	if (p == NULL)
		return NULL;
	p->o = *options;
	bc_json_start(&p->json, p->buffer, sizeof p->buffer, bc_json_to_file, stdout);
	return p;
}

void printer_free(struct printer **printer)
{
	free(*printer);
	*printer = NULL;
}

static void note(struct printer *p, bc_status status)
{
	if (p->status == BC_OK)
		p->status = status;
}

/* ------------------------------------------------------------------ JSON */

static struct bc_message message_of(const struct bc_event *e)
{
	struct bc_message m = { .envelope = {
					.channel = e->channel,
					.exchange_seq = e->exchange_seq,
					.ts_exchange = e->ts_exchange,
					.ts_recv = { BC_TIME_UNKNOWN },
					.ts_publish = { BC_TIME_UNKNOWN },
					.since = { BC_TIME_UNKNOWN },
					.flags = e->flags,
				} };

	/* The members of both unions have the same types. */
	_Static_assert(sizeof e->body <= sizeof m.body, "an event's body is a message's");
	memcpy(&m.body, &e->body, sizeof e->body);
	return m;
}

static void event_json(struct printer *p, const struct bc_event *e)
{
	struct bc_message m = message_of(e);
	struct bc_message_view view = {
		.exchange = bc_str_of(p->o.exchange),
		.symbol = e->symbol,
		.times = p->o.times,
		.depth = p->o.depth,
		.no_envelope = true,
	};

	note(p, bc_message_json(&p->json, &m, &view));
}

static void final_json(struct printer *p, const struct final_book *book)
{
	struct bc_message m = message_of(&book->event);
	struct bc_message_view view = {
		.exchange = bc_str_of(p->o.exchange),
		.symbol = book->event.symbol,
		.times = p->o.times,
		.depth = p->o.depth,
		.no_envelope = true,
		.with_state = true,
		.state = book->state,
		.with_reason = true,
		.reason = book->reason,
		.since = { BC_TIME_UNKNOWN },
	};

	bc_json_object(&p->json);
	note(p, bc_message_json_members(&p->json, &m, &view));
	bc_json_put_uint(&p->json, "vouched_bids", book->vouched_bids);
	bc_json_put_uint(&p->json, "vouched_asks", book->vouched_asks);
	bc_json_object_end(&p->json);
	note(p, bc_json_end(&p->json, "\n"));
}

/* ------------------------------------------------------------------ table */

static void add_time(struct bc_text *t, bc_wall_time time)
{
	char text[BC_TIME_TEXT_MAX];

	if (!bc_wall_known(time)) {
		bc_text_addf(t, "%-23s  ", "-");
		return;
	}
	bc_wall_format(time, text);
	bc_text_addf(t, "%.10s %.12s  ", text, text + 11);
}

static void add_decimal(struct bc_text *t, const char *before, bc_decimal d)
{
	char text[BC_DECIMAL_TEXT_MAX] = "-";

	if (bc_decimal_known(d))
		bc_decimal_format(d, text);
	bc_text_addf(t, "%s%s", before, text);
}

static void add_book(struct bc_text *t, const struct bc_event *e)
{
	const struct bc_book *b = &e->body.book;

	bc_text_addf(t, "%u/%u levels", b->n_bids, b->n_asks);
	if (b->n_bids > 0) {
		add_decimal(t, "  bid ", b->bids[0].price);
		add_decimal(t, " x ", b->bids[0].quantity);
	}
	if (b->n_asks > 0) {
		add_decimal(t, "  ask ", b->asks[0].price);
		add_decimal(t, " x ", b->asks[0].quantity);
	}
}

static void add_seq(struct bc_text *t, const char *before, uint64_t seq)
{
	if (seq != BC_SEQ_NONE)
		bc_text_addf(t, "%s%llu", before, (unsigned long long)seq);
}

static void add_delta(struct bc_text *t, const struct bc_event *e)
{
	const struct bc_delta *d = &e->body.delta;

	bc_text_addf(t, "%u/%u changes", d->n_bids, d->n_asks);
	add_seq(t, "  from ", d->first_seq);
	add_seq(t, "  to ", d->last_seq);
	add_seq(t, "  after ", d->prev_seq);
}

static void add_trade(struct bc_text *t, const struct bc_event *e)
{
	bc_text_addf(t, "%-4s", bc_side_word(e->body.trade.side));
	add_decimal(t, " ", e->body.trade.price);
	add_decimal(t, " x ", e->body.trade.quantity);
	bc_text_add(t, BC_STR("  id "));
	bc_text_add_escaped(t, e->body.trade.trade_id, 64);
}

static void add_ticker(struct bc_text *t, const struct bc_event *e)
{
	add_decimal(t, "last ", e->body.ticker.last);
	add_decimal(t, "  change ", e->body.ticker.change);
	add_decimal(t, "  high ", e->body.ticker.high);
	add_decimal(t, "  low ", e->body.ticker.low);
	add_decimal(t, "  volume ", e->body.ticker.volume);
}

static void add_candle(struct bc_text *t, const struct bc_event *e)
{
	bc_text_addf(t, "%s ", bc_interval_word(e->body.candle.interval));
	add_time(t, e->body.candle.ts_open);
	add_decimal(t, "open ", e->body.candle.open);
	add_decimal(t, "  high ", e->body.candle.high);
	add_decimal(t, "  low ", e->body.candle.low);
	add_decimal(t, "  close ", e->body.candle.close);
	add_decimal(t, "  volume ", e->body.candle.volume);
}

static void add_instrument(struct bc_text *t, const struct bc_event *e)
{
	bc_text_add_escaped(t, e->body.instrument.unified, 64);
	bc_text_addf(t, "  %s  %s", bc_kind_word(e->body.instrument.kind),
		     bc_listing_word(e->body.instrument.status));
	add_decimal(t, "  tick ", e->body.instrument.tick);
}

static void event_row(struct printer *p, const struct bc_event *e)
{
	static void (*const bodies[BC_N_CHANNELS])(struct bc_text *, const struct bc_event *) = {
		[BC_CHANNEL_BOOK] = add_book,     [BC_CHANNEL_BBO] = add_book,
		[BC_CHANNEL_TRADE] = add_trade,   [BC_CHANNEL_TICKER] = add_ticker,
		[BC_CHANNEL_CANDLE] = add_candle, [BC_CHANNEL_INSTRUMENT] = add_instrument,
		[BC_CHANNEL_DELTA] = add_delta,
	};
	char row[2048];
	struct bc_text t = bc_text_on(row, sizeof row);

	add_time(&t, e->ts_exchange);
	bc_text_addf(&t, "%-10s  ", bc_channel_word(e->channel));
	size_t before = t.n;
	bc_text_add_escaped(&t, e->symbol, 64);
	bc_text_addf(&t, "%*s", t.n - before < 12 ? (int)(14 - (t.n - before)) : 2, "");
	if (bodies[e->channel] != NULL)
		bodies[e->channel](&t, e);
	if (puts(row) == EOF)
		note(p, BC_EIO);
}

static void final_rows(struct printer *p, const struct final_book *book)
{
	const struct bc_book *b = &book->event.body.book;
	uint32_t n = b->n_bids > b->n_asks ? b->n_bids : b->n_asks;
	char row[1024];
	struct bc_text t = bc_text_on(row, sizeof row);

	bc_text_add_escaped(&t, book->event.symbol, 64);
	bc_text_addf(&t, "  %s", bc_state_word(book->state));
	if (book->reason != BC_REASON_NONE)
		bc_text_addf(&t, " (%s)", bc_reason_word(book->reason));
	bc_text_addf(&t, "  vouched %u bids, %u asks", book->vouched_bids, book->vouched_asks);
	puts(row);
	printf("%24s %24s  %-24s %-24s\n", "quantity", "bid", "ask", "quantity");
	for (uint32_t i = 0; i < n && (p->o.depth == 0 || i < p->o.depth); i++) {
		char cell[4][BC_DECIMAL_TEXT_MAX] = { "", "", "", "" };
		if (i < b->n_bids) {
			bc_decimal_format(b->bids[i].quantity, cell[0]);
			bc_decimal_format(b->bids[i].price, cell[1]);
		}
		if (i < b->n_asks) {
			bc_decimal_format(b->asks[i].price, cell[2]);
			bc_decimal_format(b->asks[i].quantity, cell[3]);
		}
		printf("%24s %24s  %-24s %-24s\n", cell[0], cell[1], cell[2], cell[3]);
	}
}

/* ------------------------------------------------------------------ the door */

void print_event(struct printer *p, const struct bc_event *e)
{
	if (p->o.json)
		event_json(p, e);
	else
		event_row(p, e);
}

void print_control(struct printer *p, const struct bc_control *c)
{
	static const char *const kinds[] = {
		[BC_CONTROL_ACK] = "ack",
		[BC_CONTROL_ERROR] = "error",
		[BC_CONTROL_PONG] = "pong",
		[BC_CONTROL_SUBSCRIPTIONS] = "subscriptions",
	};
	char row[1024];
	struct bc_text t = bc_text_on(row, sizeof row);

	if (!p->o.control)
		return;
	if (p->o.json) {
		struct bc_control_view view = { bc_str_of(p->o.exchange),
						{ BC_TIME_UNKNOWN },
						p->o.times,
						kinds[c->kind],
						c->id,
						c->code,
						c->message };
		note(p, bc_control_json(&p->json, &view));
		return;
	}
	bc_text_addf(&t, "%-23s  control     %-13s ", "-", kinds[c->kind]);
	bc_text_add_escaped(&t, c->id, 64);
	bc_text_addf(&t, "%s", c->id.n > 0 ? "  " : "");
	bc_text_add_escaped(&t, c->code, 64);
	bc_text_addf(&t, "%s", c->code.n > 0 ? "  " : "");
	bc_text_add_escaped(&t, c->message, 400);
	if (puts(row) == EOF)
		note(p, BC_EIO);
}

void print_final(struct printer *p, const struct final_book *book)
{
	if (p->o.json)
		final_json(p, book);
	else
		final_rows(p, book);
}

bc_status printer_end(struct printer *p)
{
	if (fflush(stdout) != 0)
		note(p, BC_EIO);
	return p->status;
}
