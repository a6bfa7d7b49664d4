#include "subscribers/libbookcast/follow.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct followed *follow_find(const struct follow *f, bc_str topic)
{
	struct followed *t = NULL;
	if (topic.n > 0 && topic.n <= BC_TOPIC_MAX)
		HASH_FIND(hh, f->topics, topic.p, topic.n, t);
	return t;
}

/* A topic splits at its first and at its last dot; it has been checked. */
static void split(struct followed *t)
{
	memcpy(t->parts, t->text, t->n);
	char *first = memchr(t->parts, '.', t->n), *last = memrchr(t->parts, '.', t->n);
	t->exchange = t->symbol = t->parts;
	if (first == NULL || first == last)
		return;
	*first = *last = '\0';
	t->symbol = first + 1;
}

/* NOLINTNEXTLINE(readability-function-size): uthash is macros */
static struct followed *need(struct follow *f, bc_str topic)
{
	struct followed *t = follow_find(f, topic);
	if (t != NULL)
		return t;
	if (topic.n > BC_TOPIC_MAX || (t = calloc(1, sizeof *t)) == NULL)
		return NULL;
	memcpy(t->text, topic.p, topic.n);
	t->n = topic.n;
	t->waiting.of = t;
	split(t);
	HASH_ADD_KEYPTR(hh, f->topics, t->text, t->n, t);
	if (t->hh.tbl == NULL) { /* no memory for the table */
		free(t);
		return NULL;
	}
	return t;
}

static void drop_unused(struct follow *f, struct followed *t)
{
	if (t->wanted || t->n_uses > 0)
		return;
	follow_ask(f, t, 0);
	bc_lines_forget(&t->lines);
	/* Its table holds it. NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
	HASH_DEL(f->topics, t);
	free(t);
}

void follow_free(struct follow *f)
{
	struct followed *t = f->topics, *next;
	HASH_CLEAR(hh, f->topics); /* which leaves them linked */
	for (; t != NULL; t = next) {
		next = t->hh.next;
		bc_lines_forget(&t->lines);
		free(t);
	}
}

/* ---- what comes along: the symbol's state, and the gateways of its exchange ---- */

/* Writes "<exchange>.@". */
static bc_str own_prefix(bc_str exchange, char out[BC_TOPIC_MAX + 1])
{
	int n = snprintf(out, BC_TOPIC_MAX + 1, "%.*s.@", (int)exchange.n, exchange.p);
	return (bc_str){ out, (size_t)n };
}

static bc_status use_exchange(struct follow *f, bc_str exchange)
{
	char prefix[BC_TOPIC_MAX + 1];
	for (size_t i = 0; i < f->n_exchanges; i++)
		if (bc_str_is(exchange, f->exchanges[i].name)) {
			f->exchanges[i].n_uses++;
			return BC_OK;
		}
	if (f->n_exchanges == FOLLOW_MAX_EXCHANGES)
		return BC_ERANGE;
	bc_status rc = bc_sub_prefix_add(f->sub, own_prefix(exchange, prefix));
	if (rc != BC_OK)
		return rc;
	memcpy(f->exchanges[f->n_exchanges].name, exchange.p, exchange.n);
	f->exchanges[f->n_exchanges].name[exchange.n] = '\0';
	f->exchanges[f->n_exchanges++].n_uses = 1;
	return BC_OK;
}

static void release_exchange(struct follow *f, bc_str exchange)
{
	char prefix[BC_TOPIC_MAX + 1];
	for (size_t i = 0; i < f->n_exchanges; i++) {
		if (!bc_str_is(exchange, f->exchanges[i].name) || --f->exchanges[i].n_uses > 0)
			continue;
		bc_sub_prefix_remove(f->sub, own_prefix(exchange, prefix));
		f->exchanges[i] = f->exchanges[--f->n_exchanges];
		return;
	}
}

static bc_status state_topic(const struct bc_topic *parts, char *out, bc_str *topic)
{
	topic->p = out;
	return bc_topic_make(parts->exchange, parts->symbol, BC_CHANNEL_STATE, 0, out, &topic->n);
}

