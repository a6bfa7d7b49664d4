/* latest_write.c - writing: places of topics, larger files, messages. */
#include "common/latest.h"

#include "common/name_index.h"
#include "proto/codec.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_SLOT_BYTES 65536u
#define FIRST_INDEX      512u
#define PATH_ROOM        512

typedef _Atomic uint64_t *words;

struct hole { /* a slot without a topic */
	uint64_t units, room;
};

struct bc_latest_writer {
	char path[PATH_ROOM], new_path[PATH_ROOM];
	char exchange[BC_TOPIC_MAX + 1], instance[BC_TOPIC_MAX + 1];
	uint64_t epoch, max_bytes;
	int64_t interval_ns;
	int64_t heard;
	unsigned char *bytes; /* the file of now */
	uint64_t n_bytes;
	uint64_t slots_end; /* how far slots may reach */
	uint64_t next;      /* where the next new slot goes */
	uint64_t n_index;
	uint64_t *by_number; /* the slot of a topic, in units; 0: none */
	uint32_t n_numbers;
	struct hole *holes;
	size_t n_holes, cap_holes;
	struct bc_latest_stats stats;
};

static uint64_t load(words at)
{
	return atomic_load_explicit(at, memory_order_relaxed);
}

static void store(words at, uint64_t value)
{
	atomic_store_explicit(at, value, memory_order_relaxed);
}

static struct bc_latest_header *header_of(unsigned char *bytes)
{
	return (struct bc_latest_header *)(void *)bytes;
}

static words slot_of(const struct bc_latest_writer *w, uint64_t units)
{
	return (words)(void *)(w->bytes + units * BC_LATEST_UNIT);
}

static words index_of(const struct bc_latest_writer *w)
{
	return (words)(void *)(w->bytes + w->slots_end);
}

/* ------------------------------------------------------------------ one slot */

/* Before and after writing its words: common/latest.c has the order of memory. */
static void open_slot(words slot)
{
	store(&slot[BC_SLOT_LOCK], load(&slot[BC_SLOT_LOCK]) + 1);
	bc_latest_fence(memory_order_release);
}

static void close_slot(words slot)
{
	uint64_t lock = load(&slot[BC_SLOT_LOCK]) + 1;
	atomic_store_explicit(&slot[BC_SLOT_LOCK], lock, memory_order_release);
}

/* Bytes in whole words, the last one filled up with zeros. Returns the next free word. */
static words put_bytes(words at, bc_str bytes)
{
	uint64_t piece;
	size_t i = 0;
	for (; i + 8 <= bytes.n; i += 8) {
		memcpy(&piece, bytes.p + i, 8);
		store(at++, piece);
	}
	if (i == bytes.n)
		return at;
	piece = 0;
	memcpy(&piece, bytes.p + i, bytes.n - i);
	store(at++, piece);
	return at;
}

static size_t topic_bytes(words slot)
{
	return load(&slot[BC_SLOT_SIZES]) & UINT32_MAX;
}

static words payload_of(words slot)
{
	return &slot[BC_SLOT_TOPIC + (topic_bytes(slot) + 7) / 8];
}

static bc_str topic_of(words slot) /* valid while the slot has it */
{
	return (bc_str){ (const char *)&slot[BC_SLOT_TOPIC], topic_bytes(slot) };
}

static void clear_slot(words slot, bc_str topic)
{
	open_slot(slot);
	for (unsigned i = BC_SLOT_SIZES; i < BC_SLOT_TOPIC; i++)
		store(&slot[i], 0);
	store(&slot[BC_SLOT_SIZES], topic.n);
	store(&slot[BC_SLOT_PROVEN], (uint64_t)BC_TIME_UNKNOWN);
	put_bytes(&slot[BC_SLOT_TOPIC], topic);
	close_slot(slot);
}

/* ------------------------------------------------------------------ the index */

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

static uint64_t find(const struct bc_latest_writer *w, bc_str topic)
{
	return load(&index_of(w)[place_of(w, topic, bc_latest_hash(topic))]) & UINT32_MAX;
}

static void enter(const struct bc_latest_writer *w, bc_str topic, uint64_t units)
{
	uint64_t hash = bc_latest_hash(topic);
	words place = &index_of(w)[place_of(w, topic, hash)];
	/* The slot is what a reader is to see that finds it here. */
	atomic_store_explicit(place, (hash >> 32) << 32 | units, memory_order_release);
}

/* Those behind it move up, so that every search ends at the first free place. A reader may miss
 * one that is on its way, and asks the cache. */
static void leave(const struct bc_latest_writer *w, bc_str topic)
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

