/* One writes, three read, topics come and go and the file grows: what is read is one message of the
 * topic it was asked for, and its symbol's state never goes back. */
#include "tests/support/latest_rig.h"

#include <pthread.h>

#define TOPICS  8
#define READERS 3
#define ROUNDS  6000
#define MAX     700

static struct latest_rig rig;
static atomic_bool over;
static atomic_ullong whole, not_there, busy;

static const char *name(char out[64], unsigned i, const char *channel)
{
	snprintf(out, 64, "upbit.SYMBOL-%u.%s", i, channel);
	return out;
}

static bool add(struct bc_latest_writer *w, unsigned i)
{
	char text[64];
	return bc_latest_add(w, 2 * i, bc_str_of(name(text, i, "book")), MAX) == BC_OK &&
	       bc_latest_add(w, 2 * i + 1, bc_str_of(name(text, i, "state")), 100) == BC_OK;
}

/* Message n of topic i is message n * TOPICS + i of all, so that one of another topic is known. */
static bool read_one(struct bc_latest_map *map, unsigned i, uint64_t *payload, uint64_t *last)
{
	struct bc_latest_found found;
	char text[64];
	bc_status rc = latest_read(map, name(text, i, "book"), payload, &found);
	if (rc == BC_ENOTFOUND || rc == BC_EAGAIN) {
		atomic_fetch_add_explicit(rc == BC_EAGAIN ? &busy : &not_there, 1,
					  memory_order_relaxed);
		return true;
	}
	bool good = rc == BC_OK && latest_whole(&found, payload, MAX) && found.seq % TOPICS == i &&
		    found.seq >= *last &&
		    (!found.has_symbol || found.symbol.since.ns / 11 % TOPICS == i);
	atomic_fetch_add_explicit(&whole, good, memory_order_relaxed);
	if (!good)
		fprintf(stderr, "%s: status %d, message %llu after %llu\n", text, rc,
			(unsigned long long)found.seq, (unsigned long long)*last);
	else
		*last = found.seq;
	return good;
}

static void *reader(void *unused)
{
	static _Thread_local uint64_t payload[BC_LATEST_MAX_PAYLOAD / 8 + 1];
	uint64_t last[TOPICS] = { 0 };
	struct bc_latest_map map;
	bool good = true, open = false;
	while (good && !atomic_load_explicit(&over, memory_order_relaxed)) {
		if (open && bc_latest_pulse(&map).status != BC_LATEST_LIVE) {
			bc_latest_close(&map);
			open = false;
		}
		if (!open && (open = bc_latest_open(&map, rig.path, getuid()) == BC_OK) == false)
			continue;
		for (unsigned i = 0; i < TOPICS && good; i++)
			good = read_one(&map, i, payload, &last[i]);
	}
	if (open)
		bc_latest_close(&map);
	return good ? unused : &over;
}

/* Two symbols go, and come again in each other's places. */
static bool swap(bool first)
{
	for (unsigned number = 0; number < 4; number++)
		bc_latest_remove(rig.writer, number);
	return add(rig.writer, first ? 0 : 1) && add(rig.writer, first ? 1 : 0);
}

static bool write_all(void)
{
	bool good = true;
	char text[64];
	for (uint64_t n = 1; n <= ROUNDS && good; n++) {
		for (unsigned i = 0; i < TOPICS; i++) {
			latest_put(rig.writer, 2 * i, BC_CHANNEL_BOOK, n * TOPICS + i, MAX);
			latest_put(rig.writer, 2 * i + 1, BC_CHANNEL_STATE, n * TOPICS + i, 100);
		}
		if (n % 20 == 0)
			good = swap(n % 40 == 0);
		if (n % 100 == 0) /* it grows */
			good = good && bc_latest_add(rig.writer, (uint32_t)(100 + n),
						     bc_str_of(name(text, (unsigned)n, "bbo")),
						     2000) == BC_OK;
		bc_latest_beat(rig.writer, bc_boot_now());
	}
	return good;
}

int main(void)
{
	pthread_t threads[READERS];
	void *result;
	bool good = latest_rig_open(&rig, 0);
	for (unsigned i = 0; good && i < TOPICS; i++)
		good = add(rig.writer, i);
	for (int i = 0; good && i < READERS; i++)
		good = pthread_create(&threads[i], NULL, reader, NULL) == 0;
	if (!good)
		return 1;
	good = write_all();
	atomic_store(&over, true);
	for (int i = 0; i < READERS; i++) {
		pthread_join(threads[i], &result);
		good = good && result == NULL;
	}
	printf("%llu whole, %llu not there, %llu busy, %llu files\n", whole, not_there, busy,
	       (unsigned long long)bc_latest_stats(rig.writer)->generations);
	good = good && whole > 1000 && bc_latest_stats(rig.writer)->generations > 2;
	latest_rig_close(&rig);
	return good ? 0 : 1;
}
