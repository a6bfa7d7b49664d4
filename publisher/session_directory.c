/* session_directory.c - what the exchange lists, and which of it we were asked to follow.
 *
 * The list comes by REST some time after the start and is read again every ten minutes. A symbol
 * in the exchange's own spelling does not wait for it; a glob, and a unified name that cannot be
 * turned into a symbol by itself, do. */
#include "publisher/session_private.h"

#include "common/text.h"
#include "proto/topic.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ what may be asked for */

enum spec_kind directory_spec_kind(const char *spec)
{
	if (strpbrk(spec, "*?[") != NULL)
		return SPEC_GLOB;
	return strchr(spec, '/') != NULL ? SPEC_UNIFIED : SPEC_NATIVE;
}

bc_status session_check_symbol(const struct bc_exchange *exchange, const char *spec, char *why,
			       size_t cap)
{
	enum spec_kind kind = directory_spec_kind(spec);
	bc_str text = bc_str_of(spec);
	why[0] = '\0';
	if (spec[0] == '@') {
		snprintf(why, cap, "what begins with '@' is a gateway; symbols look like %s",
			 exchange->example_symbols);
		return BC_EINVAL;
	}
	if (kind == SPEC_NATIVE) {
		bc_status rc = exchange->check_symbol(text, why, cap);
		if (rc == BC_OK)
			rc = bc_symbol_check(bc_str_of(exchange->id), text);
		if (rc != BC_OK && why[0] == '\0')
			snprintf(why, cap, "not a symbol of %s; symbols look like %s", exchange->id,
				 exchange->example_symbols);
		return rc == BC_OK ? BC_OK : BC_EINVAL;
	}
	for (size_t i = 0; i < exchange->n_rest; i++) {
		if (exchange->rest[i].kind == BC_REST_INSTRUMENTS)
			return BC_OK;
	}
	snprintf(why, cap, "%s serves no list of instruments to look this up; write %s",
		 exchange->id, exchange->example_symbols);
	return BC_EINVAL;
}

/* ------------------------------------------------------------------ the list */

static struct listed *entry_of(struct session *s, bc_str name)
{
	uint32_t at = bc_name_find(&s->directory.by_name, name);
	return at == BC_NAME_NONE ? NULL : &s->directory.entries[at];
}

static bc_status room_for_one(struct directory *d)
{
	if (d->entries != NULL && d->n < d->capacity)
		return BC_OK;
	if (d->n >= LISTED_MAX)
		return BC_ERANGE;
	uint32_t room = d->capacity == 0 ? 256 : d->capacity * 2;
	struct listed *entries = realloc(d->entries, room * sizeof *entries);
	if (entries == NULL)
		return BC_ENOMEM;
	d->entries = entries;
	d->capacity = room;
	return BC_OK;
}

static bc_status enter(struct session *s, bc_str name, bc_str unified)
{
	struct directory *d = &s->directory;
	char *text = malloc(name.n + unified.n + 2);
	if (text == NULL || room_for_one(d) != BC_OK) {
		free(text);
		return BC_ENOMEM;
	}
	struct listed *e = &d->entries[d->n];
	*e = (struct listed){ .name = { text, name.n },
			      .unified = { text + name.n + 1, unified.n } };
	memcpy(text, name.p, name.n);
	text[name.n] = '\0';
	if (unified.n > 0)
		memcpy(text + name.n + 1, unified.p, unified.n);
	text[name.n + 1 + unified.n] = '\0';
	if (bc_name_put(&d->by_name, e->name, d->n) != BC_OK) {
		free(text);
		return BC_ENOMEM;
	}
	d->n++;
	return BC_OK;
}

static bool spec_matches(const char *spec, enum spec_kind kind, const struct listed *e)
{
	const char *text = strchr(spec, '/') != NULL ? e->unified.p : e->name.p;
	if (kind == SPEC_GLOB)
		return fnmatch(spec, text, 0) == 0;
	return strcmp(spec, text) == 0;
}

