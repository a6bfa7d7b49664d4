/* wanted.h - which symbols are wanted: what is configured, and what was added and removed since.
 *
 * A rule is a name or a shell glob, and of all that fit a symbol the one that was said last
 * decides. What the configuration says counts from when it began to say it: reading it again
 * changes nothing of what it said before, and what was added or removed at run time holds on.
 *
 * A name is found in constant time; each glob is tried.
 * Pure. Memory: texts are copied. Names that are asked for end in NUL. Threads: one. */
#ifndef WANTED_H
#define WANTED_H

#include "common/name_index.h"

enum spec_kind { SPEC_NATIVE, SPEC_UNIFIED, SPEC_GLOB };

enum spec_kind spec_kind_of(const char *spec);

struct wanted_rule {
	char *text; /* owned: as it was asked for */
	char *key;  /* owned: what it is compared with; of a unified name that can be spelled out
		     * by itself that spelling, else the text */
	enum spec_kind kind; /* of the key */
	bool configured;     /* at present */
	bool was_configured; /* while the configuration is read again */
	bool matched;        /* something that is listed */
	enum { RUN_NOTHING, RUN_ADDED, RUN_REMOVED } run; /* what was said at run time */
	uint64_t order;                                   /* when it was said last */
};

struct wanted {
	struct wanted_rule *rules; /* globs first */
	uint32_t n, room;
	uint32_t n_globs, n_unified; /* of their keys */
	struct bc_name_index by_key; /* but for globs */
	uint64_t order;
};

#define WANTED_MAX 40000 /* rules */

/* `key` as in struct wanted_rule; NULL: the text. BC_ERANGE: too many. BC_ENOMEM. Pointers to rules
 * hold until the next of these calls. */
bc_status wanted_add(struct wanted *w, const char *text, const char *key);
bc_status wanted_remove(struct wanted *w, const char *text, const char *key);

/* The configuration is read: begin, each of its rules, end. What it says no more is forgotten. */
void wanted_configure_begin(struct wanted *w);
bc_status wanted_configure(struct wanted *w, const char *text, const char *key);
void wanted_configure_end(struct wanted *w);

/* The rule that decides about a symbol, NULL: nobody ever wanted it. unified may be empty. */
struct wanted_rule *wanted_rule_of(const struct wanted *w, bc_str name, bc_str unified);
bool wanted_rule_wants(const struct wanted_rule *rule); /* false on NULL */

struct wanted_rule *wanted_find(const struct wanted *w, const char *key); /* NULL: no such rule */

/* What was said at run time and still decides, the oldest first, a line each: "+KRW-BTC\n-BTC-*\n".
 * A text with a line of its own is left out. The caller frees *out. BC_ENOMEM. */
bc_status wanted_said(const struct wanted *w, char **out);

void wanted_free(struct wanted *w);

#endif
