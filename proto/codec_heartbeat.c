/* codec_heartbeat.c - [instance, shard_index, shard_count, pid, version, started, interval_ns,
 * [endpoint...], symbols_version, {counter: value}] */
#include "proto/codec_body.h"

static bool heartbeat_ok(const struct bc_heartbeat *h)
{
	bool ok = h->n_endpoints <= BC_MAX_ENDPOINTS && h->n_counters <= BC_MAX_COUNTERS &&
		  h->shard_count > 0 && h->shard_index < h->shard_count &&
		  bc_wall_known(h->started) && h->interval_ns > 0 && bc_string_ok(h->instance) &&
		  bc_string_ok(h->version);
	for (uint32_t i = 0; ok && i < h->n_endpoints; i++)
		ok = bc_string_ok(h->endpoints[i]);
	for (uint32_t i = 0; ok && i < h->n_counters; i++)
		ok = bc_string_ok(h->counters[i].name);
	return ok;
}

static bc_status encode_heartbeat(struct bc_packer *k, const struct bc_message *m)
{
	const struct bc_heartbeat *h = &m->body.heartbeat;
	if (!heartbeat_ok(h))
		return BC_EINVAL;
	bc_pack_array(k, 10);
	bc_pack_string(k, h->instance);
	bc_pack_uint(k, h->shard_index);
	bc_pack_uint(k, h->shard_count);
	bc_pack_uint(k, h->pid);
	bc_pack_string(k, h->version);
	bc_pack_wall(k, h->started);
	bc_pack_int(k, h->interval_ns);
	bc_pack_array(k, h->n_endpoints);
	for (uint32_t i = 0; i < h->n_endpoints; i++)
		bc_pack_string(k, h->endpoints[i]);
	bc_pack_uint(k, h->symbols_version);
	bc_pack_map(k, h->n_counters);
	for (uint32_t i = 0; i < h->n_counters; i++) {
		bc_pack_string(k, h->counters[i].name);
		bc_pack_uint(k, h->counters[i].value);
	}
	return BC_OK;
}

static void decode_endpoints(struct bc_unpacker *u, struct bc_heartbeat *h)
{
	uint32_t n = bc_unpack_array(u, 0);
	h->n_endpoints = n < BC_MAX_ENDPOINTS ? n : BC_MAX_ENDPOINTS;
	for (uint32_t i = 0; i < h->n_endpoints; i++)
		h->endpoints[i] = bc_unpack_string(u);
	bc_unpack_skip(u, n - h->n_endpoints);
}

static void decode_counters(struct bc_unpacker *u, struct bc_heartbeat *h)
{
	uint32_t n = bc_unpack_map(u);
	h->n_counters = n < BC_MAX_COUNTERS ? n : BC_MAX_COUNTERS;
	for (uint32_t i = 0; i < h->n_counters; i++) {
		h->counters[i].name = bc_unpack_string(u);
		h->counters[i].value = bc_unpack_uint(u, UINT64_MAX);
	}
	bc_unpack_skip(u, 2 * (uint64_t)(n - h->n_counters));
}

static void decode_heartbeat(struct bc_unpacker *u, struct bc_message *m, struct bc_level_room room)
{
	(void)room;
	struct bc_heartbeat *h = &m->body.heartbeat;
	uint32_t n = bc_unpack_array(u, 10);
	h->instance = bc_unpack_string(u);
	h->shard_index = (uint32_t)bc_unpack_uint(u, UINT32_MAX);
	h->shard_count = (uint32_t)bc_unpack_uint(u, UINT32_MAX);
	h->pid = (uint32_t)bc_unpack_uint(u, UINT32_MAX);
	h->version = bc_unpack_string(u);
	h->started = bc_unpack_wall(u);
	h->interval_ns = bc_unpack_int(u);
	decode_endpoints(u, h);
	h->symbols_version = bc_unpack_uint(u, UINT64_MAX);
	decode_counters(u, h);
	if (n > 10)
		bc_unpack_skip(u, n - 10);
	if (h->shard_index >= h->shard_count || h->interval_ns <= 0)
		bc_unpack_fail(u, BC_ERANGE);
}

const struct bc_body_codec bc_codec_heartbeat = { encode_heartbeat, decode_heartbeat };