static void follow_listed(struct session *s, const struct listed *e)
{
	if (bc_symbol_check(bc_str_of(s->x->id), e->name) != BC_OK ||
	    symbol_follow(s, e->name) != BC_OK)
		session_log(s, BC_LOG_ERROR, "symbol.refused", BC_LOG_B("symbol", e->name),
			    BC_LOG_S("why", "not fit for a topic, too many, or out of memory"));
}

void directory_learn(struct session *s, bc_str name, const struct bc_instrument *instrument)
{
	struct listed *e = entry_of(s, name);
	bool first_seen = e == NULL;
	if (first_seen &&
	    (enter(s, name, instrument->unified) != BC_OK || (e = entry_of(s, name)) == NULL)) {
		session_log(s, BC_LOG_ERROR, "symbol.refused", BC_LOG_B("symbol", name),
			    BC_LOG_S("why", "too many are listed, or out of memory"));
		return;
	}
	if (instrument->status != BC_LISTING_UNKNOWN)
		e->status = instrument->status;
	if (s->current == NOBODY && e->round != s->directory.round) {
		e->round = s->directory.round;
		s->directory.in_round++;
	}
	for (size_t i = 0; first_seen && i < s->n_specs;
	     i++) { /* once: what was removed stays so */
		if (!spec_matches(s->specs[i].text, s->specs[i].kind, e))
			continue;
		s->specs[i].matched = true;
		follow_listed(s, e);
	}
}

void directory_round_begins(struct session *s)
{
	s->directory.round++;
	s->directory.in_round = 0;
}

/* ------------------------------------------------------------------ who is not in it */

/* The listed name that was probably meant; valid as long as the list. */
static const char *nearest_listed(const struct session *s, const char *name)
{
	const struct directory *d = &s->directory;
	if (d->entries == NULL)
		return NULL;
	const char **known = malloc(d->n * sizeof *known);
	if (known == NULL)
		return NULL;
	for (uint32_t i = 0; i < d->n; i++)
		known[i] = d->entries[i].name.p;
	const char *nearest = bc_text_nearest(name, known, d->n);
	free((void *)known);
	return nearest;
}

/* A symbol that is not listed and sends nothing, now or when it falls silent; one that sends is
 * right and the list is not. */
static void not_listed(struct session *s, uint32_t id)
{
	struct symbol *sym = &s->symbols[id];
	sym->unlisted = sym->unlisted || sym->state != BC_STATE_HALTED;
	if (sym->state != BC_STATE_LIVE && sym->state != BC_STATE_HALTED)
		symbol_halt_unlisted(s, id);
}

void symbol_halt_unlisted(struct session *s, uint32_t id)
{
	const struct symbol *sym = &s->symbols[id];
	const char *nearest = nearest_listed(s, sym->name.p);
	session_log(s, BC_LOG_WARN, sym->was_listed ? "symbol.delisted" : "symbol.unknown",
		    BC_LOG_B("symbol", sym->name), BC_LOG_S("exchange", s->x->id),
		    BC_LOG_S("did_you_mean", nearest != NULL ? nearest : ""));
	symbol_halt(s, id, sym->was_listed ? BC_REASON_DELISTED : BC_REASON_UNKNOWN_SYMBOL);
}

void directory_round_ends(struct session *s)
{
	struct directory *d = &s->directory;
	bool first = !d->loaded;
	d->loaded = true;
	for (uint32_t i = 0; i < s->symbol_limit; i++) {
		if (s->symbols[i].name.p == NULL)
			continue;
		s->symbols[i].ticks_refused = false;
		const struct listed *e = entry_of(s, s->symbols[i].name);
		if (e == NULL || e->round != d->round)
			not_listed(s, i);
	}
	for (size_t i = 0; first && i < s->n_specs; i++) {
		if (!s->specs[i].matched)
			session_log(s, BC_LOG_WARN, "symbol.unmatched",
				    BC_LOG_S("symbols", s->specs[i].text),
				    BC_LOG_S("exchange", s->x->id),
				    BC_LOG_U("listed", d->in_round));
	}
	session_log(s, BC_LOG_INFO, "symbol.listing", BC_LOG_U("listed", d->in_round),
		    BC_LOG_U("followed", s->n_symbols));
	rest_want(s, JOB_TICKS);
}

