/* name_index.h - from a name to a number, in constant time.
 *
 * Memory  names are borrowed and must outlive their entry; only put() allocates.
 * Threads an index belongs to one loop; nothing here locks. */
#ifndef BC_NAME_INDEX_H
#define BC_NAME_INDEX_H

#include "proto/value.h"

#define BC_NAME_NONE UINT32_MAX

struct bc_name_entry {
	uint32_t hash;
	uint32_t id; /* BC_NAME_NONE: the place is free */
};

struct bc_name_index { /* all zero: empty */
	struct bc_name_entry *entries;
	bc_str *names; /* by place; apart, because most places that are looked at differ by hash */
	uint32_t capacity; /* a power of two, at least twice n */
	uint32_t n;
};

/* BC_EDUPLICATE: the name is there already. BC_ENOMEM. */
bc_status bc_name_put(struct bc_name_index *index, bc_str name, uint32_t id);
uint32_t bc_name_find(const struct bc_name_index *index, bc_str name); /* BC_NAME_NONE: no */
/* The name's hash; fetches into the cache where bc_name_guess() will look. */
uint32_t bc_name_soon(const struct bc_name_index *index, bc_str name);
/* Probably the number of the name with this hash; no name is looked at. Another's, or BC_NAME_NONE,
 * where it is not there. */
uint32_t bc_name_guess(const struct bc_name_index *index, uint32_t hash);
/* Its name lies elsewhere now, and says the same. */
void bc_name_move(struct bc_name_index *index, bc_str name, const char *to);
void bc_name_remove(struct bc_name_index *index, bc_str name); /* fine if it is not there */
void bc_name_free(struct bc_name_index *index);

#endif