/* ------------------------------------------------------------------ files */

static bc_status fail(char *why, size_t cap, const char *path, const char *what)
{
	snprintf(why, cap, "%s: %s: %s", path, what, strerror(errno));
	return BC_EIO;
}

static void fill_header(const struct bc_latest_writer *w, unsigned char *bytes)
{
	struct bc_latest_header *h = header_of(bytes);
	memcpy(h->magic, BC_LATEST_MAGIC, sizeof h->magic);
	h->version = BC_LATEST_VERSION;
	h->file_bytes = w->n_bytes;
	h->slots_at = sizeof *h;
	h->slots_end = h->index_at = w->slots_end;
	h->n_index = w->n_index;
	h->epoch = w->epoch;
	h->pid = (uint64_t)getpid();
	bc_latest_boot(h->boot);
	memcpy(h->exchange, w->exchange, strlen(w->exchange) + 1);
	memcpy(h->instance, w->instance, strlen(w->instance) + 1);
	store(&h->interval_ns, (uint64_t)w->interval_ns);
	store(&h->heard, (uint64_t)w->heard);
	store(&h->status, BC_LATEST_LIVE);
}

/* A file of w->n_bytes without a name of its own yet. All of it is reserved: a write to a mapping
 * has nobody to tell that the disk is full. */
static bc_status make_file(const struct bc_latest_writer *w, unsigned char **out, char *why,
			   size_t cap)
{
	unlink(w->new_path); /* of one who died while making it */
	int fd = open(w->new_path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0)
		return fail(why, cap, w->new_path, "open");
	bc_status rc = BC_OK;
	if (fchmod(fd, 0640) != 0) /* whatever the umask */
		rc = fail(why, cap, w->new_path, "chmod");
	else if ((errno = posix_fallocate(fd, 0, (off_t)w->n_bytes)) != 0)
		rc = fail(why, cap, w->new_path, "reserve");
	void *bytes = rc == BC_OK
			      ? mmap(NULL, w->n_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
			      : MAP_FAILED;
	if (rc == BC_OK && bytes == MAP_FAILED)
		rc = fail(why, cap, w->new_path, "map");
	close(fd);
	if (rc != BC_OK)
		unlink(w->new_path);
	*out = bytes;
	return rc;
}

static void enter_all(const struct bc_latest_writer *w)
{
	for (uint32_t i = 0; i < w->n_numbers; i++) {
		uint64_t units = w->by_number[i];
		if (units != 0)
			enter(w, topic_of(slot_of(w, units)), units);
	}
}

/* The file of the sizes in w takes the place of `old`; slots keep theirs. */
static bc_status replace(struct bc_latest_writer *w, const struct bc_latest_writer *old, char *why,
			 size_t cap)
{
	bc_status rc = make_file(w, &w->bytes, why, cap);
	if (rc != BC_OK)
		return rc;
	if (old->bytes != NULL)
		memcpy(w->bytes + sizeof(struct bc_latest_header),
		       old->bytes + sizeof(struct bc_latest_header),
		       old->next - sizeof(struct bc_latest_header));
	fill_header(w, w->bytes);
	enter_all(w);
	if (rename(w->new_path, w->path) != 0) {
		rc = fail(why, cap, w->path, "rename");
		munmap(w->bytes, w->n_bytes);
		unlink(w->new_path);
		return rc;
	}
	if (old->bytes != NULL) {
		atomic_store_explicit(&header_of(old->bytes)->status, BC_LATEST_SUPERSEDED,
				      memory_order_release);
		munmap(old->bytes, old->n_bytes);
	}
	w->stats.bytes = w->n_bytes;
	w->stats.generations++;
	return BC_OK;
}

/* Room for `need` more bytes of slots and one more topic: a file at least twice as large, if the
 * present one has none. */
static bc_status reserve(struct bc_latest_writer *w, uint64_t need, char *why, size_t cap)
{
	struct bc_latest_writer larger = *w;
	if (w->next + need > w->slots_end) {
		larger.slots_end = 2 * w->slots_end;
		while (w->next + need > larger.slots_end)
			larger.slots_end *= 2;
	}
	if (2 * (w->stats.topics + 1) > w->n_index)
		larger.n_index = 2 * w->n_index;
	if (larger.slots_end == w->slots_end && larger.n_index == w->n_index)
		return BC_OK;
	larger.n_bytes = larger.slots_end + larger.n_index * sizeof(uint64_t);
	if (larger.n_bytes > w->max_bytes)
		return BC_ERANGE;
	bc_status rc = replace(&larger, w, why, cap);
	if (rc == BC_OK)
		*w = larger;
	return rc;
}

/* What a process before us left says LIVE until its heartbeats are missed; we know better. */
static void supersede_left(const char *path)
{
	struct bc_latest_header h;
	struct stat st;
	const uint64_t status = BC_LATEST_SUPERSEDED;
	const off_t at = offsetof(struct bc_latest_header, status);
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    pread(fd, &h, sizeof h, 0) == (ssize_t)sizeof h &&
	    memcmp(h.magic, BC_LATEST_MAGIC, sizeof h.magic) == 0 && h.version == BC_LATEST_VERSION)
		(void)!pwrite(fd, &status, sizeof status, at);
	close(fd);
}