/* ------------------------------------------------------------------ following */

static bc_status remember(struct session *s, const char *text, enum spec_kind kind, bool matched)
{
	for (size_t i = 0; i < s->n_specs; i++) {
		if (strcmp(s->specs[i].text, text) == 0)
			return BC_OK;
	}
	struct spec *specs = realloc(s->specs, (s->n_specs + 1) * sizeof *specs);
	if (specs == NULL)
		return BC_ENOMEM;
	s->specs = specs;
	char *copy = strdup(text);
	if (copy == NULL)
		return BC_ENOMEM;
	specs[s->n_specs++] = (struct spec){ copy, kind, matched };
	return BC_OK;
}

/* BTC/KRW by itself, without the list. */
static bc_status follow_unified(struct session *s, const char *spec)
{
	char name[BC_TOPIC_MAX];
	size_t n = 0;
	bc_status rc = s->x->native_symbol == NULL
			       ? BC_ENOTFOUND
			       : s->x->native_symbol(bc_str_of(spec), name, sizeof name, &n);
	return rc == BC_OK ? symbol_follow(s, (bc_str){ name, n }) : rc;
}

static bc_status follow_matches(struct session *s, const char *spec, enum spec_kind kind)
{
	bool matched = false;
	for (uint32_t i = 0; i < s->directory.n; i++) {
		if (!spec_matches(spec, kind, &s->directory.entries[i]))
			continue;
		matched = true;
		follow_listed(s, &s->directory.entries[i]);
	}
	return remember(s, spec, kind, matched);
}

bc_status directory_follow(struct session *s, const char *spec, char *why, size_t cap)
{
	enum spec_kind kind = directory_spec_kind(spec);
	bc_status rc = session_check_symbol(s->x, spec, why, cap);
	if (rc != BC_OK)
		return rc;
	if (kind == SPEC_NATIVE) {
		rc = symbol_follow(s, bc_str_of(spec));
		if (rc == BC_OK && s->directory.loaded && entry_of(s, bc_str_of(spec)) == NULL)
			rest_hurry(s, JOB_INSTRUMENTS); /* new there, or a mistake: it will say */
	} else if (kind == SPEC_GLOB || (rc = follow_unified(s, spec)) != BC_OK)
		rc = follow_matches(s, spec, kind);
	if (rc != BC_OK)
		snprintf(why, cap, "%s", bc_status_text(rc));
	return rc;
}

bool directory_match(const struct session *s, const char *spec, enum spec_kind kind, bc_str name)
{
	if (kind == SPEC_NATIVE)
		return bc_str_is(name, spec);
	char native[BC_TOPIC_MAX];
	size_t n = 0;
	if (kind == SPEC_UNIFIED && s->x->native_symbol != NULL &&
	    s->x->native_symbol(bc_str_of(spec), native, sizeof native, &n) == BC_OK)
		return bc_str_equal(name, (bc_str){ native, n });
	uint32_t at = bc_name_find(&s->directory.by_name, name);
	if (at != BC_NAME_NONE)
		return spec_matches(spec, kind, &s->directory.entries[at]);
	return strchr(spec, '/') == NULL && fnmatch(spec, name.p, 0) == 0;
}

void directory_free(struct session *s)
{
	struct directory *d = &s->directory;
	for (uint32_t i = 0; i < d->n; i++)
		free((char *)d->entries[i].name.p);
	for (size_t i = 0; i < s->n_specs; i++)
		free(s->specs[i].text);
	bc_name_free(&d->by_name);
	free(d->entries);
	free(s->specs);
}
