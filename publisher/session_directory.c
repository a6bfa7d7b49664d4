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

bc_status session_check_symbol(const struct bc_exchange *exchange, const char *spec, char *why,
			       size_t cap)
{
	enum spec_kind kind = spec_kind_of(spec);
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

static struct listed *entry_of(const struct session *s, bc_str name)
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

/* If it is ours. */
static bc_status follow_listed(struct session *s, const struct listed *e)
{
	bc_status rc = BC_OK;
	if (!shard_owns(s, e->name) || bc_name_find(&s->by_name, e->name) != BC_NAME_NONE)
		return BC_OK;
	if (bc_symbol_check(bc_str_of(s->x->id), e->name) == BC_OK &&
	    (rc = symbol_follow(s, e->name)) == BC_OK)
		return BC_OK;
	session_log(s, BC_LOG_ERROR, "symbol.refused", BC_LOG_B("symbol", e->name),
		    BC_LOG_S("why", "not fit for a topic, too many, or out of memory"));
	return rc;
}

static struct wanted_rule *rule_of_listed(const struct session *s, const struct listed *e)
{
	return wanted_rule_of(&s->wanted, e->name, e->unified);
}

/* It stands in the list, for the first time or again. */
static void follow_if_wanted(struct session *s, const struct listed *e)
{
	struct wanted_rule *rule = rule_of_listed(s, e);
	if (!wanted_rule_wants(rule))
		return;
	rule->matched = true;
	follow_listed(s, e);
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
	bool in_list = s->current == NOBODY && e->round != s->directory.round;
	if (in_list) {
		e->round = s->directory.round;
		s->directory.in_round++;
	}
	if (first_seen || in_list)
		follow_if_wanted(s, e);
}

void directory_unread(struct session *s, bc_str name)
{
	struct listed *e = entry_of(s, name);
	bool followed = bc_name_find(&s->by_name, name) != BC_NAME_NONE;
	if (e == NULL && followed && enter(s, name, (bc_str){ 0 }) == BC_OK)
		e = entry_of(s, name);
	if (e == NULL || e->round == s->directory.round)
		return; /* nobody asks for it by name, or it is there twice */
	e->round = s->directory.round;
	s->directory.in_round++;
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
	if (!sym->aside->gone) {
		sym->aside->gone = true;
		sym->aside->gone_at = s->now.mono;
	}
	sym->unlisted = sym->unlisted || sym->state != BC_STATE_HALTED;
	if (sym->state != BC_STATE_LIVE && sym->state != BC_STATE_HALTED)
		symbol_halt_unlisted(s, id);
}

void symbol_halt_unlisted(struct session *s, uint32_t id)
{
	const struct symbol *sym = &s->symbols[id];
	const char *nearest = nearest_listed(s, sym->name.p);
	session_log(s, BC_LOG_WARN, sym->aside->was_listed ? "symbol.delisted" : "symbol.unknown",
		    BC_LOG_B("symbol", sym->name), BC_LOG_S("exchange", s->x->id),
		    BC_LOG_S("did_you_mean", nearest != NULL ? nearest : ""));
	symbol_halt(s, id, sym->aside->was_listed ? BC_REASON_DELISTED : BC_REASON_UNKNOWN_SYMBOL);
}

/* Symbols that are wanted of all shards: those listed now, and names that nobody lists. */
void directory_count(struct session *s)
{
	s->n_wanted = 0;
	s->awaits_listing = false;
	for (uint32_t i = 0; i < s->directory.n; i++) {
		const struct listed *e = &s->directory.entries[i];
		s->n_wanted +=
			e->round == s->directory.round && wanted_rule_wants(rule_of_listed(s, e));
	}
	for (uint32_t i = 0; i < s->wanted.n; i++) {
		const struct wanted_rule *rule = &s->wanted.rules[i];
		const struct listed *e =
			rule->kind == SPEC_NATIVE ? entry_of(s, bc_str_of(rule->key)) : NULL;
		s->awaits_listing =
			s->awaits_listing || (!s->directory.loaded && rule->kind != SPEC_NATIVE &&
					      wanted_rule_wants(rule));
		s->n_wanted += rule->kind == SPEC_NATIVE && wanted_rule_wants(rule) &&
			       (e == NULL || e->round != s->directory.round);
	}
}

/* Nobody named it, it only fitted a pattern, and it will not come back: not followed any more. */
static bool faded(const struct session *s, const struct symbol *sym)
{
	if (!sym->aside->gone || !sym->aside->was_listed || sym->state != BC_STATE_HALTED ||
	    s->now.mono.ns < mono_plus(sym->aside->gone_at, LISTING_GONE_NS).ns)
		return false;
	const struct wanted_rule *rule = directory_rule(s, sym->name);
	return rule != NULL && rule->kind == SPEC_GLOB;
}

static void look_who_is_listed(struct session *s)
{
	for (uint32_t i = 0; i < s->symbol_limit; i++) {
		struct symbol *sym = &s->symbols[i];
		if (sym->name.p == NULL)
			continue;
		sym->aside->ticks_refused = sym->aside->fallback.refused = false;
		const struct listed *e = entry_of(s, sym->name);
		if (e != NULL && e->round == s->directory.round)
			sym->aside->gone = false;
		else
			not_listed(s, i);
		if (faded(s, sym)) {
			session_log(s, BC_LOG_INFO, "symbol.dropped", BC_LOG_B("symbol", sym->name),
				    BC_LOG_S("why", "delisted, and wanted by a pattern only"));
			symbol_drop(s, i);
		}
	}
}

static void tell_unmatched(struct session *s)
{
	for (uint32_t i = 0; i < s->wanted.n; i++) {
		const struct wanted_rule *rule = &s->wanted.rules[i];
		if (rule->kind == SPEC_NATIVE || rule->matched || !wanted_rule_wants(rule))
			continue;
		session_log(s, BC_LOG_WARN, "symbol.unmatched", BC_LOG_S("symbols", rule->text),
			    BC_LOG_S("exchange", s->x->id),
			    BC_LOG_U("listed", s->directory.in_round));
	}
}

void directory_round_ends(struct session *s)
{
	struct directory *d = &s->directory;
	bool first = !d->loaded;
	d->loaded = true;
	look_who_is_listed(s);
	if (first)
		tell_unmatched(s);
	directory_count(s);
	session_log(s, BC_LOG_INFO, "symbol.listing", BC_LOG_U("listed", d->in_round),
		    BC_LOG_U("followed", s->n_symbols));
	rest_want(s, JOB_TICKS);
}

/* ------------------------------------------------------------------ following */

const char *directory_key(const struct session *s, const char *spec, char native[BC_TOPIC_MAX + 1])
{
	size_t n = 0;
	if (spec_kind_of(spec) != SPEC_UNIFIED || s->x->native_symbol == NULL ||
	    s->x->native_symbol(bc_str_of(spec), native, BC_TOPIC_MAX, &n) != BC_OK)
		return spec;
	native[n] = '\0';
	return native;
}

static bc_status follow_matches(struct session *s, const char *key)
{
	bc_status rc = BC_OK;
	for (uint32_t i = 0; i < s->directory.n; i++) {
		const struct listed *e = &s->directory.entries[i];
		struct wanted_rule *rule = NULL;
		if (!spec_matches(key, spec_kind_of(key), e) ||
		    !wanted_rule_wants(rule = rule_of_listed(s, e)))
			continue;
		rule->matched = true;
		bc_status one = follow_listed(s, e);
		rc = rc == BC_OK ? one : rc;
	}
	return rc;
}

/* The one symbol that a key means; NULL: it may mean several, or none that is known yet. */
static const char *single_of(const struct session *s, const char *key)
{
	enum spec_kind kind = spec_kind_of(key);
	if (kind != SPEC_UNIFIED)
		return kind == SPEC_NATIVE ? key : NULL;
	for (uint32_t i = 0; i < s->directory.n; i++) {
		if (spec_matches(key, kind, &s->directory.entries[i]))
			return s->directory.entries[i].name.p;
	}
	return NULL;
}

static bc_status refuse_foreign(const struct session *s, const char *name, char *why, size_t cap)
{
	const struct bc_division *d = s->o.division;
	uint32_t n = d == NULL ? 1 : bc_division_count(d);
	uint32_t owner = d == NULL ? 0 : bc_division_owner(d, bc_str_of(name));
	int used = snprintf(why, cap, "%s belongs to shard %u/%u of %s, not to this one", name,
			    owner, n, s->x->id);
	if (s->o.shard != BC_SHARD_NONE && used > 0 && (size_t)used < cap)
		snprintf(why + used, cap - (size_t)used, ", %u/%u", s->o.shard, n);
	return BC_EBUSY;
}

/* A name in the exchange's spelling. */
static bc_status follow_name(struct session *s, const char *name)
{
	bc_status rc = symbol_follow(s, bc_str_of(name));
	if (rc == BC_OK && s->directory.loaded && entry_of(s, bc_str_of(name)) == NULL)
		rest_hurry(s, JOB_INSTRUMENTS); /* new there, or a mistake: it will say */
	return rc;
}

bc_status directory_follow(struct session *s, const char *spec, enum foreign foreign, char *why,
			   size_t cap)
{
	char native[BC_TOPIC_MAX + 1];
	bc_status rc = session_check_symbol(s->x, spec, why, cap);
	if (rc != BC_OK)
		return rc;
	const char *key = directory_key(s, spec, native), *single = single_of(s, key);
	bool name = spec_kind_of(key) == SPEC_NATIVE;
	bool ours = single == NULL || shard_owns(s, bc_str_of(single));
	if (!ours && foreign == FOREIGN_REFUSE)
		return refuse_foreign(s, single, why, cap);
	bool wanted = wanted_rule_wants(wanted_find(&s->wanted, key));
	rc = wanted_add(&s->wanted, spec, key);
	if (rc == BC_OK && !name)
		rc = follow_matches(s, key);
	else if (rc == BC_OK && ours && (rc = follow_name(s, key)) != BC_OK && !wanted)
		wanted_remove(&s->wanted, spec, key); /* it was not done */
	if (rc == BC_OK && name && ours)
		shard_settle(s, bc_name_find(&s->by_name, bc_str_of(key)));
	directory_count(s);
	if (rc != BC_OK)
		snprintf(why, cap, "%s", bc_status_text(rc));
	return rc;
}

/* Does it mean a symbol that is wanted, of whichever shard? */
static bool means_wanted(const struct session *s, const char *key)
{
	enum spec_kind kind = spec_kind_of(key);
	for (uint32_t i = 0; i < s->directory.n; i++) {
		const struct listed *e = &s->directory.entries[i];
		if (spec_matches(key, kind, e) && wanted_rule_wants(rule_of_listed(s, e)))
			return true;
	}
	for (uint32_t i = s->wanted.n_globs; i < s->wanted.n; i++) {
		const bc_str name = bc_str_of(s->wanted.rules[i].key);
		if (s->wanted.rules[i].kind == SPEC_NATIVE && directory_match(s, key, kind, name) &&
		    wanted_rule_wants(directory_rule(s, name)))
			return true;
	}
	return false;
}

bc_status directory_unwant(struct session *s, const char *spec)
{
	char native[BC_TOPIC_MAX + 1];
	const char *key = directory_key(s, spec, native);
	bool known = wanted_rule_wants(wanted_find(&s->wanted, key)) || means_wanted(s, key);
	return known ? wanted_remove(&s->wanted, spec, key) : BC_ENOTFOUND;
}

struct wanted_rule *directory_rule(const struct session *s, bc_str name)
{
	const struct listed *e = entry_of(s, name);
	return wanted_rule_of(&s->wanted, name, e == NULL ? (bc_str){ 0 } : e->unified);
}

bool session_owner(const struct session *s, const char *spec, uint32_t *shard)
{
	char native[BC_TOPIC_MAX + 1];
	const char *single = single_of(s, directory_key(s, spec, native));
	if (single == NULL)
		return false;
	*shard = s->o.division == NULL ? 0 : bc_division_owner(s->o.division, bc_str_of(single));
	return true;
}

static void drop_unwanted(struct session *s)
{
	for (uint32_t i = 0; i < s->symbol_limit; i++) {
		if (s->symbols[i].name.p == NULL)
			continue;
		if (wanted_rule_wants(directory_rule(s, s->symbols[i].name)))
			shard_settle(s, i);
		else
			symbol_drop(s, i);
	}
}

/* Those that are wanted by name, and ours. */
static bc_status follow_names(struct session *s)
{
	bc_status rc = BC_OK, one;
	const char *refused = NULL;
	uint32_t n_refused = 0;
	for (uint32_t i = s->wanted.n_globs; i < s->wanted.n; i++) {
		const struct wanted_rule *rule = &s->wanted.rules[i];
		if (rule->kind != SPEC_NATIVE || !wanted_rule_wants(rule) ||
		    !wanted_rule_wants(directory_rule(s, bc_str_of(rule->key))) ||
		    !shard_owns(s, bc_str_of(rule->key)) ||
		    (one = follow_name(s, rule->key)) == BC_OK)
			continue;
		rc = one;
		refused = rule->key;
		n_refused++;
	}
	if (rc != BC_OK)
		session_log(s, BC_LOG_ERROR, "symbol.refused", BC_LOG_S("symbol", refused),
			    BC_LOG_U("symbols", n_refused), BC_LOG_S("why", bc_status_text(rc)));
	return rc;
}

/* What is dropped makes room first. */
bc_status directory_reconcile(struct session *s)
{
	drop_unwanted(s);
	bc_status rc = follow_names(s);
	for (uint32_t i = 0; i < s->directory.n; i++) {
		if (s->directory.entries[i].round == s->directory.round)
			follow_if_wanted(s, &s->directory.entries[i]);
	}
	directory_count(s);
	return rc;
}

bc_status session_configure(struct session *s, struct session_now now, const char *const *specs,
			    size_t n, char *why, size_t cap)
{
	char native[BC_TOPIC_MAX + 1];
	bc_status rc = BC_OK, one;
	session_begin(s, now);
	wanted_configure_begin(&s->wanted);
	for (size_t i = 0; i < n; i++) {
		one = wanted_configure(&s->wanted, specs[i], directory_key(s, specs[i], native));
		rc = one != BC_OK ? one : rc;
	}
	wanted_configure_end(&s->wanted);
	one = directory_reconcile(s);
	rc = one != BC_OK ? one : rc;
	if (rc != BC_OK)
		snprintf(why, cap, "%s", bc_status_text(rc));
	return rc;
}

bool directory_match(const struct session *s, const char *spec, enum spec_kind kind, bc_str name)
{
	char native[BC_TOPIC_MAX + 1];
	if (kind == SPEC_NATIVE)
		return bc_str_is(name, spec);
	const char *key = directory_key(s, spec, native);
	if (key != spec)
		return bc_str_is(name, key);
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
	bc_name_free(&d->by_name);
	free(d->entries);
	wanted_free(&s->wanted);
}
