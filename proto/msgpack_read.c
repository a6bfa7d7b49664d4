#include "proto/msgpack_read.h"

enum type { BAD, NIL, BOOLEAN, POSITIVE, NEGATIVE, STRING, BYTES, FLOAT, ARRAY, MAP };

/* What a value begins with: its type and its number, boolean, or count of bytes or elements. */
struct head {
	enum type type;
	uint64_t value; /* NEGATIVE: two's complement */
};

/* What follows a tag: n_bytes of number or count (0: none), to which `fixed` is added. */
struct form {
	uint8_t type; /* enum type */
	uint8_t n_bytes;
	uint8_t fixed;
	bool is_signed;
};

/* The tags 0xc0 to 0xdf. An extension's type byte is counted with its bytes. */
static const struct form forms[32] = {
	[0x00] = { NIL, 0, 0, false },      [0x01] = { BAD, 0, 0, false },
	[0x02] = { BOOLEAN, 0, 0, false },  [0x03] = { BOOLEAN, 0, 1, false },
	[0x04] = { BYTES, 1, 0, false },    [0x05] = { BYTES, 2, 0, false },
	[0x06] = { BYTES, 4, 0, false },    [0x07] = { BYTES, 1, 1, false },
	[0x08] = { BYTES, 2, 1, false },    [0x09] = { BYTES, 4, 1, false },
	[0x0a] = { FLOAT, 0, 4, false },    [0x0b] = { FLOAT, 0, 8, false },
	[0x0c] = { POSITIVE, 1, 0, false }, [0x0d] = { POSITIVE, 2, 0, false },
	[0x0e] = { POSITIVE, 4, 0, false }, [0x0f] = { POSITIVE, 8, 0, false },
	[0x10] = { POSITIVE, 1, 0, true },  [0x11] = { POSITIVE, 2, 0, true },
	[0x12] = { POSITIVE, 4, 0, true },  [0x13] = { POSITIVE, 8, 0, true },
	[0x14] = { BYTES, 0, 2, false },    [0x15] = { BYTES, 0, 3, false },
	[0x16] = { BYTES, 0, 5, false },    [0x17] = { BYTES, 0, 9, false },
	[0x18] = { BYTES, 0, 17, false },   [0x19] = { STRING, 1, 0, false },
	[0x1a] = { STRING, 2, 0, false },   [0x1b] = { STRING, 4, 0, false },
	[0x1c] = { ARRAY, 2, 0, false },    [0x1d] = { ARRAY, 4, 0, false },
	[0x1e] = { MAP, 2, 0, false },      [0x1f] = { MAP, 4, 0, false },
};

void bc_unpack_fail(struct bc_unpacker *u, bc_status why)
{
	if (u->status == BC_OK)
		u->status = why;
	u->p = u->end;
}

static size_t left(const struct bc_unpacker *u)
{
	return (size_t)(u->end - u->p);
}

static struct head bad(struct bc_unpacker *u)
{
	bc_unpack_fail(u, BC_EPARSE);
	return (struct head){ BAD, 0 };
}

/* n_bytes of a big-endian number at the cursor; n_bytes is 1, 2, 4 or 8 and there. */
static uint64_t big_endian(const uint8_t *p, unsigned n_bytes)
{
	uint64_t value = 0;
	for (unsigned i = 0; i < n_bytes; i++)
		value = value << 8 | p[i];
	return value;
}

static struct head tagged(struct bc_unpacker *u, struct form form)
{
	struct head h = { (enum type)form.type, form.fixed };
	if (form.n_bytes == 0)
		return h;
	if (left(u) < form.n_bytes)
		return bad(u);
	h.value += big_endian(u->p, form.n_bytes);
	u->p += form.n_bytes;
	if (form.is_signed) {
		unsigned unused = 64 - 8u * form.n_bytes;
		int64_t value = (int64_t)(h.value << unused) >> unused;
		h.type = value < 0 ? NEGATIVE : POSITIVE;
		h.value = (uint64_t)value;
	}
	return h;
}

