/* latest_rig.h - a writer in a temporary directory, messages whose every part follows from one
 * number, and whether what was read does so. */
#ifndef BC_TESTS_LATEST_RIG_H
#define BC_TESTS_LATEST_RIG_H

#include "common/clock.h"
#include "common/latest.h"
#include "proto/codec.h"
#include "tests/support/temp_dir.h"

struct latest_rig {
	struct temp_dir dir;
	struct bc_latest_options options;
	struct bc_latest_writer *writer;
	char path[128], why[400];
	uint64_t payload[BC_LATEST_MAX_PAYLOAD / 8 + 1];
};

/* False: it could not be made; why says why. */
static inline bool latest_rig_open(struct latest_rig *r, uint64_t max_bytes)
{
	if (!temp_dir_new(&r->dir))
		return false;
	r->options = (struct bc_latest_options){ .dir = r->dir.path,
						 .name = "upbit.0.latest",
						 .exchange = "upbit",
						 .instance = "0",
						 .epoch = 7,
						 .interval_ns = BC_NS_PER_S,
						 .max_bytes = max_bytes };
	temp_dir_file(&r->dir, "", r->options.name, r->path, sizeof r->path);
	return bc_latest_writer_new(&r->writer, &r->options, r->why, sizeof r->why) == BC_OK;
}

static inline void latest_rig_close(struct latest_rig *r)
{
	bc_latest_writer_free(&r->writer);
	temp_dir_free(&r->dir);
}

/* The n-th message: its length and every byte and time are made of n. */
static inline size_t latest_fill(unsigned char *bytes, size_t max, uint64_t n)
{
	size_t length = (size_t)(n * 2654435761u % (max - 8)) + 8;
	for (size_t i = 0; i < length; i++)
		bytes[i] = (unsigned char)(n + i * (n | 1));
	return length;
}

static inline void latest_put(struct bc_latest_writer *w, uint32_t number, enum bc_channel channel,
			      uint64_t n, size_t max)
{
	unsigned char bytes[8192];
	size_t length = latest_fill(bytes, max, n);
	const struct bc_envelope e = { .channel = channel,
				       .epoch = 7,
				       .seq = n,
				       .exchange_seq = n * 3,
				       .ts_exchange = { (int64_t)n * 5 },
				       .ts_recv = { (int64_t)n * 7 },
				       .state = BC_STATE_LIVE,
				       .reason = BC_REASON_NONE,
				       .since = { (int64_t)n * 11 } };
	const struct bc_latest_news news = { .envelope = &e,
					     .payload = { (const char *)bytes, length } };
	bc_latest_put(w, (bc_mono_time){ (int64_t)n * 13 }, number, &news);
}

/* Is it one message and no other? */
static inline bool latest_whole(const struct bc_latest_found *f, const uint64_t *payload,
				size_t max)
{
	unsigned char bytes[8192];
	uint64_t n = f->seq;
	return f->n_payload == latest_fill(bytes, max, n) &&
	       memcmp(bytes, payload, f->n_payload) == 0 && f->at.exchange_seq == n * 3 &&
	       f->at.ts_exchange.ns == (int64_t)n * 5 && f->at.ts_recv.ns == (int64_t)n * 7 &&
	       f->word.since.ns == (int64_t)n * 11 && f->changed.ns == (int64_t)n * 13 &&
	       f->proven.ns == (int64_t)n * 13 && f->word.state == BC_STATE_LIVE;
}

static inline bc_status latest_read(const struct bc_latest_map *map, const char *topic,
				    uint64_t *payload, struct bc_latest_found *out)
{
	bc_str text = bc_str_of(topic);
	return bc_latest_read(map, text, bc_latest_hash(text), payload, BC_LATEST_MAX_PAYLOAD, out);
}

#endif
