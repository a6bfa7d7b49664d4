#include "subscribers/cli/ledger.h"

#include "common/sequence.h"
#include "proto/topic.h"

#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#define MAX_TOPICS 200000

struct entry {
	UT_hash_handle hh;
	struct ledger_topic topic; /* its bytes are in the key */
	struct bc_sequence sequence;
	size_t n_key;
	char key[]; /* epoch, topic */
};

struct ledger {
	struct entry *entries;
};

struct ledger *ledger_new(void)
{
	return calloc(1, sizeof(struct ledger));
}

void ledger_free(struct ledger **ledger)
{
	struct ledger *l = *ledger;
	if (l == NULL)
		return;
	struct entry *e = l->entries, *next;
	HASH_CLEAR(hh, l->entries); /* which leaves them linked */
	for (; e != NULL; e = next) {
		next = e->hh.next;
		free(e);
	}
	free(l);
	*ledger = NULL;
}

/* False: uthash had no memory. NOLINTNEXTLINE(readability-function-size): it is one macro */
static bool insert(struct ledger *l, struct entry *e)
{
	HASH_ADD_KEYPTR(hh, l->entries, e->key, e->n_key, e);
	return e->hh.tbl != NULL;
}

static struct entry *find(struct ledger *l, const char *key, size_t n)
{
	struct entry *e = NULL;
	HASH_FIND(hh, l->entries, key, n, e);
	if (e != NULL || HASH_COUNT(l->entries) >= MAX_TOPICS)
		return e;
	if ((e = calloc(1, sizeof *e + n)) == NULL)
		return NULL;
	memcpy(e->key, key, n);
	e->n_key = n;
	e->topic.topic = (bc_str){ e->key + sizeof(uint64_t), n - sizeof(uint64_t) };
	e->topic.waiting.of = &e->topic;
	memcpy(&e->topic.epoch, key, sizeof e->topic.epoch);
	if (!insert(l, e)) {
		free(e);
		return NULL;
	}
	return e;
}

bool ledger_take(struct ledger *l, bc_str topic, uint64_t epoch, uint64_t seq,
		 struct ledger_topic **out, uint64_t *n_lost)
{
	char key[sizeof epoch + BC_TOPIC_MAX];
	*out = NULL;
	*n_lost = 0;
	if (topic.n > BC_TOPIC_MAX)
		return true;
	memcpy(key, &epoch, sizeof epoch);
	memcpy(key + sizeof epoch, topic.p, topic.n);
	struct entry *e = find(l, key, sizeof epoch + topic.n);
	if (e == NULL)
		return true;
	struct bc_sequence_step step = bc_sequence_next(&e->sequence, epoch, seq);
	*out = &e->topic;
	*n_lost = step.n_lost;
	return step.verdict != BC_SEQUENCE_DUPLICATE && step.verdict != BC_SEQUENCE_OLDER_EPOCH;
}

struct bc_account ledger_sum(const struct ledger *l)
{
	struct bc_account sum = { 0 };
	for (const struct entry *e = l->entries; e != NULL; e = e->hh.next)
		bc_account_add(&sum, &e->topic.waiting.account);
	return sum;
}

static int compare(const void *a, const void *b)
{
	const struct ledger_topic *x = *(const struct ledger_topic *const *)a;
	const struct ledger_topic *y = *(const struct ledger_topic *const *)b;
	size_t n = x->topic.n < y->topic.n ? x->topic.n : y->topic.n;
	int order = memcmp(x->topic.p, y->topic.p, n);
	if (order == 0)
		order = (x->topic.n > y->topic.n) - (x->topic.n < y->topic.n);
	return order != 0 ? order : (x->epoch > y->epoch) - (x->epoch < y->epoch);
}

const struct ledger_topic **ledger_sorted(const struct ledger *l, size_t *n)
{
	const size_t one = sizeof(const struct ledger_topic *);
	const struct ledger_topic **all = calloc(HASH_COUNT(l->entries) + 1, one);
	*n = 0;
	if (all == NULL)
		return NULL;
	for (const struct entry *e = l->entries; e != NULL; e = e->hh.next)
		all[(*n)++] = &e->topic;
	qsort(all, *n, one, compare);
	return all;
}