static struct head next(struct bc_unpacker *u)
{
	if (left(u) == 0)
		return bad(u);
	uint8_t tag = *u->p++;
	if (tag < 0x80)
		return (struct head){ POSITIVE, tag };
	if (tag < 0x90)
		return (struct head){ MAP, tag & 0x0f };
	if (tag < 0xa0)
		return (struct head){ ARRAY, tag & 0x0f };
	if (tag < 0xc0)
		return (struct head){ STRING, tag & 0x1f };
	if (tag >= 0xe0)
		return (struct head){ NEGATIVE, (uint64_t)(int64_t)(int8_t)tag };
	struct form form = forms[tag - 0xc0];
	return form.type == BAD ? bad(u) : tagged(u, form);
}

bool bc_unpack_is_nil(struct bc_unpacker *u)
{
	if (left(u) == 0 || *u->p != 0xc0)
		return false;
	u->p++;
	return true;
}

bool bc_unpack_is_array(const struct bc_unpacker *u)
{
	return left(u) > 0 && ((*u->p & 0xf0) == 0x90 || *u->p == 0xdc || *u->p == 0xdd);
}

uint64_t bc_unpack_any_uint(struct bc_unpacker *u, uint64_t max)
{
	struct head h = next(u);
	if (h.type == POSITIVE && h.value <= max)
		return h.value;
	bc_unpack_fail(u, h.type == POSITIVE || h.type == NEGATIVE ? BC_ERANGE : BC_EPARSE);
	return 0;
}

int64_t bc_unpack_any_int(struct bc_unpacker *u)
{
	struct head h = next(u);
	if (h.type == POSITIVE && h.value <= INT64_MAX)
		return (int64_t)h.value;
	if (h.type == NEGATIVE && (int64_t)h.value != INT64_MIN)
		return (int64_t)h.value;
	bc_unpack_fail(u, h.type == POSITIVE || h.type == NEGATIVE ? BC_ERANGE : BC_EPARSE);
	return 0;
}

bool bc_unpack_bool(struct bc_unpacker *u)
{
	struct head h = next(u);
	if (h.type != BOOLEAN)
		bc_unpack_fail(u, BC_EPARSE);
	return h.type == BOOLEAN && h.value != 0;
}

bc_str bc_unpack_string(struct bc_unpacker *u)
{
	struct head h = next(u);
	if (h.type != STRING || h.value > left(u) || !bc_utf8_valid((const char *)u->p, h.value)) {
		bc_unpack_fail(u, BC_EPARSE);
		return BC_STR("");
	}
	bc_str text = { (const char *)u->p, h.value };
	u->p += text.n;
	return text;
}

uint32_t bc_unpack_any_array(struct bc_unpacker *u, uint32_t min)
{
	struct head h = next(u);
	if (h.type != ARRAY || h.value > left(u) || h.value < min) {
		bc_unpack_fail(u, BC_EPARSE);
		return 0;
	}
	return (uint32_t)h.value;
}

uint32_t bc_unpack_map(struct bc_unpacker *u)
{
	struct head h = next(u);
	if (h.type != MAP || h.value > left(u) / 2) {
		bc_unpack_fail(u, BC_EPARSE);
		return 0;
	}
	return (uint32_t)h.value;
}

void bc_unpack_skip(struct bc_unpacker *u, uint64_t n)
{
	/* n is how many values are still to come, those inside of others included. */
	while (n > 0 && u->status == BC_OK) {
		uint64_t body = 0;
		struct head h = next(u);
		n--;
		if (h.type == STRING || h.type == BYTES || h.type == FLOAT)
			body = h.value;
		else if (h.type == ARRAY)
			n += h.value;
		else if (h.type == MAP)
			n += 2 * h.value;
		if (body > left(u) || n > left(u) - body) {
			bc_unpack_fail(u, BC_EPARSE);
			return;
		}
		u->p += body;
	}
}
