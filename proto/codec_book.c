/* codec_book.c - book and bbo: [price_exp, qty_exp, bids, asks], sides flat: p0, q0, p1, q1, ... */
#include "proto/codec_body.h"
#include "proto/codec_levels.h"

struct scales {
	int32_t price, quantity; /* exponents */
};

#define N_TRIED   4                         /* levels, half of them of each side */
#define LEVEL_MAX (2 * BC_PACK_ELEMENT_MAX) /* bytes */

static struct scales see_levels(struct scales s, const bc_level *levels, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		s.price = bc_scale_see(s.price, levels[i].price);
		s.quantity = bc_scale_see(s.quantity, levels[i].quantity);
	}
	return s;
}

#define MOST_DOWN 15u /* digits of the usual kind to scale by; all numbers below it are, too */

/* A mantissa at an exponent that is `down` digits finer. false: it does not fit. */
static inline bool lowered(int64_t mantissa, uint32_t down, uint64_t *value)
{
	int64_t product;
	bool fits = !__builtin_mul_overflow(mantissa, (int64_t)bc_power_of_ten[down], &product);
	*value = (uint64_t)product;
	return fits;
}

/* false, and nothing is written: one of the two is not of the usual kind. */
static inline bool put_level(uint8_t **p, const bc_level *level, struct scales s)
{
	uint32_t price_down = (uint32_t)level->price.exponent - (uint32_t)s.price;
	uint32_t quantity_down = (uint32_t)level->quantity.exponent - (uint32_t)s.quantity;
	uint64_t price, quantity;
	if ((price_down | quantity_down) > MOST_DOWN ||
	    !lowered(level->price.mantissa, price_down, &price) ||
	    !lowered(level->quantity.mantissa, quantity_down, &quantity))
		return false;
	if (bc_put_is_usual(price) && bc_put_is_usual(quantity)) {
		*p = bc_put_usual_pair(*p, (uint32_t)price, (uint32_t)quantity);
		return true;
	}
	if ((int64_t)(price | quantity) < 0)
		return false;
	*p = bc_put_uint(bc_put_uint(*p, price), quantity);
	return true;
}

/* Levels at these exponents already, as those of an order book are: nothing to scale. */
static inline const bc_level *put_ready(uint8_t **out, const bc_level *level, const bc_level *end,
					struct scales s)
{
	uint8_t *p = *out;
	for (; level < end; level++) {
		uint64_t price = (uint64_t)level->price.mantissa;
		uint64_t quantity = (uint64_t)level->quantity.mantissa;
		if (level->price.exponent != s.price || level->quantity.exponent != s.quantity)
			break;
		if (bc_put_is_usual(price) && bc_put_is_usual(quantity)) {
			p = bc_put_usual_pair(p, (uint32_t)price, (uint32_t)quantity);
			continue;
		}
		if ((int64_t)(price | quantity) < 0)
			break;
		p = bc_put_uint(bc_put_uint(p, price), quantity);
	}
	*out = p;
	return level;
}

/* Levels as long as they are of the usual kind; returns how many. This is the loop a gateway
 * spends its encoding in. Room for a longest level, n times, must be known. */
static uint32_t encode_usual(struct bc_packer *k, const bc_level *levels, uint32_t n,
			     struct scales s)
{
	const bc_level *const end = levels + n;
	uint8_t *p = k->p;
	const bc_level *level = put_ready(&p, levels, end, s);
	while (level < end && put_level(&p, level, s))
		level++;
	k->p = p;
	return (uint32_t)(level - levels);
}

/* Are prices and quantities of the level whole at these exponents? */
static bool whole_at(struct scales s, const bc_level *level)
{
	struct scales seen = see_levels(s, level, 1);
	return seen.price == s.price && seen.quantity == s.quantity;
}

static bool encode_value(struct bc_packer *k, bc_decimal d, int32_t exponent)
{
	int64_t value;
	if (!bc_scaled_value(d, exponent, &value) || value < 0)
		return bc_pack_scaled(k, d, exponent);
	bc_pack_int(k, value);
	return true;
}

