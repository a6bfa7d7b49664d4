/* bench_order_book.c - ns per level update of the order book, beside a plain sorted array of levels
 * (best last, searched from the top, then binary) in the same run.
 *
 *   bench_order_book [rounds]
 *
 * 75 % of the updates set a level and 25 % delete one; their distance from the top is Pareto
 * distributed (alpha 0.9), one in eight uniform. The book takes decimals of mixed exponents as
 * an adapter gives them, 20 levels a change; "keys" is its array alone, fed integers as the plain
 * one. Every round runs every contender once; the table has the medians. The end sizes and the
 * tops seen under way must be the same. */
#include "common/order_book.h"
#include "common/order_side.h"

#include <math.h>
#include <stdio.h>
#include <time.h>

#define N_UPDATES  (1u << 19)
#define PER_CHANGE 20u
#define TOP        INT64_C(1000000)
#define MAX_ROUNDS 101

struct update {
	int64_t price, quantity;
};

static struct update updates[N_UPDATES];
static bc_level levels[N_UPDATES];
static uint64_t rng;

static uint64_t draw(void)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng;
}

static void generate(uint32_t n_levels)
{
	uint32_t span = n_levels * 4 / 3;
	rng = UINT64_C(88172645463325252);
	for (uint32_t i = 0; i < N_UPDATES; i++) {
		double u = (double)(draw() >> 11) / (double)(UINT64_C(1) << 53);
		double distance = pow(1 - u, -1 / 0.9) - 1;
		int64_t d = distance < span ? (int64_t)distance : -1;
		if (d < 0 || draw() % 8 == 0)
			d = (int64_t)(draw() % span);
		updates[i].price = TOP - d;
		updates[i].quantity = draw() % 4 == 0 ? 0 : (int64_t)(draw() % 100000 + 1);
		levels[i].price = bc_decimal_normal((bc_decimal){ updates[i].price, -2 });
		levels[i].quantity = bc_decimal_normal((bc_decimal){ updates[i].quantity, -5 });
	}
}

/* ------------------------------------------------------------------ contenders */

struct result {
	double ns;
	uint32_t n;
	int64_t tops;
};

