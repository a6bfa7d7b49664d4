/* session_subscribe.c - the frames that say who is carried by a connection, and their answers.
 *
 * What is wanted (`on`) stands beside what was asked for (`asked`, and `gone`: not wanted any more)
 * and what is acknowledged (`subscribed`). The difference is put into words when the next message
 * may be sent, not before: all that changes while the budget is closed is one message, and what
 * comes and goes meanwhile none.
 *
 * On a line that replaces, one subscription names all there is, and every change says it again.
 * On a line that adds, batches name what has not been named yet, as many as fit a frame, or take
 * back what is not wanted any more. Where the exchange acknowledges, a frame goes out when the one
 * before was answered; one that is not is repeated once, and then the connection is given up. One
 * that is refused is cut in halves until the symbol that is at fault stands alone, so that it harms
 * nobody else. */
#include "publisher/session_batch.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ what is to be said */

void subscribe_free(struct connection *c)
{
	names_free(&c->gone);
	names_free(&c->batch.names);
	free(c->batch.symbols);
	c->batch = (struct batch){ 0 };
}

void subscribe_reset(struct session *s, uint32_t connection)
{
	struct connection *c = &s->connections[connection];
	batch_end(c);
	names_clear(&c->gone);
	c->n_gone = 0;
	c->batch_max = subscribe_batch(s, c->line);
	c->mute_at = MONO_NEVER;
	c->subscribe_at = s->now.mono;
	c->subscribing = c->canary_sent = false;
	c->anew = true;
	c->dropped_at = (bc_mono_time){ 0 };
	for (uint32_t i = 0; i < s->symbol_limit; i++) {
		struct symbol *sym = &s->symbols[i];
		if (!carried(s, sym, connection))
			continue;
		*asked_by(sym, c) &= ~(1u << c->line);
		*subscribed_by(sym, c) &= ~(1u << c->line);
		if (c->successor)
			continue;
		sym->missing |= 1u << c->line;
		sym->aside->again &= ~(1u << c->line);
	}
}

void subscribe_again(struct session *s, uint32_t connection)
{
	struct connection *c = &s->connections[connection];
	if (c->phase != PHASE_OPEN)
		return; /* opening it will */
	c->subscribing = true;
	if (adds(s, c))
		return;
	c->anew = c->anew || c->batch.going; /* it was not said to its end */
	batch_end(c);
	c->subscribe_at = s->now.mono;
}

/* It is not to come any more, or to be asked anew. */
static void take_back(struct session *s, struct connection *c, uint32_t symbol)
{
	struct symbol *sym = &s->symbols[symbol];
	uint32_t bit = 1u << c->line;
	if ((*asked_by(sym, c) & bit) != 0 &&
	    (s->x->unsubscribe == NULL || names_put(&c->gone, sym->name) != BC_OK))
		c->n_gone++;
	*asked_by(sym, c) &= ~bit;
	*subscribed_by(sym, c) &= ~bit;
}

void subscribe_take_back(struct session *s, uint32_t connection, uint32_t symbol)
{
	struct connection *c = &s->connections[connection];
	if (c->phase != PHASE_OPEN)
		return;
	if (adds(s, c) && s->x->canary != NULL && bc_str_is(s->symbols[symbol].name, s->x->canary))
		c->canary_sent = (*asked_by(&s->symbols[symbol], c) & (1u << c->line)) != 0;
	else if (adds(s, c))
		take_back(s, c, symbol);
	else if ((*asked_by(&s->symbols[symbol], c) & (1u << c->line)) != 0) {
		c->anew = true;
		c->dropped_at = s->now.mono;
	}
	batch_forget(&c->batch, symbol);
	subscribe_again(s, connection);
}

/* Its streams were asked for, and one of them does not come. */
void subscribe_anew(struct session *s, uint32_t connection, uint32_t symbol)
{
	struct connection *c = &s->connections[connection];
	uint32_t n_gone = c->n_gone;
	if (c->phase != PHASE_OPEN)
		return;
	if (adds(s, c)) {
		take_back(s, c, symbol);
		s->symbols[symbol].aside->again |= 1u << c->line;
	}
	c->n_gone = n_gone; /* it keeps its place */
	c->anew = true;
	batch_forget(&c->batch, symbol);
	subscribe_again(s, connection);
}

/* A new subscription makes the exchange send every book again, which heals whatever is in doubt;
 * spaced out, so that an exchange that stays wrong is not asked all day. Where frames add, only
 * taking back and asking again does it, and is done for exchanges that start a book in the stream
 * alone: others have a snapshot by REST. */
