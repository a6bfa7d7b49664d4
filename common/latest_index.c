/* latest_index.c - from a topic to its slot: a table of hashes in the file, which readers search,
 * too. */
#include "common/latest_writer.h"

/* The place of a topic, or the free one where it goes; there is always one. */
static uint64_t place_of(const struct bc_latest_writer *w, bc_str topic, uint64_t hash)
{
	words index = index_of(w);
	uint64_t mask = w->n_index - 1, at = hash & mask;
	for (;; at = (at + 1) & mask) {
		uint64_t place = load(&index[at]);
		if (place == 0 || (place >> 32 == hash >> 32 &&
				   bc_str_equal(topic_of(slot_of(w, place & UINT32_MAX)), topic)))
			return at;
	}
}

uint64_t latest_find(const struct bc_latest_writer *w, bc_str topic)
{
	return load(&index_of(w)[place_of(w, topic, bc_latest_hash(topic))]) & UINT32_MAX;
}

void latest_enter(const struct bc_latest_writer *w, bc_str topic, uint64_t units)
{
	uint64_t hash = bc_latest_hash(topic);
	words place = &index_of(w)[place_of(w, topic, hash)];
	/* The slot is what a reader is to see that finds it here. */
	atomic_store_explicit(place, (hash >> 32) << 32 | units, memory_order_release);
}

/* Those behind it move up, so that every search ends at the first free place. A reader may miss
 * one that is on its way, and asks the cache. */
void latest_leave(const struct bc_latest_writer *w, bc_str topic)
{
	words index = index_of(w);
	uint64_t mask = w->n_index - 1;
	uint64_t hole = place_of(w, topic, bc_latest_hash(topic));
	for (uint64_t at = (hole + 1) & mask; load(&index[at]) != 0; at = (at + 1) & mask) {
		uint64_t place = load(&index[at]);
		uint64_t home = bc_latest_hash(topic_of(slot_of(w, place & UINT32_MAX))) & mask;
		if (((at - home) & mask) < ((at - hole) & mask))
			continue; /* moving it up would put it before its home */
		store(&index[hole], place);
		hole = at;
	}
	store(&index[hole], 0);
}
