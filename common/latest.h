/* latest.h - the newest message of every topic of one gateway process, in a file that readers on
 * the same machine map: <run-dir>/<exchange>.<instance>.latest. docs/LATEST.md is the public
 * format, docs/decisions has the reasons.
 *
 * Shape   a header, slots (one a topic, each behind a sequence lock of its own), and at the end an
 *         index from the hash of a topic to its slot. All numbers are 64 bits, in the order of the
 *         machine. A slot keeps its place as long as its topic lives; a file never changes its
 *         size. When there is no more room, a larger one takes its name and the old one says
 *         SUPERSEDED for ever.
 * Writer  one process, which waits for nobody and makes no system call to write a message.
 * Readers map read only, so they can harm nobody. They believe nothing: every place and length is
 *         checked against the size of the mapping, every search and every second try is bounded.
 *         What they trust is that the owner of the run directory does not cut the file short under
 *         them (SIGBUS): it is his word on prices, too, that they act on.
 * Memory  a mapping, and nothing else.
 * Threads a writer belongs to one thread; a mapping may be read by many. */
#ifndef BC_LATEST_H
#define BC_LATEST_H

#include "common/standing.h"
#include "proto/topic.h"

#include <stdatomic.h>

#define BC_LATEST_SUFFIX  ".latest"
#define BC_LATEST_MAGIC   "BCLATEST"
#define BC_LATEST_VERSION 1

#define BC_LATEST_UNIT        64  /* slots lie at multiples of it; places are counted in it */
#define BC_LATEST_PROBES      64  /* places of the index that are looked at for a topic */
#define BC_LATEST_TRIES       200 /* of a slot that is being written */
#define BC_LATEST_MAX_PAYLOAD 65536
#define BC_LATEST_MAX_BYTES   (UINT64_C(256) << 20) /* of a file */

enum bc_latest_status { /* of a file */
			BC_LATEST_LIVE = 1,
			BC_LATEST_SUPERSEDED =
				2,          /* another one has its name, or will have it at once */
			BC_LATEST_DOWN = 3, /* its gateway has said goodbye */
};

struct bc_latest_header {
	char magic[8];
	uint64_t version;
	uint64_t file_bytes;
	uint64_t slots_at, slots_end; /* where slots are, in bytes */
	uint64_t index_at, n_index;   /* behind them: bytes; places, a power of two */
	uint64_t epoch;
	uint64_t pid;
	uint64_t boot[2]; /* which start of which machine its clock belongs to */
	char exchange[BC_TOPIC_MAX + 8], instance[BC_TOPIC_MAX + 8]; /* with NUL */
	_Alignas(64) _Atomic uint64_t status;                        /* enum bc_latest_status */
	_Atomic uint64_t heard;       /* last heartbeat; bc_boot_now() */
	_Atomic uint64_t interval_ns; /* between two */
};

/* The words of a slot. All but the lock belong to it: odd while the writer is at them. */
enum {
	BC_SLOT_LOCK,
	BC_SLOT_ROOM,  /* bytes of the whole slot; constant */
	BC_SLOT_SIZES, /* bytes of topic, << 32 bytes of payload (0: it was not encoded) */
	BC_SLOT_SEQ,   /* of the newest message; 0: none yet */
	BC_SLOT_WORD,  /* its state, << 8 reason, << 16 channel, << 32 flags */
	BC_SLOT_SINCE,
	BC_SLOT_EXCHANGE_SEQ, /* of the data, as the next three */
	BC_SLOT_TS_EXCHANGE,
	BC_SLOT_TS_RECV,
	BC_SLOT_TS_OPEN, /* of a candle */
	BC_SLOT_CHANGED, /* when the data changed; bc_boot_now() */
	BC_SLOT_PROVEN,  /* when a message last said that they are true; or BC_TIME_UNKNOWN */
	BC_SLOT_STATES,  /* the slot of the symbol's state topic, in units; 0: there is none */
	BC_SLOT_TOPIC,   /* its bytes; then, from the next word on, the payload's */
};
#define BC_SLOT_MIN ((uint64_t)(BC_SLOT_TOPIC + 1) * 8)

/* A place of the index: the upper half of the hash, << 32 the slot in units; 0: free. */
uint64_t bc_latest_hash(bc_str topic);

/* ------------------------------------------------------------------ reading */

struct bc_latest_map {
	const unsigned char *bytes;
	uint64_t n_bytes;
	/* of the header, checked when it was opened */
	uint64_t slots_at, slots_end, index_at, mask, epoch;
	char exchange[BC_TOPIC_MAX + 1];
	size_t n_exchange;
	uint64_t device, inode;
	bool is_file; /* else memory of the caller's */
};