bc_status bc_latest_writer_new(struct bc_latest_writer **out, const struct bc_latest_options *o,
			       char *why, size_t cap)
{
	struct bc_latest_writer *w = calloc(1, sizeof *w);
	if (w == NULL)
		return BC_ENOMEM;
	const struct bc_latest_writer nothing = { .bytes = NULL };
	int n = snprintf(w->path, sizeof w->path, "%s/%s", o->dir, o->name);
	int m = snprintf(w->new_path, sizeof w->new_path, "%s/%s.new", o->dir, o->name);
	bc_status rc = BC_OK;
	if (n < 0 || n >= PATH_ROOM || m < 0 || m >= PATH_ROOM ||
	    strlen(o->exchange) > BC_TOPIC_MAX || strlen(o->instance) > BC_TOPIC_MAX) {
		snprintf(why, cap, "%s/%s: the name is too long", o->dir, o->name);
		rc = BC_EINVAL;
	} else {
		memcpy(w->exchange, o->exchange, strlen(o->exchange) + 1);
		memcpy(w->instance, o->instance, strlen(o->instance) + 1);
		w->epoch = o->epoch;
		w->interval_ns = o->interval_ns;
		w->max_bytes = o->max_bytes > 0 ? o->max_bytes : BC_LATEST_MAX_BYTES;
		w->slots_end = FIRST_SLOT_BYTES;
		w->next = sizeof(struct bc_latest_header);
		w->n_index = FIRST_INDEX;
		w->n_bytes = w->slots_end + w->n_index * sizeof(uint64_t);
		supersede_left(w->path);
		rc = replace(w, &nothing, why, cap);
	}
	if (rc != BC_OK) {
		free(w);
		return rc;
	}
	*out = w;
	return BC_OK;
}

void bc_latest_down(struct bc_latest_writer *w)
{
	atomic_store_explicit(&header_of(w->bytes)->status, BC_LATEST_DOWN, memory_order_release);
}

void bc_latest_writer_free(struct bc_latest_writer **writer)
{
	struct bc_latest_writer *w = *writer;
	if (w == NULL)
		return;
	bc_latest_down(w);
	unlink(w->path);
	munmap(w->bytes, w->n_bytes);
	free(w->by_number);
	free(w->holes);
	free(w);
	*writer = NULL;
}

const struct bc_latest_stats *bc_latest_stats(const struct bc_latest_writer *w)
{
	return &w->stats;
}

/* ------------------------------------------------------------------ topics come and go */

static bc_status number_reserve(struct bc_latest_writer *w, uint32_t number)
{
	uint32_t room = w->n_numbers == 0 ? 256 : w->n_numbers;
	while (room <= number && room < UINT32_MAX / 2)
		room *= 2;
	if (room == w->n_numbers)
		return BC_OK;
	uint64_t *by_number = realloc(w->by_number, room * sizeof *by_number);
	if (by_number == NULL)
		return BC_ENOMEM;
	memset(by_number + w->n_numbers, 0, (room - w->n_numbers) * sizeof *by_number);
	w->by_number = by_number;
	w->n_numbers = room;
	return BC_OK;
}

/* A hole of just this size: symbols have the same topics, so there mostly is one. 0: none. */
static uint64_t take_hole(struct bc_latest_writer *w, uint64_t room)
{
	for (size_t i = w->n_holes; i-- > 0;) {
		if (w->holes[i].room != room)
			continue;
		uint64_t units = w->holes[i].units;
		w->holes[i] = w->holes[--w->n_holes];
		return units;
	}
	return 0;
}

static bc_status find_room(struct bc_latest_writer *w, uint64_t room, uint64_t *units)
{
	char why[PATH_ROOM + 64];
	bool hole = (*units = take_hole(w, room)) != 0;
	bc_status rc = reserve(w, hole ? 0 : room, why, sizeof why);
	if (hole && rc != BC_OK)
		w->holes[w->n_holes++] = (struct hole){ *units, room };
	if (hole || rc != BC_OK)
		return rc;
	*units = w->next / BC_LATEST_UNIT;
	w->next += room;
	return BC_OK;
}

