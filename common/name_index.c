/* name_index.c - open addressing, linear probing, removal by moving back (no tombstones). */
#include "common/name_index.h"

#include <stdlib.h>

#define FIRST_CAPACITY 64u

static uint32_t hash_of(bc_str name) /* FNV-1a, folded */
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	for (size_t i = 0; i < name.n; i++)
		h = (h ^ (unsigned char)name.p[i]) * UINT64_C(0x100000001b3);
	return (uint32_t)(h ^ (h >> 32));
}

/* The place of `name`, or the free place where it would go. */
static uint32_t place_of(const struct bc_name_index *index, bc_str name, uint32_t hash)
{
	uint32_t mask = index->capacity - 1;
	uint32_t at = hash & mask;
	for (;; at = (at + 1) & mask) {
		const struct bc_name_entry *e = &index->entries[at];
		if (e->id == BC_NAME_NONE ||
		    (e->hash == hash && bc_str_equal(index->names[at], name)))
			return at;
	}
}

static bc_status grow(struct bc_name_index *index)
{
	struct bc_name_index larger = { .n = index->n };
	larger.capacity = index->capacity == 0 ? FIRST_CAPACITY : index->capacity * 2;
	larger.entries = malloc(larger.capacity * sizeof *larger.entries);
	larger.names = calloc(larger.capacity, sizeof *larger.names);
	if (larger.entries == NULL || larger.names == NULL) {
		bc_name_free(&larger);
		return BC_ENOMEM;
	}
	for (uint32_t i = 0; i < larger.capacity; i++)
		larger.entries[i] = (struct bc_name_entry){ .id = BC_NAME_NONE };
	for (uint32_t i = 0; i < index->capacity; i++) {
		const struct bc_name_entry *e = &index->entries[i];
		if (e->id == BC_NAME_NONE)
			continue;
		uint32_t at = place_of(&larger, index->names[i], e->hash);
		larger.entries[at] = *e;
		larger.names[at] = index->names[i];
	}
	struct bc_name_index old = *index;
	*index = larger;
	bc_name_free(&old);
	return BC_OK;
}

bc_status bc_name_put(struct bc_name_index *index, bc_str name, uint32_t id)
{
	if (index->n * 2 >= index->capacity) {
		bc_status rc = grow(index);
		if (rc != BC_OK)
			return rc;
	}
	uint32_t hash = hash_of(name), at = place_of(index, name, hash);
	if (index->entries[at].id != BC_NAME_NONE)
		return BC_EDUPLICATE;
	index->entries[at] = (struct bc_name_entry){ .hash = hash, .id = id };
	index->names[at] = name;
	index->n++;
	return BC_OK;
}

uint32_t bc_name_find(const struct bc_name_index *index, bc_str name)
{
	if (index->n == 0)
		return BC_NAME_NONE;
	return index->entries[place_of(index, name, hash_of(name))].id;
}

uint32_t bc_name_soon(const struct bc_name_index *index, bc_str name)
{
	const uint32_t hash = hash_of(name);
	if (index->n > 0)
		__builtin_prefetch(&index->entries[hash & (index->capacity - 1)]);
	return hash;
}

uint32_t bc_name_guess(const struct bc_name_index *index, uint32_t hash)
{
	if (index->n == 0)
		return BC_NAME_NONE;
	uint32_t mask = index->capacity - 1, at = hash & mask;
	while (index->entries[at].id != BC_NAME_NONE && index->entries[at].hash != hash)
		at = (at + 1) & mask;
	return index->entries[at].id;
}

void bc_name_move(struct bc_name_index *index, bc_str name, const char *to)
{
	if (index->n == 0)
		return;
	uint32_t at = place_of(index, name, hash_of(name));
	if (index->entries[at].id != BC_NAME_NONE)
		index->names[at].p = to;
}

void bc_name_remove(struct bc_name_index *index, bc_str name)
{
	if (bc_name_find(index, name) == BC_NAME_NONE)
		return;
	uint32_t mask = index->capacity - 1;
	uint32_t hole = place_of(index, name, hash_of(name));
	for (uint32_t at = (hole + 1) & mask; index->entries[at].id != BC_NAME_NONE;
	     at = (at + 1) & mask) {
		uint32_t home = index->entries[at].hash & mask;
		if (((at - home) & mask) < ((at - hole) & mask))
			continue; /* moving it back would put it before its home */
		index->entries[hole] = index->entries[at];
		index->names[hole] = index->names[at];
		hole = at;
	}
	index->entries[hole] = (struct bc_name_entry){ .id = BC_NAME_NONE };
	index->n--;
}

void bc_name_free(struct bc_name_index *index)
{
	free(index->entries);
	free(index->names);
	*index = (struct bc_name_index){ 0 };
}
