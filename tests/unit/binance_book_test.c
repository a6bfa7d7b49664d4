/* The simulated Binance books: snapshots by REST and changes by stream share one numbering, and who
 * joins them by the exchange's rule holds the true book at every id. */
#include "publisher/simulator/binance.h"
#include "tests/support/sim_face_rig.h"

#include <jansson.h>

static const struct sim_face *const faces[] = { &sim_face_binance_spot, &sim_face_binance_usdm };

#define N_FACES 2

static const char *depth_path(const struct rig *r)
{
	return r->face == &sim_face_binance_spot ? "/api/v3/depth?symbol=BTCUSDT&limit="
						 : "/fapi/v1/depth?symbol=BTCUSDT&limit=";
}

static const char *stream_path(const struct rig *r)
{
	return r->face == &sim_face_binance_spot ? "/stream?streams=btcusdt@depth@100ms"
						 : "/public/stream?streams=btcusdt@depth@100ms";
}

/* A book of raw prices and quantities, as a client keeps it. */
struct book {
	int64_t price[2][16384], quantity[2][16384];
	size_t n[2];
	uint64_t id;
};

static int64_t mantissa(const json_t *text, int32_t exponent)
{
	bc_decimal d;
	int64_t out;

	cr_assert_eq(bc_decimal_parse(json_string_value(text), json_string_length(text), &d),
		     BC_OK);
	cr_assert_eq(bc_decimal_at(d, exponent, &out), BC_OK, "%s", json_string_value(text));
	return out;
}

static void set(struct book *b, int side, int64_t price, int64_t quantity)
{
	size_t i = 0;

	while (i < b->n[side] && b->price[side][i] != price)
		i++;
	if (i == b->n[side]) {
		if (quantity == 0)
			return; /* deleting what is not there is normal */
		cr_assert_lt(b->n[side], 16384);
		b->n[side]++;
	}
	b->price[side][i] = price;
	b->quantity[side][i] = quantity;
	if (quantity == 0) {
		b->n[side]--;
		b->price[side][i] = b->price[side][b->n[side]];
		b->quantity[side][i] = b->quantity[side][b->n[side]];
	}
}

static void apply(struct book *b, const struct market_spec *spec, const json_t *bids,
		  const json_t *asks)
{
	const json_t *lists[] = { bids, asks }, *level;
	size_t i;

	for (int side = 0; side < 2; side++) {
		cr_assert(json_is_array(lists[side]));
		json_array_foreach(lists[side], i, level)
			set(b, side, mantissa(json_array_get(level, 0), spec->price_exp),
			    mantissa(json_array_get(level, 1), spec->qty_exp));
	}
}

static int64_t held(const struct book *b, int side, int64_t price)
{
	for (size_t i = 0; i < b->n[side]; i++)
		if (b->price[side][i] == price)
			return b->quantity[side][i];
	return 0;
}

/* The book equals the market's, as far as its snapshot vouched. */
static void compare(const struct book *b, const struct market *m, const int64_t edge[2])
{
	for (int side = 0; side < 2; side++) {
		size_t inside = 0, mine = 0;

		for (size_t k = 0; k < market_depth(m, 0, (enum market_side)side); k++) {
			int64_t price, quantity;

			market_raw_level(m, 0, (enum market_side)side, k, &price, &quantity);
			if (side == 0 ? price < edge[0] : price > edge[1])
				break;
			inside++;
			cr_assert_eq(held(b, side, price), quantity, "side %d level %zu", side, k);
		}
		for (size_t i = 0; i < b->n[side]; i++)
			mine += side == 0 ? b->price[0][i] >= edge[0] : b->price[1][i] <= edge[1];
		cr_assert_eq(mine, inside, "side %d: levels that are not there", side);
	}
}

static json_t *get_depth(struct rig *r, int limit)
{
	char target[128];
	char *body;
	json_t *root;
	int status;

	snprintf(target, sizeof target, "%s%d", depth_path(r), limit);
	body = rig_get(r, target, &status, NULL, 0);
	cr_assert_eq(status, 200, "%s", body);
	root = json_loads(body, 0, NULL);
	cr_assert_not_null(root);
	free(body);
	return root;
}

static uint64_t number(const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	cr_assert(json_is_integer(value), "%s", key);
	return (uint64_t)json_integer_value(value);
}

