/* latest.c - reading. The order of memory (C11, 7.17.3), with W the writer and R a reader:
 *
 *   W1 lock := odd (relaxed)        R1 lock (acquire), even
 *   W2 fence (release)              R2 words (relaxed)
 *   W3 words (relaxed)              R3 fence (acquire)
 *   W4 lock := even (release)       R4 lock (relaxed), the same as in R1
 *
 * A word of W3 that R2 sees makes W2 happen before R3, so R4 sees W1 or something newer and not
 * what R1 saw. R1 that sees W4 sees all of W3. So words of two messages never pass for one. */
#include "common/latest.h"

#include "common/gateways.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* NOLINTNEXTLINE(misc-redundant-expression): that is what it asserts */
static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && sizeof(_Atomic uint64_t) == 8,
	      "an atomic word is a word, also between processes");

typedef const _Atomic uint64_t *words;

static uint64_t load(words at)
{
	return atomic_load_explicit(at, memory_order_relaxed);
}

/* The bytes from i on, fewer than 8, filled up with zeros. */
static inline uint64_t rest_of(bc_str text, size_t i)
{
	uint64_t piece = 0;
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	if (i > 0 && i < text.n) { /* the last 8, without those that were there before */
		memcpy(&piece, text.p + text.n - 8, 8);
		return piece >> 8 * (8 - (text.n - i));
	}
#endif
	if (i < text.n)
		memcpy(&piece, text.p + i, text.n - i);
	return piece;
}

uint64_t bc_latest_hash(bc_str topic)
{
	const uint64_t mix = UINT64_C(0x9e3779b97f4a7c15);
	uint64_t h = topic.n * mix, piece;
	size_t i = 0;
	for (; i + 8 <= topic.n; i += 8) {
		memcpy(&piece, topic.p + i, 8);
		h = (h ^ piece) * mix;
		h ^= h >> 29;
	}
	h = (h ^ rest_of(topic, i)) * mix;
	return h ^ h >> 32;
}

/* ------------------------------------------------------------------ opening */

void bc_latest_boot(uint64_t boot[2])
{
	char text[40];
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : read(fd, text, sizeof text);
	if (fd >= 0)
		close(fd);
	boot[0] = boot[1] = 0;
	for (ssize_t i = 0; i < n; i++) { /* hex digits and hyphens */
		unsigned digit = (unsigned)(text[i] >= 'a' ? text[i] - 'a' + 10 : text[i] - '0');
		if (digit > 15)
			continue;
		boot[0] = boot[0] << 4 | boot[1] >> 60;
		boot[1] = boot[1] << 4 | digit;
	}
}

static bool is_within(uint64_t at, uint64_t n, uint64_t end)
{
	return at <= end && n <= end - at;
}

static bool layout_ok(const struct bc_latest_header *h, uint64_t n)
{
	return h->file_bytes == n && h->slots_at >= sizeof *h && h->slots_at <= h->slots_end &&
	       h->slots_at % BC_LATEST_UNIT == 0 && is_within(0, h->slots_end, h->index_at) &&
	       h->index_at % sizeof(uint64_t) == 0 && h->n_index > 0 &&
	       (h->n_index & (h->n_index - 1)) == 0 && h->n_index <= n / sizeof(uint64_t) &&
	       is_within(h->index_at, h->n_index * sizeof(uint64_t), n);
}

bc_status bc_latest_attach(struct bc_latest_map *out, const void *bytes, size_t n)
{
	struct bc_latest_header h; /* a copy: what was checked stays as it was */
	uint64_t boot[2];
	if (n < sizeof h)
		return BC_EPARSE;
	memcpy(&h, bytes, offsetof(struct bc_latest_header, status));
	if (memcmp(h.magic, BC_LATEST_MAGIC, sizeof h.magic) != 0)
		return BC_EPARSE;
	if (h.version != BC_LATEST_VERSION)
		return BC_EVERSION;
	bc_latest_boot(boot);
	size_t n_exchange = strnlen(h.exchange, sizeof h.exchange);
	if (!layout_ok(&h, n) || n_exchange > BC_TOPIC_MAX ||
	    memcmp(boot, h.boot, sizeof boot) != 0)
		return BC_EPARSE;
	*out = (struct bc_latest_map){ .bytes = bytes,
				       .n_bytes = n,
				       .slots_at = h.slots_at,
				       .slots_end = h.slots_end,
				       .index_at = h.index_at,
				       .mask = h.n_index - 1,
				       .epoch = h.epoch,
				       .n_exchange = n_exchange };
	memcpy(out->exchange, h.exchange, n_exchange);
	return BC_OK;
}