static double now_ns(void)
{
	struct timespec t;
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

struct plain {
	struct update *a;
	uint32_t n;
};

static void plain_update(struct plain *s, int64_t price, int64_t quantity)
{
	uint32_t at = s->n, steps = 0;
	while (at > 0 && s->a[at - 1].price > price && steps++ < 16)
		at--;
	if (at > 0 && s->a[at - 1].price > price) {
		uint32_t low = 0;
		while (low < at) {
			uint32_t middle = (low + at) / 2;
			if (s->a[middle].price <= price)
				low = middle + 1;
			else
				at = middle;
		}
	}
	if (at > 0 && s->a[at - 1].price == price) {
		if (quantity != 0) {
			s->a[at - 1].quantity = quantity;
			return;
		}
		memmove(&s->a[at - 1], &s->a[at], (s->n - at) * sizeof *s->a);
		s->n--;
	} else if (quantity != 0) {
		memmove(&s->a[at + 1], &s->a[at], (s->n - at) * sizeof *s->a);
		s->a[at] = (struct update){ price, quantity };
		s->n++;
	}
}

static struct result run_plain(uint32_t n_levels)
{
	struct plain s = { malloc((n_levels * 2 + 64) * sizeof(struct update)), 0 };
	struct result r = { 0 };
	for (uint32_t i = n_levels * 4 / 3; i-- > 0;)
		if (i % 4 != 0)
			plain_update(&s, TOP - i, 5);
	double start = now_ns();
	for (uint32_t i = 0; i < N_UPDATES; i++) {
		plain_update(&s, updates[i].price, updates[i].quantity);
		if (i % PER_CHANGE == PER_CHANGE - 1)
			r.tops += s.n > 0 ? s.a[s.n - 1].price : 0;
	}
	r.ns = (now_ns() - start) / N_UPDATES;
	r.n = s.n;
	free(s.a);
	return r;
}

static void keys_update(struct side *s, int64_t key, int64_t quantity, uint32_t max_levels)
{
	uint32_t at = side_find(s, key);
	bool there = side_has(s, at, key);
	if (quantity == 0) {
		if (there)
			side_delete(s, at);
	} else if (there) {
		*side_quantity(s, at) = quantity;
	} else if (side_reserve(s, s->n + 1, max_levels) == BC_OK) {
		side_insert(s, at, key, quantity);
	}
}

static struct result run_keys(uint32_t n_levels)
{
	uint32_t max_levels = n_levels * 2;
	struct side s = { 0 };
	struct result r = { 0 };
	if (side_reserve(&s, 1, max_levels) != BC_OK)
		return r;
	for (uint32_t i = n_levels * 4 / 3; i-- > 0;)
		if (i % 4 != 0)
			keys_update(&s, TOP - i, 5, max_levels);
	double start = now_ns();
	for (uint32_t i = 0; i < N_UPDATES; i++) {
		keys_update(&s, updates[i].price, updates[i].quantity, max_levels);
		if (i % PER_CHANGE == PER_CHANGE - 1)
			r.tops += s.n > 0 ? *side_key(&s, s.n - 1) : 0;
	}
	r.ns = (now_ns() - start) / N_UPDATES;
	r.n = s.n;
	side_free(&s);
	return r;
}

static struct result run_book(uint32_t n_levels)
{
	struct bc_order_book *book;
	struct bc_delta delta;
	struct result r = { 0 };
	bc_level level;
	if (bc_order_book_new(&book, n_levels * 2) != BC_OK)
		return r;
	for (uint32_t i = n_levels * 4 / 3; i-- > 0;) {
		level = (bc_level){ { TOP - i, -2 }, { 5, -5 } };
		delta = (struct bc_delta){ .bids = &level, .n_bids = i % 4 != 0 };
		bc_order_book_apply(book, &delta);
	}
	double start = now_ns();
	for (uint32_t i = 0; i < N_UPDATES; i += PER_CHANGE) {
		uint32_t n = N_UPDATES - i < PER_CHANGE ? N_UPDATES - i : PER_CHANGE;
		delta = (struct bc_delta){ .bids = levels + i, .n_bids = n };
		bc_order_book_apply(book, &delta);
		if (n == PER_CHANGE && bc_order_book_copy(book, BC_BIDS, 1, &level) == 1) {
			int64_t top = 0;
			bc_decimal_at(level.price, -2, &top);
			r.tops += top;
		}
	}
	r.ns = (now_ns() - start) / N_UPDATES;
	r.n = bc_order_book_levels(book, BC_BIDS);
	bc_order_book_free(&book);
	return r;
}

/* ------------------------------------------------------------------ the table */

static const struct {
	const char *name;
	struct result (*run)(uint32_t n_levels);
} contenders[] = {
	{ "plain sorted array", run_plain },
	{ "keys of the book", run_keys },
	{ "order book", run_book },
};
#define N_CONTENDERS (sizeof contenders / sizeof *contenders)

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static bool measure(uint32_t n_levels, size_t rounds)
{
	static double ns[N_CONTENDERS][MAX_ROUNDS];
	struct result last[N_CONTENDERS];
	bool same = true;
	generate(n_levels);
	for (size_t r = 0; r < rounds; r++)
		for (size_t i = 0; i < N_CONTENDERS; i++) {
			last[i] = contenders[i].run(n_levels);
			ns[i][r] = last[i].ns;
		}
	for (size_t i = 0; i < N_CONTENDERS; i++) {
		qsort(ns[i], rounds, sizeof **ns, by_value);
		printf("%5u levels  %-20s %6.1f ns/update  x%.2f\n", n_levels, contenders[i].name,
		       ns[i][rounds / 2], ns[i][rounds / 2] / ns[0][rounds / 2]);
		same = same && last[i].n == last[0].n && last[i].tops == last[0].tops;
	}
	if (!same)
		fprintf(stderr, "bench_order_book: the contenders disagree at %u levels\n",
			n_levels);
	return same;
}

int main(int argc, char **argv)
{
	static const uint32_t sizes[] = { 30, 1000, 5000 };
	size_t rounds = argc > 1 ? strtoul(argv[1], NULL, 10) : 7;
	bool same = true;
	if (rounds < 1 || rounds > MAX_ROUNDS) {
		fputs("bench_order_book: rounds: 1 to 101\n", stderr);
		return EXIT_FAILURE;
	}
	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
		same = measure(sizes[i], rounds) && same;
	return same ? EXIT_SUCCESS : EXIT_FAILURE;
}