/* Loads a snapshot; its last prices are the edge. */
static void load(struct book *b, const struct market_spec *spec, const json_t *root, int limit,
		 int64_t edge[2])
{
	static const char *const keys[] = { "bids", "asks" };

	b->n[0] = b->n[1] = 0;
	b->id = number(root, "lastUpdateId");
	apply(b, spec, json_object_get(root, "bids"), json_object_get(root, "asks"));
	for (int side = 0; side < 2; side++) {
		const json_t *list = json_object_get(root, keys[side]);
		size_t n = json_array_size(list);

		edge[side] = n < (size_t)limit
				     ? (side == 0 ? 0 : INT64_MAX)
				     : mantissa(json_array_get(json_array_get(list, n - 1), 0),
						spec->price_exp);
	}
}

/* What a client does with the event, by the rules of docs/exchanges/. True: it was applied. */
static bool follow(struct book *b, const struct rig *r, const json_t *event, bool *joined)
{
	uint64_t first = number(event, "U"), last = number(event, "u");
	bool usdm = r->face == &sim_face_binance_usdm;

	cr_assert_leq(first, last);
	if (usdm ? last < b->id : last <= b->id)
		return false;
	if (usdm && *joined)
		cr_assert_eq(number(event, "pu"), b->id);
	else if (usdm)
		cr_assert((first <= b->id && b->id <= last) || number(event, "pu") == b->id,
			  "%llu not in %llu..%llu", (unsigned long long)b->id,
			  (unsigned long long)first, (unsigned long long)last);
	else if (*joined)
		cr_assert_eq(first, b->id + 1);
	else
		cr_assert(first <= b->id + 1 && b->id + 1 <= last);
	*joined = true;
	apply(b, market_spec(r->market, 0), json_object_get(event, "b"),
	      json_object_get(event, "a"));
	b->id = last;
	return true;
}

/* Takes a snapshot at any moment between two slots and follows the stream for a while. */
static size_t join_and_follow(struct rig *r, struct book *b, int limit, int64_t snapshot_at_ms)
{
	int64_t edge[2] = { 0, 0 };
	bool loaded = false, joined = false;
	size_t applied = 0;

	cr_assert_eq(rig_open(r, stream_path(r)), 101);
	for (int64_t ms = 0; ms < 1500; ms += 5) {
		rig_step(r, 5, false);
		if (ms == snapshot_at_ms) {
			json_t *root = get_depth(r, limit);

			load(b, market_spec(r->market, 0), root, limit, edge);
			compare(b, r->market, edge);
			json_decref(root);
			loaded = true;
		}
		for (size_t i = 0; loaded && i < r->n; i++) {
			json_t *frame = json_loads(r->frames[i], 0, NULL);

			if (follow(b, r, json_object_get(frame, "data"), &joined))
				applied++;
			json_decref(frame);
		}
		if (loaded)
			rig_forget(r);
		if (joined && b->id == r->face->book_id(r->market, 0))
			compare(b, r->market, edge);
	}
	return applied;
}

Test(binance_book, a_snapshot_at_any_moment_joins_the_stream)
{
	struct book *b = calloc(1, sizeof *b);

	for (size_t f = 0; f < N_FACES; f++)
		for (int64_t at = 300; at < 420; at += 15) {
			struct rig *r = rig_new(faces[f], 4, 2000, 300, 1);
			size_t applied = join_and_follow(r, b, at % 2 == 0 ? 100 : 500, at);

			cr_expect_gt(applied, 9, "%s: %zu events", faces[f]->name, applied);
			cr_expect_eq(r->close_code, 0);
			rig_free(r);
		}
	free(b);
}

Test(binance_book, ids_have_holes_only_where_the_exchange_has_them)
{
	for (size_t f = 0; f < N_FACES; f++) {
		struct rig *r = rig_new(faces[f], 2, 2000, 100, 0);
		uint64_t last = 0;
		size_t holes = 0, events = 0;

		cr_assert_eq(rig_open(r, stream_path(r)), 101);
		rig_pass(r, 3000, 5);
		for (size_t i = 0; i < r->n; i++) {
			json_t *frame = json_loads(r->frames[i], 0, NULL);
			const json_t *event = json_object_get(frame, "data");

			if (last != 0) {
				events++;
				holes += number(event, "U") > last + 1;
				cr_expect_gt(number(event, "U"), last);
			}
			last = number(event, "u");
			json_decref(frame);
		}
		cr_expect_geq(events, 28);
		if (f == 0)
			cr_expect_eq(holes, 0, "spot counts without holes");
		else
			cr_expect_gt(holes, events / 2, "%zu holes in %zu", holes, events);
		rig_free(r);
	}
}