/* Maps a file. BC_ENOTFOUND: there is none. BC_EPARSE: not one of these, damaged, or of another
 * start of the machine; BC_EVERSION; BC_EIO: it may not be read, is not a plain file, or belongs to
 * neither root nor us nor `owner`, or others may write it. */
bc_status bc_latest_open(struct bc_latest_map *out, const char *path, unsigned owner);
/* The same of n bytes of memory, 64-byte aligned; it stays the caller's. */
bc_status bc_latest_attach(struct bc_latest_map *out, const void *bytes, size_t n);
void bc_latest_close(struct bc_latest_map *map);

/* What was found of a topic. */
struct bc_latest_found {
	enum bc_channel channel;
	uint64_t seq;
	struct bc_word word, symbol; /* of its message; of its symbol's state topic */
	bool has_symbol;
	struct bc_place_in_time at;
	bc_mono_time changed, proven;
	bool was_proven;
	size_t n_payload; /* 0: it was not encoded */
};

/* The newest message of a topic into payload[cap], which is 8-byte aligned and has 8 bytes more.
 *   BC_ENOTFOUND  no such topic, or nothing said yet
 *   BC_EAGAIN     it is being written, and was all the time
 *   BC_ERANGE     longer than cap
 *   BC_EPARSE     the file is damaged */
bc_status bc_latest_read(const struct bc_latest_map *map, bc_str topic, uint64_t hash,
			 uint64_t *payload, size_t cap, struct bc_latest_found *out);

struct bc_latest_pulse {
	enum bc_latest_status status; /* or a number that is none */
	bc_mono_time heard;
	int64_t interval_ns;
};
struct bc_latest_pulse bc_latest_pulse(const struct bc_latest_map *map);

/* Is the gateway gone: three heartbeats missed, goodbye said, or replaced? */
bool bc_latest_gone(const struct bc_latest_pulse *pulse, bc_mono_time now);

/* ------------------------------------------------------------------ writing */

struct bc_latest_writer;

struct bc_latest_options {
	const char *dir, *name; /* "upbit.0.latest"; no other process writes it */
	const char *exchange, *instance;
	uint64_t epoch;
	int64_t interval_ns;
	uint64_t max_bytes; /* of the file; 0: BC_LATEST_MAX_BYTES */
};

struct bc_latest_stats {
	uint64_t topics, bytes; /* in the file now; its size */
	uint64_t generations;   /* files made */
	uint64_t left_out;      /* topics that found no room */
	uint64_t too_long;      /* messages that did not fit their slot */
};

/* Says SUPERSEDED in a file that a process before it has left. why[cap] on failure: BC_EIO. */
bc_status bc_latest_writer_new(struct bc_latest_writer **out,
			       const struct bc_latest_options *options, char *why, size_t cap);
/* Says DOWN and removes the file's name. */
void bc_latest_writer_free(struct bc_latest_writer **writer);

/* A topic, known by a small number of the caller's, with room for payloads of max_payload bytes.
 * BC_ERANGE: the file has its largest size; BC_ENOMEM, BC_EIO, BC_EPARSE, BC_EDUPLICATE: it is not
 * kept either, and readers ask the cache. */
bc_status bc_latest_add(struct bc_latest_writer *w, uint32_t number, bc_str text,
			size_t max_payload);
void bc_latest_remove(struct bc_latest_writer *writer, uint32_t number);

struct bc_latest_news {
	const struct bc_envelope *envelope;
	bc_str trade_id;      /* of a trade */
	bc_wall_time ts_open; /* of a candle */
	bc_str payload;       /* empty: it was not encoded */
};

/* A message of this topic probably follows: fetches into the cache where its slot is. */
void bc_latest_soon(const struct bc_latest_writer *w, uint32_t number);
/* And, a little later, it is the next: fetches the slot, as far as the last message went. */
void bc_latest_next(const struct bc_latest_writer *w, uint32_t number);
/* The newest message of a topic. No system call, no allocation. */
void bc_latest_put(struct bc_latest_writer *writer, bc_mono_time boot_now, uint32_t number,
		   const struct bc_latest_news *news);
void bc_latest_beat(struct bc_latest_writer *writer, bc_mono_time boot_now);
/* The gateway says goodbye: nothing in it is fit any more. */
void bc_latest_down(struct bc_latest_writer *writer);

const struct bc_latest_stats *bc_latest_stats(const struct bc_latest_writer *writer);

/* ------------------------------------------------------------------ both */

/* Which start of this machine it is; zeros where the kernel does not say. */
void bc_latest_boot(uint64_t boot[2]);

/* gcc knows that ThreadSanitizer does not see fences, and says so. Every word they order is atomic,
 * so nothing is missed: what they order is compared, never trusted. */
static inline void bc_latest_fence(memory_order order)
{
#if defined(__SANITIZE_THREAD__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wtsan"
#endif
	atomic_thread_fence(order);
#if defined(__SANITIZE_THREAD__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif
}

#endif