static bc_status use_state(struct follow *f, const struct bc_topic *parts, struct followed **out)
{
	char text[BC_TOPIC_MAX + 1];
	bc_str topic;
	bc_status rc = state_topic(parts, text, &topic);
	if (rc != BC_OK)
		return rc;
	struct followed *t = need(f, topic);
	if (t == NULL)
		return BC_ENOMEM;
	*out = t;
	if (t->n_uses++ == 0 && !t->wanted)
		rc = bc_sub_topic_add(f->sub, topic);
	return rc;
}

static void release_state(struct follow *f, const struct bc_topic *parts)
{
	char text[BC_TOPIC_MAX + 1];
	bc_str topic;
	if (state_topic(parts, text, &topic) != BC_OK)
		return;
	struct followed *t = follow_find(f, topic);
	if (t == NULL || --t->n_uses > 0)
		return;
	if (!t->wanted)
		bc_sub_topic_remove(f->sub, topic);
	drop_unused(f, t);
}

/* ---- topics ---- */

bc_status follow_add(struct follow *f, bc_str topic)
{
	struct bc_topic parts;
	bc_status rc = bc_topic_split(topic, &parts);
	if (rc == BC_OK && bc_channel_of(parts.channel) < 0)
		rc = BC_EPARSE;
	if (rc != BC_OK)
		return rc;
	struct followed *t = follow_find(f, topic);
	if (t != NULL && t->wanted)
		return BC_OK;
	if ((t = need(f, topic)) == NULL)
		return BC_ENOMEM;
	const int channel = bc_channel_of(parts.channel);
	t->mute = channel == BC_CHANNEL_TRADE || channel == BC_CHANNEL_CANDLE ||
		  channel == BC_CHANNEL_INSTRUMENT;
	t->welcomed = bc_channel_welcomed((unsigned)channel);
	t->wanted = true;
	f->version++;
	follow_ask(f, t, 1);
	if (t->n_uses == 0 && (rc = bc_sub_topic_add(f->sub, topic)) != BC_OK)
		return rc;
	if ((rc = use_exchange(f, parts.exchange)) != BC_OK)
		return rc;
	rc = use_state(f, &parts, &t->states);
	t->unfit_told = t->states == NULL ? 0 : t->states->n_unfit;
	return rc;
}

bc_status follow_remove(struct follow *f, bc_str topic)
{
	struct bc_topic parts;
	struct followed *t = follow_find(f, topic);
	if (t == NULL || !t->wanted || bc_topic_split(topic, &parts) != BC_OK)
		return BC_ENOTFOUND;
	/* The state topic may be this one, so it goes first. */
	t->wanted = false;
	f->version++;
	if (t->n_uses == 0)
		bc_sub_topic_remove(f->sub, topic);
	t->told = t->streamed = t->gap_open = t->fresh = false;
	t->states = NULL;
	t->waiting.untold = 0;
	bc_lines_forget(&t->lines);
	follow_ask(f, t, 0);
	t->n_uses++;
	release_state(f, &parts);
	release_exchange(f, parts.exchange);
	t->n_uses--;
	drop_unused(f, t);
	return BC_OK;
}

struct followed *follow_wanted(const struct follow *f, bc_str topic)
{
	struct followed *t = follow_find(f, topic);
	return t != NULL && t->wanted ? t : NULL;
}

bool follow_wants_exchange(const struct follow *f, bc_str exchange)
{
	for (size_t i = 0; i < f->n_exchanges; i++)
		if (bc_str_is(exchange, f->exchanges[i].name))
			return true;
	return false;
}

/* ---- asking ---- */

void follow_ask(struct follow *f, struct followed *t, int64_t at)
{
	f->n_asks += (at != 0) - (size_t)(t->ask_at != 0);
	t->ask_at = at;
	t->asking = false;
}

void follow_renew(struct follow *f, bc_str prefix, int64_t now)
{
	struct followed *t, *next;
	HASH_ITER (hh, f->topics, t, next) {
		bc_str topic = { t->text, t->n };
		if (!bc_str_starts(topic, prefix))
			continue;
		if (t->wanted || t->n_uses > 0)
			bc_sub_topic_renew(f->sub, topic);
		if (t->wanted)
			follow_ask(f, t, now);
	}
	for (size_t i = 0; i < f->n_exchanges; i++) {
		char own[BC_TOPIC_MAX + 1];
		bc_sub_prefix_renew(f->sub, own_prefix(bc_str_of(f->exchanges[i].name), own));
	}
}