Test(binance_book, two_connections_and_the_truth_count_alike)
{
	for (size_t f = 0; f < N_FACES; f++) {
		struct rig *r = rig_new(faces[f], 2, 500, 100, 0);
		char *first, *second;

		cr_assert_eq(rig_open(r, stream_path(r)), 101);
		rig_pass(r, 1000, 5);
		cr_assert_eq(rig_open(r, stream_path(r)), 101); /* the old one is gone */
		rig_pass(r, 200, 5);
		rig_forget(r);
		rig_pass(r, 200, 5);
		second = rig_get(r,
				 f == 0 ? "/api/v3/depth?symbol=BTCUSDT"
					: "/fapi/v1/depth?symbol=BTCUSDT",
				 NULL, NULL, 0);
		r->face->tick(r->session, &r->world, true, &r->sink);
		first = strstr(r->frames[r->n - 1], "\"u\":");
		cr_assert_not_null(first);
		cr_expect_eq(strtoull(first + 4, NULL, 10), r->face->book_id(r->market, 0));
		cr_expect_eq(strtoull(second + strlen("{\"lastUpdateId\":"), NULL, 10),
			     r->face->book_id(r->market, 0));
		free(second);
		rig_free(r);
	}
}

Test(binance_book, an_old_snapshot_is_the_book_as_it_was)
{
	struct book *b = calloc(1, sizeof *b);

	for (size_t f = 0; f < N_FACES; f++) {
		struct rig *r = rig_new(faces[f], 2, 2000, 600, 5);
		int64_t edge[2], old_edge[2];
		json_t *then, *late;
		uint64_t seq;

		rig_open(r, stream_path(r));
		then = get_depth(r, 500);
		seq = market_seq(r->market, 0);
		rig_pass(r, 2000, 5);
		cr_assert_gt(market_seq(r->market, 0), seq + 500);
		r->old = (struct sim_old_snapshots){ .n = 1,
						     .changes = market_seq(r->market, 0) - seq };
		strcpy(r->old.symbol, "BTCUSDT");
		late = get_depth(r, 500);
		cr_expect(json_equal(json_object_get(then, "bids"), json_object_get(late, "bids")));
		cr_expect(json_equal(json_object_get(then, "asks"), json_object_get(late, "asks")));
		cr_expect_eq(number(then, "lastUpdateId"), number(late, "lastUpdateId"));
		json_decref(late);
		late = get_depth(r, 500); /* only one was asked for */
		load(b, market_spec(r->market, 0), late, 500, edge);
		compare(b, r->market, edge);
		load(b, market_spec(r->market, 0), then, 500, old_edge);
		cr_expect_neq(edge[0], old_edge[0]);
		json_decref(late);
		json_decref(then);
		rig_free(r);
	}
	free(b);
}

Test(binance_book, the_price_walks_out_of_a_snapshot)
{
	static const struct {
		int limit;
		double walk;
		int64_t within_s;
	} rows[] = { { 100, 1, 120 }, { 1000, 10, 120 } };

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct rig *r = rig_new(&sim_face_binance_spot, 1, 50, 0, rows[i].walk);
		int64_t low, high, s = 0, quantity, bid, ask;

		cr_assert_geq(market_depth(r->market, 0, MARKET_BID), 2000, "deeper than REST");
		market_raw_level(r->market, 0, MARKET_BID, (size_t)rows[i].limit - 1, &low,
				 &quantity);
		market_raw_level(r->market, 0, MARKET_ASK, (size_t)rows[i].limit - 1, &high,
				 &quantity);
		do {
			r->world.now.ns += BC_NS_PER_S;
			market_advance(r->market, r->world.now);
			market_raw_level(r->market, 0, MARKET_BID, 0, &bid, &quantity);
			market_raw_level(r->market, 0, MARKET_ASK, 0, &ask, &quantity);
		} while (bid > low && ask < high && ++s < rows[i].within_s);
		cr_expect_lt(s, rows[i].within_s, "still inside %d levels", rows[i].limit);
		cr_expect_gt(s, 2, "gone at once");
		rig_free(r);
	}
}

Test(binance_book, a_stream_says_nothing_of_what_is_forgotten)
{
	struct rig *r = rig_new(&sim_face_binance_spot, 1, 16000, 50, 0);

	cr_assert_eq(rig_open(r, stream_path(r)), 101);
	rig_pass(r, 1000, 1000); /* more changes in one slot than the market remembers */
	cr_expect_gt(market_seq(r->market, 0), MARKET_JOURNAL + 200);
	cr_expect_eq(r->n, 0, "half a story was told");
	rig_pass(r, 200, 5);
	cr_expect_geq(r->n, 1, "it goes on, with a gap in its numbers");
	rig_free(r);
}