/* The other topics of a symbol point to its state topic. */
static void point_to_states(struct bc_latest_writer *w, const struct bc_topic *of, uint64_t units)
{
	for (unsigned c = 0; c < BC_N_CHANNELS; c++) {
		for (unsigned i = 0; i < (c == BC_CHANNEL_CANDLE ? BC_N_INTERVALS : 1); i++) {
			char text[BC_TOPIC_MAX + 1];
			size_t n;
			if (c == BC_CHANNEL_STATE ||
			    bc_topic_make(of->exchange, of->symbol, (enum bc_channel)c,
					  (enum bc_interval)i, text, &n) != BC_OK)
				continue;
			uint64_t other = find(w, (bc_str){ text, n });
			if (other == 0)
				continue;
			words slot = slot_of(w, other);
			open_slot(slot);
			store(&slot[BC_SLOT_STATES], units);
			close_slot(slot);
		}
	}
}

static void point(struct bc_latest_writer *w, const struct bc_topic *topic, uint64_t units)
{
	char text[BC_TOPIC_MAX + 1];
	size_t n;
	if (bc_channel_of(topic->channel) == BC_CHANNEL_STATE)
		point_to_states(w, topic, units);
	else if (bc_topic_make(topic->exchange, topic->symbol, BC_CHANNEL_STATE, 0, text, &n) ==
		 BC_OK)
		store(&slot_of(w, units)[BC_SLOT_STATES], find(w, (bc_str){ text, n }));
}

bc_status bc_latest_add(struct bc_latest_writer *w, uint32_t number, bc_str text,
			size_t max_payload)
{
	struct bc_topic topic;
	uint64_t units;
	bc_status rc = bc_topic_split(text, &topic);
	if (rc == BC_OK)
		rc = number_reserve(w, number);
	if (rc == BC_OK && (w->by_number[number] != 0 || find(w, text) != 0))
		rc = BC_EDUPLICATE;
	if (rc == BC_OK && max_payload > BC_LATEST_MAX_PAYLOAD)
		max_payload = BC_LATEST_MAX_PAYLOAD; /* longer ones are left out */
	uint64_t bytes = BC_SLOT_TOPIC * 8 + (text.n + 7) / 8 * 8 + (max_payload + 7) / 8 * 8;
	uint64_t room = (bytes + BC_LATEST_UNIT - 1) / BC_LATEST_UNIT * BC_LATEST_UNIT;
	if (rc == BC_OK)
		rc = find_room(w, room, &units);
	if (rc != BC_OK) {
		w->stats.left_out++;
		return rc;
	}
	words slot = slot_of(w, units);
	store(&slot[BC_SLOT_ROOM], room);
	clear_slot(slot, text);
	point(w, &topic, units);
	enter(w, text, units);
	w->by_number[number] = units;
	w->stats.topics++;
	return BC_OK;
}

static void keep_hole(struct bc_latest_writer *w, uint64_t units, uint64_t room)
{
	if (w->n_holes == w->cap_holes) {
		size_t cap = w->cap_holes == 0 ? 64 : 2 * w->cap_holes;
		struct hole *holes = realloc(w->holes, cap * sizeof *holes);
		if (holes == NULL)
			return; /* its room is lost until the next start */
		w->holes = holes;
		w->cap_holes = cap;
	}
	w->holes[w->n_holes++] = (struct hole){ units, room };
}

void bc_latest_remove(struct bc_latest_writer *w, uint32_t number)
{
	uint64_t units = number < w->n_numbers ? w->by_number[number] : 0;
	struct bc_topic topic;
	if (units == 0)
		return;
	words slot = slot_of(w, units);
	if (bc_topic_split(topic_of(slot), &topic) == BC_OK &&
	    bc_channel_of(topic.channel) == BC_CHANNEL_STATE)
		point_to_states(w, &topic, 0);
	leave(w, topic_of(slot));
	clear_slot(slot, BC_STR(""));
	keep_hole(w, units, load(&slot[BC_SLOT_ROOM]));
	w->by_number[number] = 0;
	w->stats.topics--;
}

/* ------------------------------------------------------------------ messages */

