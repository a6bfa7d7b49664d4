#include "common/shard.h"

#include "common/name_index.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WEIGHT_MAX     INT64_C(1000000000000) /* thousandths */
#define WEIGHED_MAX    100000
#define SLACK_QUARTERS 5 /* of the mean, that a shard may have */

/* ------------------------------------------------------------------ scores */

static uint64_t fnv1a(uint64_t hash, bc_str bytes)
{
	for (size_t i = 0; i < bytes.n; i++)
		hash = (hash ^ (unsigned char)bytes.p[i]) * UINT64_C(0x100000001b3);
	return hash;
}

#define FNV_START UINT64_C(0xcbf29ce484222325)

static uint64_t key_of(bc_str exchange, bc_str symbol)
{
	return fnv1a(fnv1a(fnv1a(FNV_START, exchange), BC_STR(".")), symbol);
}

static uint64_t score_of(uint64_t key, uint32_t shard)
{
	uint64_t x = key + (shard + UINT64_C(1)) * UINT64_C(0x9e3779b97f4a7c15);
	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return x ^ x >> 31;
}

uint64_t bc_shard_score(bc_str exchange, bc_str symbol, uint32_t shard)
{
	return score_of(key_of(exchange, symbol), shard);
}

uint32_t bc_shard_of(bc_str exchange, bc_str symbol, uint32_t count)
{
	uint64_t key = key_of(exchange, symbol), highest = 0;
	uint32_t owner = 0;
	for (uint32_t i = 0; i < count; i++) {
		uint64_t score = score_of(key, i);
		if (score <= highest)
			continue;
		highest = score;
		owner = i;
	}
	return owner;
}

static bool number(const char **text, uint32_t *out)
{
	const char *p = *text;
	for (*out = 0; *p >= '0' && *p <= '9'; p++) {
		if (*out <= BC_SHARDS_MAX) /* what is more is too much however it goes on */
			*out = *out * 10 + (uint32_t)(*p - '0');
	}
	bool good = p != *text && (**text != '0' || p == *text + 1);
	*text = p;
	return good;
}

bc_status bc_shard_parse(const char *text, uint32_t *index, uint32_t *count, char *why, size_t cap)
{
	const char *p = text;
	uint32_t i, n;
	if (!number(&p, &i) || *p++ != '/' || !number(&p, &n) || *p != '\0')
		snprintf(why, cap,
			 "must be INDEX/COUNT, counted from 0: 0/2 and 1/2 for two gateways");
	else if (n == 0 || n > BC_SHARDS_MAX)
		snprintf(why, cap, "the count must be from 1 to %d", BC_SHARDS_MAX);
	else if (i >= n)
		snprintf(why, cap, "shards count from 0: of %u there are 0/%u to %u/%u", n, n,
			 n - 1, n);
	else {
		*index = i;
		*count = n;
		return BC_OK;
	}
	return BC_EINVAL;
}

/* ------------------------------------------------------------------ weights */

struct weighed {
	bc_str symbol; /* in the division's text */
	uint64_t weight;
	uint32_t owner;
};

struct bc_division {
	uint32_t count;
	char *exchange;
	char *text; /* a copy of the weights; NULL: none */
	struct weighed *symbols;
	uint32_t n_symbols, room;
	struct bc_name_index by_name;
	uint64_t mark;
	uint64_t loads[BC_SHARDS_MAX];
};

bc_status bc_division_new(struct bc_division **out, const char *exchange, uint32_t count)
{
	struct bc_division *d = calloc(1, sizeof *d);
	if (d == NULL || (d->exchange = strdup(exchange)) == NULL) {
		free(d);
		return BC_ENOMEM;
	}
	d->count = count;
	*out = d;
	return BC_OK;
}