void subscribe_resync(struct session *s, uint32_t connection, uint32_t symbol)
{
	struct connection *c = &s->connections[connection];
	if (c->phase != PHASE_OPEN ||
	    (adds(s, c) && (s->x->sync != NULL || s->x->unsubscribe == NULL)) ||
	    (!adds(s, c) && c->subscribing))
		return;
	bc_mono_time earliest = s->now.mono;
	if (c->resynced_at.ns != INT64_MIN)
		earliest = mono_plus(c->resynced_at, RESYNC_SPACING_NS);
	if (earliest.ns < s->now.mono.ns)
		earliest = s->now.mono;
	for (uint32_t i = 0; i < s->symbol_limit; i++) {
		struct symbol *sym = &s->symbols[i];
		if (sym->name.p == NULL || sym->on[c->line] != connection)
			continue;
		if (!adds(s, c))
			sym->subscribed &= ~(1u << c->line);
		else if ((symbol == NOBODY || symbol == i) &&
			 (sym->subscribed & (1u << c->line)) != 0)
			take_back(s, c, i); /* not the one that is being asked for */
	}
	c->anew = true;
	subscribe_again(s, connection);
	c->subscribe_at = earliest;
	c->resynced_at = earliest;
	s->count.resyncs++;
}

/* ------------------------------------------------------------------ frames */

static bc_status larger_frame(struct session *s)
{
	size_t cap = s->frame_cap * 2;
	char *frame = cap > FRAME_MAX_BYTES ? NULL : realloc(s->frame, cap);
	if (frame == NULL)
		return BC_ENOMEM;
	s->frame = frame;
	s->frame_cap = cap;
	return BC_OK;
}

/* The next frame of the batch, in s->frame. BC_ENOTFOUND: that was all. */
static bc_status next_frame(struct session *s, struct connection *c, size_t *len)
{
	struct batch *b = &c->batch;
	for (uint32_t i = 0; i < b->names.n; i++)
		s->names[i] = bc_str_of(b->names.texts[i]);
	struct bc_subscription what = { .line = c->line,
					.connection = c->index,
					.symbols = s->names,
					.n_symbols = b->names.n,
					.channels = s->channels & s->x->lines[c->line].channels,
					.intervals = s->o.intervals,
					.levels = s->o.levels,
					.nonce = b->nonce };
	bc_status rc;
	do {
		rc = (b->takes_back ? s->x->unsubscribe : s->x->subscribe)(s->adapter, &what,
									   &b->cursor, s->frame,
									   s->frame_cap, len);
	} while (rc == BC_ERANGE && larger_frame(s) == BC_OK);
	return rc;
}

/* Was that the last frame? It is not for the sending budget to say when that is known. */
static void look_ahead(struct session *s, uint32_t connection)
{
	struct batch *b = &s->connections[connection].batch;
	size_t len, cursor = b->cursor;
	b->look = false;
	if (next_frame(s, &s->connections[connection], &len) == BC_ENOTFOUND)
		batch_done(s, connection);
	else
		b->cursor = cursor;
}

static bc_status send_next(struct session *s, uint32_t connection)
{
	struct connection *c = &s->connections[connection];
	struct batch *b = &c->batch;
	size_t len = 0;
	b->nonce = adds(s, c) ? ++s->requests : ++s->random;
	b->cursor_was = b->cursor;
	bc_status rc = next_frame(s, c, &len);
	if (rc == BC_OK)
		rc = s->act.send(s->act.self, connection, (bc_str){ s->frame, len });
	if (rc != BC_OK)
		return rc;
	budget_spend(&c->per_s, s->now.mono);
	budget_spend(&c->per_min, s->now.mono);
	s->count.sends++;
	b->unanswered = s->x->lines[c->line].acks;
	b->sent_at = s->now.mono;
	b->look = !b->unanswered;
	return BC_OK;
}

/* The frame has not been answered in time. */
static bc_status unanswered(struct session *s, struct connection *c)
{
	struct batch *b = &c->batch;
	session_log(s, BC_LOG_WARN, "feed.unanswered", BC_LOG_S("line", s->x->lines[c->line].name),
		    BC_LOG_U("connection", c->index), BC_LOG_U("id", b->nonce),
		    BC_LOG_S("symbol", b->names.texts[0]), BC_LOG_U("symbols", b->names.n),
		    BC_LOG_T("waited", s->now.mono.ns - b->sent_at.ns));
	if (b->repeats++ > 0)
		return BC_ETIMEOUT;
	b->unanswered = false;
	b->cursor = b->cursor_was;
	return BC_OK;
}