enum outcome {
	WRITTEN,    /* or the packer is full */
	TOO_COARSE, /* a value is not whole at the exponents */
	REFUSED,
};

/* Any level, with all checks. */
static enum outcome encode_rare(struct bc_packer *k, const bc_level *level, struct scales s)
{
	if (!whole_at(s, level))
		return TOO_COARSE;
	if (!encode_value(k, level->price, s.price) ||
	    !encode_value(k, level->quantity, s.quantity))
		return REFUSED;
	return WRITTEN;
}

/* One side, of which some levels may be written already. */
static enum outcome encode_side(struct bc_packer *k, const bc_level *levels, uint32_t n,
				uint32_t n_written, struct scales s)
{
	if (n_written == 0)
		bc_pack_array(k, 2 * n);
	const bool roomy = k->end - k->p >= LEVEL_MAX * (ptrdiff_t)(n - n_written);
	for (uint32_t i = n_written; i < n && !k->full; i++) {
		if (roomy)
			i += encode_usual(k, levels + i, n - i, s);
		if (i == n)
			break;
		enum outcome outcome = encode_rare(k, &levels[i], s);
		if (outcome != WRITTEN)
			return outcome;
	}
	return WRITTEN;
}

static enum outcome encode_sides(struct bc_packer *k, const struct bc_book *book, struct scales s)
{
	const uint64_t n_levels = (uint64_t)book->n_bids + book->n_asks;
	uint32_t n_bids = 0, n_asks = 0; /* written */
	if (bc_sides_wide() && book->n_bids > 0 && book->n_asks > 0 &&
	    (size_t)(k->end - k->p) >= 2 * BC_PACK_HEAD_MAX + LEVEL_MAX * n_levels)
		k->p = bc_put_sides(k->p, book, s.price, s.quantity, &n_bids, &n_asks);
	if (n_bids == book->n_bids && n_asks == book->n_asks && n_asks > 0)
		return WRITTEN;
	enum outcome bids = encode_side(k, book->bids, book->n_bids, n_bids, s);
	return bids != WRITTEN ? bids : encode_side(k, book->asks, book->n_asks, n_asks, s);
}

static enum outcome encode_at(struct bc_packer *k, const struct bc_book *book, struct scales s)
{
	if (!bc_scale_end(s.price, &s.price) || !bc_scale_end(s.quantity, &s.quantity))
		return REFUSED;
	bc_pack_array(k, 4);
	bc_pack_exponent(k, s.price);
	bc_pack_exponent(k, s.quantity);
	return encode_sides(k, book, s);
}

/* Twice the exponent, and one more where the last digit is a zero: the least of some is that of a
 * value which needs the finest exponent, if there is one. */
static inline int64_t fineness(bc_decimal d)
{
	return 2 * (int64_t)d.exponent + (d.mantissa % 10 == 0);
}