static bool is_history(words slot, const struct bc_latest_news *news)
{
	const struct bc_envelope *e = news->envelope;
	struct bc_message kept;
	uint64_t n_payload = load(&slot[BC_SLOT_SIZES]) >> 32;
	if ((e->flags & BC_FLAG_REST) == 0 || load(&slot[BC_SLOT_SEQ]) == 0)
		return false;
	struct bc_happened one = { e->ts_exchange, news->ts_open, news->trade_id };
	struct bc_happened before = { .ts_exchange = { (int64_t)load(&slot[BC_SLOT_TS_EXCHANGE]) },
				      .ts_open = { (int64_t)load(&slot[BC_SLOT_TS_OPEN]) } };
	bc_str payload = { (const char *)payload_of(slot), n_payload };
	if (e->channel == BC_CHANNEL_TRADE && bc_message_decode(payload, &kept, NULL, 0) == BC_OK)
		before.trade_id = kept.body.trade.trade_id;
	return bc_is_history(e->channel, e->flags, &one, &before);
}

static void put_payload(struct bc_latest_writer *w, words slot, bc_str payload)
{
	uint64_t n_topic = topic_bytes(slot);
	uint64_t used = BC_SLOT_TOPIC * 8 + (n_topic + 7) / 8 * 8;
	uint64_t room = load(&slot[BC_SLOT_ROOM]) - used;
	if (payload.n > room || payload.n > BC_LATEST_MAX_PAYLOAD) {
		w->stats.too_long++;
		payload.n = 0;
	}
	store(&slot[BC_SLOT_SIZES], n_topic | (uint64_t)payload.n << 32);
	put_bytes(&slot[BC_SLOT_TOPIC + (n_topic + 7) / 8], payload);
}

static void put_data(struct bc_latest_writer *w, words slot, bc_mono_time now,
		     const struct bc_latest_news *news)
{
	const struct bc_envelope *e = news->envelope;
	if (load(&slot[BC_SLOT_SEQ]) == 0 || (e->flags & BC_FLAG_STATE) == 0)
		store(&slot[BC_SLOT_CHANGED], (uint64_t)now.ns);
	store(&slot[BC_SLOT_EXCHANGE_SEQ], e->exchange_seq);
	store(&slot[BC_SLOT_TS_EXCHANGE], (uint64_t)e->ts_exchange.ns);
	store(&slot[BC_SLOT_TS_RECV], (uint64_t)e->ts_recv.ns);
	store(&slot[BC_SLOT_TS_OPEN], (uint64_t)news->ts_open.ns);
	put_payload(w, slot, news->payload);
}

/* As the board does it: a fit message proves what it says; when the state is no longer fit, what
 * heartbeats have proved until now is noted. */
static void put_word(struct bc_latest_writer *w, words slot, bc_mono_time now,
		     const struct bc_envelope *e)
{
	int64_t proven = (int64_t)load(&slot[BC_SLOT_PROVEN]);
	bool was_fit = load(&slot[BC_SLOT_SEQ]) != 0 &&
		       bc_state_fit((unsigned)(load(&slot[BC_SLOT_WORD]) & 0xff));
	if (was_fit && !bc_state_fit(e->state) && w->heard > proven)
		proven = w->heard;
	if (bc_state_fit_if_rest(e->state))
		proven = now.ns;
	store(&slot[BC_SLOT_PROVEN], (uint64_t)proven);
	store(&slot[BC_SLOT_SEQ], e->seq);
	store(&slot[BC_SLOT_WORD], (uint64_t)e->state | (uint64_t)e->reason << 8 |
					   (uint64_t)e->channel << 16 | (uint64_t)e->flags << 32);
	store(&slot[BC_SLOT_SINCE], (uint64_t)e->since.ns);
}

void bc_latest_put(struct bc_latest_writer *w, bc_mono_time now, uint32_t number,
		   const struct bc_latest_news *news)
{
	uint64_t units = number < w->n_numbers ? w->by_number[number] : 0;
	const struct bc_envelope *e = news->envelope;
	if (units == 0)
		return;
	words slot = slot_of(w, units);
	bool welcome = (e->flags & BC_FLAG_WELCOME) != 0;
	if (welcome &&
	    (load(&slot[BC_SLOT_SIZES]) >> 32 != 0 || load(&slot[BC_SLOT_SEQ]) != e->seq))
		return; /* it is there */
	bool history = !welcome && is_history(slot, news);
	open_slot(slot);
	if (welcome)
		put_payload(w, slot, news->payload);
	else if (!history)
		put_data(w, slot, now, news);
	if (!welcome)
		put_word(w, slot, now, e);
	close_slot(slot);
}

void bc_latest_beat(struct bc_latest_writer *w, bc_mono_time now)
{
	w->heard = now.ns;
	store(&header_of(w->bytes)->heard, (uint64_t)now.ns);
}