void bc_division_free(struct bc_division **division)
{
	struct bc_division *d = *division;
	if (d == NULL)
		return;
	bc_name_free(&d->by_name);
	free(d->symbols);
	free(d->text);
	free(d->exchange);
	free(d);
	*division = NULL;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

static bc_str trimmed(bc_str s)
{
	while (s.n > 0 && is_space(s.p[0]))
		s = (bc_str){ s.p + 1, s.n - 1 };
	while (s.n > 0 && is_space(s.p[s.n - 1]))
		s.n--;
	return s;
}

static bc_status room_for_one(struct bc_division *d)
{
	if (d->n_symbols < d->room)
		return BC_OK;
	if (d->n_symbols >= WEIGHED_MAX)
		return BC_ERANGE;
	uint32_t room = d->room == 0 ? 256 : d->room * 2;
	struct weighed *symbols = realloc(d->symbols, room * sizeof *symbols);
	if (symbols == NULL)
		return BC_ENOMEM;
	d->symbols = symbols;
	d->room = room;
	return BC_OK;
}

/* "SYMBOL WEIGHT"; says what is wrong with it, NULL: nothing. */
static const char *take_line(struct bc_division *d, bc_str line, bc_status *rc)
{
	size_t at = line.n;
	while (at > 0 && !is_space(line.p[at - 1]))
		at--;
	bc_str symbol = trimmed((bc_str){ line.p, at });
	bc_decimal weight;
	int64_t thousandths;
	*rc = BC_EPARSE;
	if (symbol.n == 0)
		return "must be SYMBOL WEIGHT, such as KRW-BTC 12.5";
	if (bc_decimal_parse(line.p + at, line.n - at, &weight) != BC_OK ||
	    bc_decimal_at(weight, -3, &thousandths) != BC_OK || thousandths < 0 ||
	    thousandths > WEIGHT_MAX)
		return "the weight must be a number from 0 to 1000000000 with at most three "
		       "decimals";
	if (bc_name_find(&d->by_name, symbol) != BC_NAME_NONE)
		return "this symbol has a weight already";
	if ((*rc = room_for_one(d)) != BC_OK ||
	    (*rc = bc_name_put(&d->by_name, symbol, d->n_symbols)) != BC_OK)
		return bc_status_text(*rc);
	d->symbols[d->n_symbols++] =
		(struct weighed){ .symbol = symbol, .weight = (uint64_t)thousandths };
	return NULL;
}

static bc_status take_lines(struct bc_division *d, size_t n, char *why, size_t cap)
{
	bc_str rest = { d->text, n };
	for (unsigned number = 1; rest.n > 0; number++) {
		const char *end = memchr(rest.p, '\n', rest.n);
		size_t length = end != NULL ? (size_t)(end - rest.p) : rest.n;
		bc_str line = trimmed((bc_str){ rest.p, length });
		size_t taken = end != NULL ? length + 1 : length;
		rest = (bc_str){ rest.p + taken, rest.n - taken };
		if (line.n == 0 || line.p[0] == '#')
			continue;
		bc_status rc;
		const char *wrong = take_line(d, line, &rc);
		if (wrong == NULL)
			continue;
		snprintf(why, cap, "line %u: '%.*s': %s", number, line.n > 60 ? 60 : (int)line.n,
			 line.p, wrong);
		return rc;
	}
	return BC_OK;
}

/* The heaviest first; of equal ones by name. */
static int heaviest_first(const void *a, const void *b)
{
	const struct weighed *x = a, *y = b;
	if (x->weight != y->weight)
		return x->weight > y->weight ? -1 : 1;
	size_t n = x->symbol.n < y->symbol.n ? x->symbol.n : y->symbol.n;
	int order = memcmp(x->symbol.p, y->symbol.p, n);
	return order != 0 ? order : (x->symbol.n > y->symbol.n) - (x->symbol.n < y->symbol.n);
}

/* Of the shards below `limit` with it the one with the highest score, else the least loaded. */
static uint32_t place(const struct bc_division *d, const struct weighed *w, uint64_t limit)
{
	uint64_t key = key_of(bc_str_of(d->exchange), w->symbol), highest = 0;
	uint32_t best = BC_SHARD_NONE, least = 0;
	for (uint32_t i = 0; i < d->count; i++) {
		uint64_t score = score_of(key, i);
		if (d->loads[i] < d->loads[least])
			least = i;
		if (d->loads[i] + w->weight > limit || (best != BC_SHARD_NONE && score <= highest))
			continue;
		highest = score;
		best = i;
	}
	return best != BC_SHARD_NONE ? best : least;
}

static void deal_out(struct bc_division *d)
{
	uint64_t total = 0;
	for (uint32_t i = 0; i < d->n_symbols; i++)
		total += d->symbols[i].weight;
	uint64_t limit = total * SLACK_QUARTERS / (UINT64_C(4) * d->count) + 1;
	for (uint32_t i = 0; i < d->n_symbols; i++) {
		struct weighed *w = &d->symbols[i];
		w->owner = place(d, w, limit);
		d->loads[w->owner] += w->weight;
	}
}

/* Of the weights in their order, so that comments and the order of lines change nothing. */
static uint64_t mark_of(const struct bc_division *d)
{
	uint64_t hash = FNV_START;
	for (uint32_t i = 0; i < d->n_symbols; i++) {
		char weight[24];
		int n = snprintf(weight, sizeof weight, " %llu\n",
				 (unsigned long long)d->symbols[i].weight);
		hash = fnv1a(fnv1a(hash, d->symbols[i].symbol), (bc_str){ weight, (size_t)n });
	}
	return d->n_symbols == 0 ? 0 : (hash >> 12) | 1;
}

bc_status bc_division_weigh(struct bc_division *d, bc_str text, char *why, size_t cap)
{
	snprintf(why, cap, "%s", bc_status_text(BC_ENOMEM));
	if ((d->text = malloc(text.n + 1)) == NULL)
		return BC_ENOMEM;
	if (text.n > 0)
		memcpy(d->text, text.p, text.n);
	bc_status rc = take_lines(d, text.n, why, cap);
	if (rc != BC_OK)
		return rc;
	bc_name_free(&d->by_name); /* sorting gives them new numbers */
	d->by_name = (struct bc_name_index){ 0 };
	if (d->n_symbols > 0)
		qsort(d->symbols, d->n_symbols, sizeof *d->symbols, heaviest_first);
	for (uint32_t i = 0; rc == BC_OK && i < d->n_symbols; i++)
		rc = bc_name_put(&d->by_name, d->symbols[i].symbol, i);
	if (rc != BC_OK)
		return rc;
	deal_out(d);
	d->mark = mark_of(d);
	return BC_OK;
}

uint32_t bc_division_owner(const struct bc_division *d, bc_str symbol)
{
	uint32_t at = bc_name_find(&d->by_name, symbol);
	if (at != BC_NAME_NONE)
		return d->symbols[at].owner;
	return bc_shard_of(bc_str_of(d->exchange), symbol, d->count);
}

uint32_t bc_division_count(const struct bc_division *d)
{
	return d->count;
}

uint64_t bc_division_mark(const struct bc_division *d)
{
	return d->mark;
}