/* May its word be taken? Whose directory it is may say what he likes; and nobody else wrote it. */
static bool is_trusted(const struct stat *st, unsigned owner)
{
	return S_ISREG(st->st_mode) && (st->st_mode & (S_IWGRP | S_IWOTH)) == 0 &&
	       (st->st_uid == 0 || st->st_uid == geteuid() || st->st_uid == owner);
}

static bc_status map_file(struct bc_latest_map *out, int fd, unsigned owner)
{
	struct stat st;
	if (fstat(fd, &st) != 0 || !is_trusted(&st, owner))
		return BC_EIO;
	if (st.st_size < (off_t)sizeof(struct bc_latest_header) ||
	    (uint64_t)st.st_size > BC_LATEST_MAX_BYTES)
		return BC_EPARSE;
	size_t n = (size_t)st.st_size;
	void *bytes = mmap(NULL, n, PROT_READ, MAP_SHARED, fd, 0);
	if (bytes == MAP_FAILED)
		return BC_EIO;
	bc_status rc = bc_latest_attach(out, bytes, n);
	if (rc != BC_OK) {
		munmap(bytes, n);
		return rc;
	}
	out->is_file = true;
	out->device = st.st_dev;
	out->inode = st.st_ino;
	return BC_OK;
}

bc_status bc_latest_open(struct bc_latest_map *out, const char *path, unsigned owner)
{
	/* Not to be held up by a fifo. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return errno == ENOENT ? BC_ENOTFOUND : BC_EIO;
	bc_status rc = map_file(out, fd, owner);
	close(fd);
	return rc;
}

void bc_latest_close(struct bc_latest_map *map)
{
	if (map->is_file)
		munmap((void *)(uintptr_t)map->bytes, map->n_bytes);
	*map = (struct bc_latest_map){ .bytes = NULL };
}

/* ------------------------------------------------------------------ reading a slot */

struct slot_ref {
	words at;
	uint64_t room; /* bytes to the end of the slots: what it can be at most */
};

static bool slot_at(const struct bc_latest_map *map, uint64_t units, struct slot_ref *out)
{
	uint64_t at = units * BC_LATEST_UNIT;
	if (at < map->slots_at || !is_within(at, BC_SLOT_MIN, map->slots_end))
		return false;
	out->at = (words)(const void *)(map->bytes + at);
	out->room = map->slots_end - at;
	return true;
}

static inline void pause_a_bit(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("yield");
#endif
}

/* Is what was read since `lock` of one message? */
static bool is_whole(words slot, uint64_t lock)
{
	bc_latest_fence(memory_order_acquire);
	return load(&slot[BC_SLOT_LOCK]) == lock;
}

static struct bc_word unpack_word(uint64_t packed, uint64_t since)
{
	return (struct bc_word){ (enum bc_state)(packed & 0xff),
				 (enum bc_reason)(packed >> 8 & 0xff),
				 { (int64_t)since } };
}

/* What the symbol's state topic says; read within the reading of a slot of its symbol, which is
 * removed before this one is given to another symbol. */
static bc_status read_symbol(const struct bc_latest_map *map, uint64_t units,
			     struct bc_latest_found *out)
{
	struct slot_ref slot;
	out->has_symbol = false;
	if (units == 0)
		return BC_OK;
	if (!slot_at(map, units, &slot))
		return BC_EPARSE;
	for (int i = 0; i < BC_LATEST_TRIES; i++, pause_a_bit()) {
		uint64_t lock = atomic_load_explicit(&slot.at[BC_SLOT_LOCK], memory_order_acquire);
		uint64_t seq = load(&slot.at[BC_SLOT_SEQ]);
		uint64_t packed = load(&slot.at[BC_SLOT_WORD]);
		uint64_t since = load(&slot.at[BC_SLOT_SINCE]);
		if (lock % 2 != 0 || !is_whole(slot.at, lock))
			continue;
		out->symbol = unpack_word(packed, since);
		out->has_symbol = seq != 0;
		return BC_OK;
	}
	return BC_EAGAIN;
}

struct wish { /* what is looked for, and where it goes */
	bc_str topic;
	uint64_t *payload;
	size_t cap;
};

static bool is_topic(words at, bc_str topic)
{
	size_t i = 0;
	for (; i + 8 <= topic.n; i += 8) {
		uint64_t theirs = load(at++), ours;
		memcpy(&ours, topic.p + i, 8);
		if (theirs != ours)
			return false;
	}
	return i == topic.n || load(at) == rest_of(topic, i);
}

static void take_times(words slot, struct bc_latest_found *out)
{
	uint64_t packed = load(&slot[BC_SLOT_WORD]);
	out->seq = load(&slot[BC_SLOT_SEQ]);
	out->word = unpack_word(packed, load(&slot[BC_SLOT_SINCE]));
	out->channel = (enum bc_channel)(packed >> 16 & 0xff);
	out->at.exchange_seq = load(&slot[BC_SLOT_EXCHANGE_SEQ]);
	out->at.ts_exchange.ns = (int64_t)load(&slot[BC_SLOT_TS_EXCHANGE]);
	out->at.ts_recv.ns = (int64_t)load(&slot[BC_SLOT_TS_RECV]);
	out->changed.ns = (int64_t)load(&slot[BC_SLOT_CHANGED]);
	out->proven.ns = (int64_t)load(&slot[BC_SLOT_PROVEN]);
	out->was_proven = out->proven.ns != BC_TIME_UNKNOWN;
}

static void copy(uint64_t *to, words from, uint64_t n)
{
	uint64_t i = 0;
	for (; i + 4 <= n; i += 4) { /* the compiler does not unroll what is atomic */
		to[i] = load(&from[i]);
		to[i + 1] = load(&from[i + 1]);
		to[i + 2] = load(&from[i + 2]);
		to[i + 3] = load(&from[i + 3]);
	}
	for (; i < n; i++)
		to[i] = load(&from[i]);
}

/* All of it once, as it may be while it is being written. */
static bc_status take(const struct bc_latest_map *map, struct slot_ref slot,
		      const struct wish *wish, struct bc_latest_found *out)
{
	uint64_t sizes = load(&slot.at[BC_SLOT_SIZES]), room = load(&slot.at[BC_SLOT_ROOM]);
	uint64_t n_topic = sizes & UINT32_MAX, n_payload = sizes >> 32;
	uint64_t topic_words = (n_topic + 7) / 8, payload_words = (n_payload + 7) / 8;
	if (room > slot.room || n_topic > BC_TOPIC_MAX ||
	    (BC_SLOT_TOPIC + topic_words + payload_words) * 8 > room)
		return BC_EPARSE;
	if (n_topic != wish->topic.n || !is_topic(&slot.at[BC_SLOT_TOPIC], wish->topic))
		return BC_ENOTFOUND;
	if (n_payload > wish->cap)
		return BC_ERANGE;
	take_times(slot.at, out);
	out->n_payload = n_payload;
	copy(wish->payload, &slot.at[BC_SLOT_TOPIC + topic_words], payload_words);
	return read_symbol(map, load(&slot.at[BC_SLOT_STATES]), out);
}

static bc_status read_slot(const struct bc_latest_map *map, struct slot_ref slot,
			   const struct wish *wish, struct bc_latest_found *out)
{
	for (int i = 0; i < BC_LATEST_TRIES; i++, pause_a_bit()) {
		uint64_t lock = atomic_load_explicit(&slot.at[BC_SLOT_LOCK], memory_order_acquire);
		if (lock % 2 != 0)
			continue;
		bc_status rc = take(map, slot, wish, out);
		if (is_whole(slot.at, lock))
			return rc == BC_OK && out->seq == 0 ? BC_ENOTFOUND : rc;
	}
	return BC_EAGAIN;
}

bc_status bc_latest_read(const struct bc_latest_map *map, bc_str topic, uint64_t hash,
			 uint64_t *payload, size_t cap, struct bc_latest_found *out)
{
	const struct wish wish = { topic, payload, cap };
	words index = (words)(const void *)(map->bytes + map->index_at);
	uint64_t n = map->mask < BC_LATEST_PROBES ? map->mask + 1 : BC_LATEST_PROBES;
	for (uint64_t i = 0; i < n; i++) {
		uint64_t place = load(&index[(hash + i) & map->mask]);
		struct slot_ref slot;
		if (place == 0)
			return BC_ENOTFOUND;
		if (place >> 32 != hash >> 32)
			continue;
		if (!slot_at(map, place & UINT32_MAX, &slot))
			return BC_EPARSE;
		bc_status rc = read_slot(map, slot, &wish, out);
		if (rc != BC_ENOTFOUND)
			return rc;
	}
	return BC_ENOTFOUND;
}

/* ------------------------------------------------------------------ the gateway */

struct bc_latest_pulse bc_latest_pulse(const struct bc_latest_map *map)
{
	const struct bc_latest_header *h = (const void *)map->bytes;
	return (struct bc_latest_pulse){
		(enum bc_latest_status)load(&h->status),
		{ (int64_t)load(&h->heard) },
		(int64_t)load(&h->interval_ns),
	};
}

bool bc_latest_gone(const struct bc_latest_pulse *p, bc_mono_time now)
{
	/* Within a minute, and not of a future that another clock knows. */
	if (p->status != BC_LATEST_LIVE || p->interval_ns <= 0 ||
	    p->interval_ns > 60 * BC_NS_PER_S || p->heard.ns < 0 ||
	    p->heard.ns > now.ns + BC_NS_PER_S)
		return true;
	return bc_heartbeats_missed(p->heard, p->interval_ns, now);
}