/* Said all, or short of memory: then it is tried again. */
static bc_status nothing_to_send(struct session *s, struct connection *c, bc_status why)
{
	if (why == BC_ENOMEM)
		c->subscribe_at = mono_plus(s->now.mono, BC_NS_PER_S);
	else
		c->subscribing = false;
	return BC_OK;
}

void subscribe_tick(struct session *s, uint32_t connection)
{
	struct connection *c = &s->connections[connection];
	while (c->subscribing && c->phase == PHASE_OPEN &&
	       subscribe_deadline(s, c).ns <= s->now.mono.ns) {
		bc_status rc = BC_OK;
		if (c->batch.look)
			look_ahead(s, connection);
		else if (c->batch.unanswered)
			rc = unanswered(s, c);
		else if (c->batch.going || (rc = batch_begin(s, connection)) == BC_OK)
			rc = send_next(s, connection);
		else
			rc = nothing_to_send(s, c, rc);
		if (rc != BC_OK)
			connection_give_up(s, connection, BC_REASON_DISCONNECTED,
					   bc_status_text(rc));
	}
}

/* From when on the next message may go; less often after the exchange has refused one. */
static bc_mono_time allowed_from(const struct session *s, const struct connection *c,
				 const struct budget *budget)
{
	const struct aimd *rate = &s->lines[c->line].sends;
	return budget_next_of(budget, aimd_part(rate, s->now.mono, budget->limit));
}

void subscribe_too_much(struct session *s, uint32_t connection)
{
	const struct connection *c = &s->connections[connection];
	struct aimd *rate = &s->lines[c->line].sends;
	if (aimd_cut(rate, s->now.mono, c->batch.sent_at))
		session_log(s, BC_LOG_WARN, "feed.slower",
			    BC_LOG_S("line", s->x->lines[c->line].name),
			    BC_LOG_U("sixteenths", rate->rate),
			    BC_LOG_S("of", "the messages a connection may send"));
}

bc_mono_time subscribe_deadline(const struct session *s, const struct connection *c)
{
	if (!c->subscribing)
		return MONO_NEVER;
	if (c->batch.look)
		return BUDGET_NOW;
	if (c->batch.unanswered)
		return mono_plus(c->batch.sent_at, ACK_AFTER_NS);
	bc_mono_time per_s = allowed_from(s, c, &c->per_s);
	bc_mono_time per_min = allowed_from(s, c, &c->per_min);
	bc_mono_time next = per_s.ns > per_min.ns ? per_s : per_min;
	return next.ns > c->subscribe_at.ns ? next : c->subscribe_at;
}

/* ------------------------------------------------------------------ answers */

/* Halves the batch, or says who is refused. */
static void refused(struct session *s, uint32_t connection, const struct bc_control *control)
{
	struct connection *c = &s->connections[connection];
	struct batch *b = &c->batch;
	session_log(s, BC_LOG_ERROR, "feed.refused-subscription",
		    BC_LOG_S("line", s->x->lines[c->line].name),
		    BC_LOG_S("asked", b->takes_back ? "unsubscribe" : "subscribe"),
		    BC_LOG_S("symbol", b->names.texts[0]), BC_LOG_U("symbols", b->names.n),
		    BC_LOG_B("code", control->code), BC_LOG_B("message", control->message));
	for (uint32_t i = 0; i < b->names.n; i++) {
		if (b->symbols[i] == NOBODY)
			continue;
		if (b->names.n > 1)
			*asked_by(&s->symbols[b->symbols[i]], c) &= ~(1u << c->line);
		else if (!c->successor)
			symbol_subscribed(s, b->symbols[i]); /* its wait for data begins */
	}
	if (b->names.n == 1 && b->canary)
		c->canary_sent = true;
	c->batch_max = b->takes_back || b->names.n == 1 ? c->batch_max : b->names.n / 2;
	batch_end(c);
}

void subscribe_answered(struct session *s, const struct bc_control *control)
{
	char id[24];
	if (s->current == NOBODY)
		return;
	struct batch *b = &s->connections[s->current].batch;
	snprintf(id, sizeof id, "%" PRIu64, b->nonce);
	if (!b->going || !b->unanswered || !bc_str_is(control->id, id))
		return;
	b->unanswered = false;
	b->repeats = 0;
	if (control->kind == BC_CONTROL_ERROR && control->back_off)
		b->cursor = b->cursor_was; /* the same again, when it is allowed */
	else if (control->kind == BC_CONTROL_ERROR)
		refused(s, s->current, control);
	else
		b->look = true;
}
