/* A file of the latest messages that says anything: a reader opens it or not, finds or not, and
 * reads nothing beyond it. The memory ends at a page that must not be touched. */
#include "common/latest.h"
#include "tests/support/guard_page.h"

#define MOST 8192

/* What the fuzzer would hardly guess: magic, version, size and boot are put right, the rest of the
 * header is taken modulo the size, unless the first byte says to leave it as it is. */
static void mend(unsigned char *bytes, size_t n, bool all)
{
	struct bc_latest_header h;
	memcpy(&h, bytes, sizeof h);
	memcpy(h.magic, BC_LATEST_MAGIC, sizeof h.magic);
	h.version = BC_LATEST_VERSION;
	h.file_bytes = n;
	bc_latest_boot(h.boot);
	if (all) {
		uint64_t after = n - sizeof h;
		h.slots_at = sizeof h;
		h.n_index = UINT64_C(1) << (h.n_index % 6);
		h.slots_end = h.index_at =
			h.n_index * 8 <= after ? (n - h.n_index * 8) / 8 * 8 : sizeof h;
	}
	memcpy(bytes, &h, sizeof h);
}

/* The index leads to the first slot for this topic, so that slots are looked at. */
static void lead(unsigned char *bytes, const struct bc_latest_header *h, bc_str topic)
{
	uint64_t hash = bc_latest_hash(topic), place = (hash >> 32) << 32 | h->slots_at / 64;
	memcpy(bytes + h->index_at + (hash & (h->n_index - 1)) * 8, &place, 8);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint64_t payload[BC_LATEST_MAX_PAYLOAD / 8 + 1];
	static const char *const topics[] = { "a.b.book", "upbit.KRW-BTC.book", "x.y.state" };
	struct bc_latest_map map;
	struct bc_latest_found found;
	static struct guard_page guard;
	if (guard.map == NULL)
		guard_page_open(&guard, MOST);
	size_t n = size < 1 ? 0 : (size - 1) / 64 * 64;
	if (n < sizeof(struct bc_latest_header) + 64 || n > MOST)
		return 0;
	unsigned char *bytes = (unsigned char *)guard_page_put(&guard, data + 1, n);
	const struct bc_latest_header *h = (const void *)bytes;
	mend(bytes, n, data[0] & 1);
	if ((data[0] & 3) == 3 && h->index_at + h->n_index * 8 <= n)
		for (size_t i = 0; i < sizeof topics / sizeof *topics; i++)
			lead(bytes, h, bc_str_of(topics[i]));
	if (bc_latest_attach(&map, bytes, n) == BC_OK) {
		for (size_t i = 0; i < sizeof topics / sizeof *topics; i++) {
			bc_str topic = bc_str_of(topics[i]);
			if (bc_latest_read(&map, topic, bc_latest_hash(topic), payload,
					   BC_LATEST_MAX_PAYLOAD, &found) == BC_OK &&
			    found.n_payload > n)
				abort();
		}
		struct bc_latest_pulse pulse = bc_latest_pulse(&map);
		bc_latest_gone(&pulse, (bc_mono_time){ 1 });
		bc_latest_close(&map);
	}
	return 0;
}
