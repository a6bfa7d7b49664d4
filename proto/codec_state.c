/* codec_state.c - [previous] of a symbol, [previous, symbols_version, [symbol...]] of a gateway,
 * [previous, symbols_version, [symbol...], true] where the list is not whole yet. */
#include "proto/codec_body.h"

bc_status bc_list_encode(const bc_str *items, uint32_t n, uint8_t *out, size_t cap,
			 struct bc_list *list)
{
	struct bc_packer k = bc_packer_on(out, cap);
	for (uint32_t i = 0; i < n; i++) {
		if (!bc_string_ok(items[i]))
			return BC_EINVAL;
		bc_pack_string(&k, items[i]);
	}
	if (k.full)
		return BC_ERANGE;
	*list = (struct bc_list){ out, (size_t)(k.p - out), n };
	return BC_OK;
}

bool bc_list_next(const struct bc_list *list, size_t *offset, bc_str *item)
{
	if (*offset >= list->n_bytes)
		return false;
	struct bc_unpacker u = { list->bytes + *offset, list->bytes + list->n_bytes, BC_OK };
	*item = bc_unpack_string(&u);
	*offset = (size_t)(u.p - list->bytes);
	return u.status == BC_OK;
}

static bc_status encode_state(struct bc_packer *k, const struct bc_message *m)
{
	const struct bc_state_change *s = &m->body.state;
	bool of_gateway = s->symbols_version != 0;
	if ((unsigned)s->previous >= BC_N_STATES || (!of_gateway && s->symbols.n_items > 0))
		return BC_EINVAL;
	bc_pack_array(k, !of_gateway ? 1 : s->symbols_partial ? 4 : 3);
	bc_pack_uint(k, (unsigned)s->previous);
	if (of_gateway) {
		bc_pack_uint(k, s->symbols_version);
		bc_pack_array(k, s->symbols.n_items);
		bc_pack_raw(k, s->symbols.bytes, s->symbols.n_bytes);
		if (s->symbols_partial)
			bc_pack_bool(k, true);
	}
	return BC_OK;
}

static struct bc_list decode_list(struct bc_unpacker *u)
{
	struct bc_list list = { .n_items = bc_unpack_array(u, 0) };
	list.bytes = u->p;
	for (uint32_t i = 0; i < list.n_items && u->status == BC_OK; i++)
		bc_unpack_string(u);
	list.n_bytes = (size_t)(u->p - list.bytes);
	return list;
}

static void decode_state(struct bc_unpacker *u, struct bc_message *m, struct bc_level_room room)
{
	(void)room;
	struct bc_state_change *s = &m->body.state;
	uint32_t n = bc_unpack_array(u, 1);
	*s = (struct bc_state_change){ .previous = (enum bc_state)bc_unpack_enum(u) };
	if (n == 1)
		return;
	s->symbols_version = bc_unpack_uint(u, UINT64_MAX);
	if (s->symbols_version == 0) /* that is how a symbol's own state is told apart */
		bc_unpack_fail(u, BC_ERANGE);
	s->symbols = decode_list(u);
	if (n > 3)
		s->symbols_partial = bc_unpack_bool(u);
	if (n > 4)
		bc_unpack_skip(u, n - 4);
}

const struct bc_body_codec bc_codec_state = { encode_state, decode_state };
