/* soak.c - a day of a trial: every hour all connections are made anew, and nothing may have grown.
 */
#include "tests/simulation/trial_private.h"

#include <malloc.h>
#include <stdio.h>

#define HOUR_NS      (3600 * S)
#define HEADER_BYTES sizeof(size_t) /* malloc's own */
#define GROWTH_BYTES (512u << 10)   /* of a day: what is in flight at the full hour */

/* Where a sanitizer has replaced malloc, only it knows. */
extern size_t __sanitizer_get_current_allocated_bytes(void) __attribute__((weak));

static size_t bytes_in_use(void)
{
	struct mallinfo2 m = mallinfo2();
	return __sanitizer_get_current_allocated_bytes != NULL
		       ? __sanitizer_get_current_allocated_bytes()
		       : m.uordblks + m.hblkhd;
}

static size_t bytes_of(const void *block)
{
	return block == NULL ? 0 : malloc_usable_size((void *)block) + HEADER_BYTES;
}

static size_t bytes_of_symbol(const struct truth_symbol *s)
{
	size_t n = bytes_of(s->books) + bytes_of(s->trades) + bytes_of(s->log.changes) +
		   bytes_of(s->log.first[0].levels) + bytes_of(s->log.first[1].levels);
	for (size_t i = 0; i < s->n_books; i++)
		n += bytes_of(s->books[i].bids);
	return n;
}

static size_t bytes_of_replica(const struct replica *r)
{
	return bytes_of(r->sides[0].levels) + bytes_of(r->sides[1].levels);
}

static size_t bytes_of_events(const struct events *h)
{
	size_t n = bytes_of(h->at);
	for (size_t i = 0; i < h->n; i++)
		n += bytes_of(h->at[i]);
	return n;
}

/* What the judges have written down, which comes and goes in large steps; what is on its way, such
 * as the end of each connection when it is a day old. */
static size_t bytes_of_ours(const struct trial *t)
{
	size_t n = t->reader != NULL ? reader_bytes(t, bytes_of, bytes_of_replica) : 0;
	for (uint32_t k = 0; k < t->n_gateways; k++)
		n += bytes_of_events(&t->gateways[k]->server) +
		     bytes_of_events(&t->gateways[k]->client);
	for (size_t i = 0; i < MAX_SYMBOLS; i++) {
		n += bytes_of_symbol(&t->truth.symbols[i]);
		for (uint32_t k = 0; k < t->n_gateways; k++)
			n += bytes_of_replica(&t->gateways[k]->replicas[i][0]) +
			     bytes_of_replica(&t->gateways[k]->replicas[i][1]);
	}
	return n;
}

void soak_begin(struct trial *t)
{
	t->storm_ns = t->o.soak_hours * HOUR_NS;
	t->soak.next_ns = t->now_ns + HOUR_NS;
	t->mishaps.rarely = 30;
	t->mishaps.kills = false; /* a board grows until it knows 256 of them */
	for (uint32_t i = 0; i < t->n_gateways; i++) {
		t->gateways[i]->plan.every_ns *= 10;
		t->gateways[i]->plan.chance[FAULT_DELIST] = 0; /* nobody would be left */
	}
}

/* Something is always in flight; what is never given back raises even the least of many hours.
 * Arrays that grow in steps have their size after a quarter of the day. */
static void judge_growth(struct trial *t)
{
	const struct soak *k = &t->soak;
	if (k->hours == t->o.soak_hours && k->hours >= 8 &&
	    k->least[3] > k->least[1] + GROWTH_BYTES)
		trial_fail(t->gateways[0], "memory", "%zu bytes in use at least, %zu before",
			   k->least[3], k->least[1]);
}

void soak_hour(struct trial *t)
{
	struct soak *k = &t->soak;
	size_t bytes = bytes_in_use() - bytes_of_ours(t);
	k->next_ns += HOUR_NS;
	k->hours++;
	for (uint32_t i = 0; i < t->n_gateways; i++)
		plan_command(t->gateways[i], "reconnect", "");
	printf("  hour %2u: %zu bytes in use, %llu inputs\n", k->hours, bytes,
	       (unsigned long long)t->result->steps);
	fflush(stdout);
	unsigned quarter = 4 * (k->hours - 1) / t->o.soak_hours;
	if (quarter < 4 && (k->least[quarter] == 0 || bytes < k->least[quarter]))
		k->least[quarter] = bytes;
	judge_growth(t);
}
