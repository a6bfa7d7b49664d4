#include "publisher/wanted.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

enum spec_kind spec_kind_of(const char *spec)
{
	if (strpbrk(spec, "*?[") != NULL)
		return SPEC_GLOB;
	return strchr(spec, '/') != NULL ? SPEC_UNIFIED : SPEC_NATIVE;
}

/* ------------------------------------------------------------------ rules */

static struct wanted_rule *find_glob(const struct wanted *w, const char *key)
{
	for (uint32_t i = 0; i < w->n_globs; i++) {
		if (strcmp(w->rules[i].key, key) == 0)
			return &w->rules[i];
	}
	return NULL;
}

struct wanted_rule *wanted_find(const struct wanted *w, const char *key)
{
	if (spec_kind_of(key) == SPEC_GLOB)
		return find_glob(w, key);
	uint32_t at = bc_name_find(&w->by_key, bc_str_of(key));
	return at == BC_NAME_NONE ? NULL : &w->rules[at];
}

static bc_status room_for_one(struct wanted *w)
{
	if (w->n >= WANTED_MAX)
		return BC_ERANGE;
	if (w->rules != NULL && w->n < w->room)
		return BC_OK;
	uint32_t room = w->room == 0 ? 16 : w->room * 2;
	struct wanted_rule *rules = realloc(w->rules, room * sizeof *rules);
	if (rules == NULL)
		return BC_ENOMEM;
	w->rules = rules;
	w->room = room;
	return BC_OK;
}

/* To a free place; the index hears of it, and has just had room for both. */
static void rule_move(struct wanted *w, uint32_t to, uint32_t from)
{
	if (to == from)
		return;
	w->rules[to] = w->rules[from];
	if (w->rules[to].kind == SPEC_GLOB)
		return;
	bc_name_remove(&w->by_key, bc_str_of(w->rules[to].key));
	bc_name_put(&w->by_key, bc_str_of(w->rules[to].key), to);
}

static void rule_count(struct wanted *w, enum spec_kind kind, uint32_t by) /* UINT32_MAX: less */
{
	w->n += by;
	w->n_globs += kind == SPEC_GLOB ? by : 0;
	w->n_unified += kind == SPEC_UNIFIED ? by : 0;
}

static bc_status rule_new(struct wanted *w, const char *text, const char *key,
			  struct wanted_rule **out)
{
	bc_status rc = room_for_one(w);
	if (rc != BC_OK)
		return rc;
	struct wanted_rule rule = { .text = strdup(text),
				    .key = strdup(key),
				    .kind = spec_kind_of(key) };
	uint32_t at = rule.kind == SPEC_GLOB ? w->n_globs : w->n;
	if (rule.text == NULL || rule.key == NULL ||
	    (rule.kind != SPEC_GLOB && bc_name_put(&w->by_key, bc_str_of(rule.key), at) != BC_OK)) {
		free(rule.text);
		free(rule.key);
		return BC_ENOMEM;
	}
	rule_move(w, w->n, at); /* the first that is no glob makes room for one */
	w->rules[at] = rule;
	rule_count(w, rule.kind, 1);
	*out = &w->rules[at];
	return BC_OK;
}

static bc_status rule_for(struct wanted *w, const char *text, const char *key,
			  struct wanted_rule **out)
{
	key = key != NULL ? key : text;
	*out = wanted_find(w, key);
	return *out != NULL ? BC_OK : rule_new(w, text, key, out);
}

static void rule_drop(struct wanted *w, uint32_t at)
{
	const struct wanted_rule gone = w->rules[at];
	if (gone.kind != SPEC_GLOB)
		bc_name_remove(&w->by_key, bc_str_of(gone.key));
	rule_count(w, gone.kind, UINT32_MAX);
	if (gone.kind == SPEC_GLOB) {
		rule_move(w, at, w->n_globs);
		at = w->n_globs;
	}
	rule_move(w, at, w->n);
	free(gone.text);
	free(gone.key);
}

void wanted_free(struct wanted *w)
{
	for (uint32_t i = 0; i < w->n; i++) {
		free(w->rules[i].text);
		free(w->rules[i].key);
	}
	bc_name_free(&w->by_key);
	free(w->rules);
	*w = (struct wanted){ 0 };
}

/* ------------------------------------------------------------------ at run time */

