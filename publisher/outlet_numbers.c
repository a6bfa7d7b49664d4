#define HASH_NONFATAL_OOM 1 /* uthash would end the process */

#include "publisher/outlet_private.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#define NAMES_MAX 100000

struct outlet_numbers {
	UT_hash_handle hh;
	size_t n_name;
	uint64_t seqs[MAX_PLAN]; /* of the topics, in the order of the plan */
	char name[];
};

static struct outlet_numbers *find(const struct outlet *o, bc_str name)
{
	struct outlet_numbers *numbers = NULL;
	HASH_FIND(hh, o->numbers, name.p, name.n, numbers);
	return numbers;
}

/* False: uthash had no memory. NOLINTNEXTLINE(readability-function-size): it is one macro */
static bool insert(struct outlet *o, struct outlet_numbers *numbers)
{
	HASH_ADD_KEYPTR(hh, o->numbers, numbers->name, numbers->n_name, numbers);
	return numbers->hh.tbl != NULL;
}

bc_status numbers_of(struct outlet *o, bc_str name, struct outlet_numbers **out)
{
	struct outlet_numbers *numbers = find(o, name);
	*out = numbers;
	if (numbers != NULL)
		return BC_OK;
	if (HASH_COUNT(o->numbers) >= NAMES_MAX)
		return BC_ERANGE;
	numbers = calloc(1, sizeof *numbers + name.n + 1);
	if (numbers == NULL)
		return BC_ENOMEM;
	memcpy(numbers->name, name.p, name.n);
	numbers->n_name = name.n;
	if (!insert(o, numbers)) {
		free(numbers);
		return BC_ENOMEM;
	}
	*out = numbers;
	return BC_OK;
}

void numbers_resume(const struct outlet *o, struct subject *subject)
{
	for (uint32_t i = 0; i < o->n_plan; i++)
		slot_at(subject, &o->plan[i].slot)->seq = subject->numbers->seqs[i];
}

void numbers_keep(const struct outlet *o, struct subject *subject)
{
	for (uint32_t i = 0; i < o->n_plan; i++)
		subject->numbers->seqs[i] = slot_at(subject, &o->plan[i].slot)->seq;
}

void numbers_free(struct outlet *o)
{
	struct outlet_numbers *at = o->numbers, *next;
	HASH_CLEAR(hh, o->numbers); /* which leaves them linked */
	for (; at != NULL; at = next) {
		next = at->hh.next;
		free(at);
	}
}