static inline int64_t least(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* The exponents of the best levels are nearly always those of all: they are tried first, which
 * saves a pass over the book. They differ from level to level, so there is no branch on one. false:
 * look closely. */
static bool guess_scales(const struct bc_book *book, struct scales *s)
{
	const bc_level *const b = book->bids, *const a = book->asks;
	if (book->n_bids < N_TRIED / 2 || book->n_asks < N_TRIED / 2)
		return false;
	int64_t price = least(least(fineness(b[0].price), fineness(b[1].price)),
			      least(fineness(a[0].price), fineness(a[1].price)));
	int64_t quantity = least(least(fineness(b[0].quantity), fineness(b[1].quantity)),
				 least(fineness(a[0].quantity), fineness(a[1].quantity)));
	*s = (struct scales){ (int32_t)(price >> 1), (int32_t)(quantity >> 1) };
	return ((price | quantity) & 1) == 0;
}

/* The same, whatever they end in. */
static bool find_scales(const struct bc_book *book, uint32_t most, struct scales *s)
{
	*s = (struct scales){ BC_SCALE_START, BC_SCALE_START };
	*s = see_levels(*s, book->bids, book->n_bids < most ? book->n_bids : most);
	*s = see_levels(*s, book->asks, book->n_asks < most ? book->n_asks : most);
	return s->price != BC_SCALE_START && s->quantity != BC_SCALE_START;
}

static bc_status encode_book(struct bc_packer *k, const struct bc_message *m)
{
	const struct bc_book *book = &m->body.book;
	const struct bc_packer start = *k;
	enum outcome outcome = TOO_COARSE;
	struct scales s;
	if (book->n_bids > UINT32_MAX / 2 || book->n_asks > UINT32_MAX / 2)
		return BC_EINVAL;
	if (guess_scales(book, &s) || find_scales(book, N_TRIED / 2, &s))
		outcome = encode_at(k, book, s);
	if (outcome == TOO_COARSE) {
		*k = start;
		find_scales(book, UINT32_MAX, &s);
		outcome = encode_at(k, book, s);
	}
	return outcome == WRITTEN ? BC_OK : BC_EINVAL;
}

#define USUAL_LEVEL 10 /* bytes: two numbers of 32 bits, each behind its tag */

/* Is it one, then both are taken at once. */
static inline bool take_usual(const uint8_t *p, const uint8_t *end, int64_t *price,
			      int64_t *quantity)
{
	const uint8_t tag = 0xce;
	uint32_t value;
	if (end - p < USUAL_LEVEL || p[0] != tag || p[5] != tag)
		return false;
	memcpy(&value, p + 1, sizeof value);
	*price = be32toh(value);
	memcpy(&value, p + 6, sizeof value);
	*quantity = be32toh(value);
	return true;
}

/* Levels as long as they are of the common kind; returns how many. */
static uint32_t decode_common(struct bc_unpacker *u, bc_level *levels, uint32_t n,
			      int32_t price_exponent, int32_t quantity_exponent)
{
	const uint8_t *p = u->p, *const end = u->end;
	uint32_t i;
	if (price_exponent > BC_EXPONENT_CALM || quantity_exponent > BC_EXPONENT_CALM)
		return 0;
	for (i = 0; i < n; i++) {
		int64_t price, quantity;
		if (take_usual(p, end, &price, &quantity)) {
			p += USUAL_LEVEL;
		} else {
			const uint8_t *next = bc_take_common(p, end, &price);
			next = bc_take_common(next, end, &quantity);
			if ((price | quantity) < 0)
				break;
			p = next;
		}
		bc_level *level = &levels[i];
		level->price.mantissa = price;
		level->price.exponent = price_exponent;
		level->quantity.mantissa = quantity;
		level->quantity.exponent = quantity_exponent;
	}
	u->p = p;
	return i;
}

/* Reads one side to the start of the room; returns its number of levels. */
static uint32_t decode_side(struct bc_unpacker *u, struct bc_level_room room,
			    int32_t price_exponent, int32_t quantity_exponent)
{
	uint32_t n = bc_unpack_array(u, 0);
	if (n % 2 != 0)
		bc_unpack_fail(u, BC_EPARSE);
	n /= 2;
	if (n > room.max)
		bc_unpack_fail(u, BC_ERANGE);
	uint32_t common = decode_common(u, room.levels, n, price_exponent, quantity_exponent);
	for (uint32_t i = common; i < n && u->status == BC_OK; i++) {
		room.levels[i].price = bc_unpack_scaled(u, price_exponent);
		room.levels[i].quantity = bc_unpack_scaled(u, quantity_exponent);
	}
	return u->status == BC_OK ? n : 0;
}

static void decode_book(struct bc_unpacker *u, struct bc_message *m, struct bc_level_room room)
{
	struct bc_book *book = &m->body.book;
	uint32_t n = bc_unpack_array(u, 4);
	int32_t price = bc_unpack_exponent(u);
	int32_t quantity = bc_unpack_exponent(u);
	book->bids = room.levels;
	book->n_bids = decode_side(u, room, price, quantity);
	room.levels += book->n_bids;
	room.max -= book->n_bids;
	book->asks = room.levels;
	book->n_asks = decode_side(u, room, price, quantity);
	if (n > 4)
		bc_unpack_skip(u, n - 4);
}

const struct bc_body_codec bc_codec_book = { encode_book, decode_book };