bc_status wanted_add(struct wanted *w, const char *text, const char *key)
{
	struct wanted_rule *rule;
	bc_status rc = rule_for(w, text, key, &rule);
	if (rc != BC_OK)
		return rc;
	rule->run = RUN_ADDED;
	rule->order = ++w->order;
	return BC_OK;
}

bc_status wanted_remove(struct wanted *w, const char *text, const char *key)
{
	struct wanted_rule *rule;
	bc_status rc = rule_for(w, text, key, &rule);
	if (rc != BC_OK)
		return rc;
	rule->run = RUN_REMOVED;
	rule->order = ++w->order;
	/* A symbol that nothing else speaks of need not be remembered. */
	if (rule->configured || rule->kind != SPEC_NATIVE || w->n_globs + w->n_unified > 0)
		return BC_OK;
	rule_drop(w, (uint32_t)(rule - w->rules));
	return BC_OK;
}

/* ------------------------------------------------------------------ the configuration */

void wanted_configure_begin(struct wanted *w)
{
	for (uint32_t i = 0; i < w->n; i++) {
		w->rules[i].was_configured = w->rules[i].configured;
		w->rules[i].configured = false;
	}
}

bc_status wanted_configure(struct wanted *w, const char *text, const char *key)
{
	struct wanted_rule *rule;
	bc_status rc = rule_for(w, text, key, &rule);
	if (rc != BC_OK)
		return rc;
	rule->configured = true;
	if (rule->was_configured)
		return BC_OK; /* it said so before, and what was said later still holds */
	rule->run = RUN_NOTHING;
	rule->order = ++w->order;
	return BC_OK;
}

void wanted_configure_end(struct wanted *w)
{
	for (uint32_t i = w->n; i-- > 0;) {
		if (!w->rules[i].configured && w->rules[i].run == RUN_NOTHING)
			rule_drop(w, i); /* who takes its place was looked at */
	}
}

static int oldest_first(const void *a, const void *b)
{
	const struct wanted_rule *x = *(const struct wanted_rule *const *)a,
				 *y = *(const struct wanted_rule *const *)b;
	return (x->order > y->order) - (x->order < y->order);
}

bc_status wanted_said(const struct wanted *w, char **out)
{
	const struct wanted_rule **said =
		calloc((size_t)w->n + 1, sizeof(const struct wanted_rule *));
	size_t n = 0, room = 1;
	if (said == NULL)
		return BC_ENOMEM;
	for (uint32_t i = 0; i < w->n; i++) {
		const struct wanted_rule *rule = &w->rules[i];
		if (rule->run == RUN_NOTHING || strchr(rule->text, '\n') != NULL)
			continue;
		said[n++] = rule;
		room += strlen(rule->text) + 2;
	}
	qsort(said, n, sizeof(const struct wanted_rule *), oldest_first);
	char *at = *out = malloc(room);
	for (size_t i = 0; i < n && at != NULL; i++) {
		*at++ = said[i]->run == RUN_ADDED ? '+' : '-';
		at = stpcpy(at, said[i]->text);
		*at++ = '\n';
	}
	free(said);
	if (at == NULL)
		return BC_ENOMEM;
	*at = '\0';
	return BC_OK;
}

/* ------------------------------------------------------------------ asking */

static bool fits(const struct wanted_rule *glob, bc_str name, bc_str unified)
{
	bool of_unified = strchr(glob->key, '/') != NULL;
	bc_str text = of_unified ? unified : name;
	return text.n > 0 && fnmatch(glob->key, text.p, 0) == 0;
}

static struct wanted_rule *later(struct wanted_rule *a, struct wanted_rule *b)
{
	if (a == NULL || b == NULL)
		return a == NULL ? b : a;
	return b->order > a->order ? b : a;
}

struct wanted_rule *wanted_rule_of(const struct wanted *w, bc_str name, bc_str unified)
{
	uint32_t at = bc_name_find(&w->by_key, name);
	struct wanted_rule *rule = at == BC_NAME_NONE ? NULL : &w->rules[at];
	if (unified.n > 0 && (at = bc_name_find(&w->by_key, unified)) != BC_NAME_NONE)
		rule = later(rule, &w->rules[at]);
	for (uint32_t i = 0; i < w->n_globs; i++) {
		if (fits(&w->rules[i], name, unified))
			rule = later(rule, &w->rules[i]);
	}
	return rule;
}

bool wanted_rule_wants(const struct wanted_rule *rule)
{
	if (rule == NULL)
		return false;
	return rule->run == RUN_NOTHING ? rule->configured : rule->run == RUN_ADDED;
}
