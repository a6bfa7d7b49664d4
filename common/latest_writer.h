/* latest_writer.h - the inside of the writer of common/latest.h, shared by latest_write.c,
 * latest_file.c and latest_index.c alone.
 *
 *   latest_write.c  topics come and go, messages
 *   latest_file.c   life, and larger files in place of smaller ones
 *   latest_index.c  from a topic to its slot
 *
 * Places in the file are counted in units of BC_LATEST_UNIT bytes from its beginning; 0 is none. */
#ifndef BC_LATEST_WRITER_H
#define BC_LATEST_WRITER_H

#include "common/latest.h"

#include "proto/topic.h"

#include <stdatomic.h>

#define BC_LATEST_PATH_MAX 512

typedef _Atomic uint64_t *words;

struct hole { /* a slot without a topic */
	uint64_t units, room;
};

struct latest_numbered {
	uint32_t units;   /* its slot; 0: none */
	uint32_t payload; /* bytes of the last one */
};

struct bc_latest_writer {
	char path[BC_LATEST_PATH_MAX], new_path[BC_LATEST_PATH_MAX];
	char exchange[BC_TOPIC_MAX + 1], instance[BC_TOPIC_MAX + 1];
	uint64_t epoch, max_bytes;
	int64_t interval_ns;
	int64_t heard;
	unsigned char *bytes; /* the file of now */
	uint64_t n_bytes;
	uint64_t slots_end; /* how far slots may reach */
	uint64_t next;      /* where the next new slot goes */
	uint64_t n_index;
	struct latest_numbered *by_number; /* topics */
	uint32_t n_numbers;
	struct hole *holes;
	size_t n_holes, cap_holes;
	struct bc_latest_stats stats;
};

static inline uint64_t load(words at)
{
	return atomic_load_explicit(at, memory_order_relaxed);
}

static inline void store(words at, uint64_t value)
{
	atomic_store_explicit(at, value, memory_order_relaxed);
}

static inline struct bc_latest_header *header_of(unsigned char *bytes)
{
	return (struct bc_latest_header *)(void *)bytes;
}

static inline words slot_of(const struct bc_latest_writer *w, uint64_t units)
{
	return (words)(void *)(w->bytes + units * BC_LATEST_UNIT);
}

static inline words index_of(const struct bc_latest_writer *w)
{
	return (words)(void *)(w->bytes + w->slots_end);
}

/* Before and after writing its words: common/latest.c has the order of memory. */
static inline void open_slot(words slot)
{
	store(&slot[BC_SLOT_LOCK], load(&slot[BC_SLOT_LOCK]) + 1);
	bc_latest_fence(memory_order_release);
}

static inline void close_slot(words slot)
{
	uint64_t lock = load(&slot[BC_SLOT_LOCK]) + 1;
	atomic_store_explicit(&slot[BC_SLOT_LOCK], lock, memory_order_release);
}

static inline size_t topic_bytes(words slot)
{
	return load(&slot[BC_SLOT_SIZES]) & UINT32_MAX;
}

static inline bc_str topic_of(words slot) /* valid while the slot has it */
{
	return (bc_str){ (const char *)&slot[BC_SLOT_TOPIC], topic_bytes(slot) };
}

/* latest_index.c: what is in it has a slot of its own, with its topic in it. */
uint64_t latest_find(const struct bc_latest_writer *w, bc_str topic); /* units; 0: not there */
void latest_enter(const struct bc_latest_writer *w, bc_str topic, uint64_t units);
void latest_leave(const struct bc_latest_writer *w, bc_str topic);

/* latest_file.c: room for `need` more bytes of slots and one more topic. It may put another file in
 * the place of this one; slots keep their units. BC_ERANGE: it would be too large; BC_EIO: why[cap]
 * says it. */
bc_status latest_reserve(struct bc_latest_writer *w, uint64_t need, char *why, size_t cap);

#endif
