#include "subscribers/cli/watch_losses.h"

#include "common/sequence.h"

#include <stdlib.h>
#include <string.h>

#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#define MAX_TRACKERS 200000

struct tracker {
	UT_hash_handle hh;
	struct bc_sequence sequence;
	uint64_t told; /* round in which its topic was counted */
	size_t n_key;
	char key[]; /* epoch, topic */
};

struct watch_losses {
	struct tracker *trackers;
	uint64_t n_lost, round;
	size_t n_topics;
	bc_mono_time next;
};

struct watch_losses *watch_losses_new(void)
{
	struct watch_losses *l = calloc(1, sizeof *l);
	if (l != NULL)
		l->round = 1;
	return l;
}

static void forget_all(struct watch_losses *l)
{
	struct tracker *t = l->trackers, *next;
	HASH_CLEAR(hh, l->trackers); /* which leaves them linked */
	for (; t != NULL; t = next) {
		next = t->hh.next;
		free(t);
	}
}

void watch_losses_free(struct watch_losses **losses)
{
	if (*losses == NULL)
		return;
	forget_all(*losses);
	free(*losses);
	*losses = NULL;
}

/* False: uthash had no memory. NOLINTNEXTLINE(readability-function-size): it is one macro */
static bool insert(struct watch_losses *l, struct tracker *t)
{
	HASH_ADD_KEYPTR(hh, l->trackers, t->key, t->n_key, t);
	return t->hh.tbl != NULL;
}

static struct tracker *find(struct watch_losses *l, const char *key, size_t n)
{
	struct tracker *t = NULL;
	HASH_FIND(hh, l->trackers, key, n, t);
	if (t != NULL)
		return t;
	if (HASH_COUNT(l->trackers) >= MAX_TRACKERS)
		forget_all(l);
	t = calloc(1, sizeof *t + n);
	if (t == NULL)
		return NULL;
	memcpy(t->key, key, n);
	t->n_key = n;
	if (!insert(l, t)) {
		free(t);
		return NULL;
	}
	return t;
}

bool watch_losses_take(struct watch_losses *l, bc_str topic, uint64_t epoch, uint64_t seq)
{
	char key[sizeof epoch + 256];
	if (topic.n > 256)
		return true;
	memcpy(key, &epoch, sizeof epoch);
	memcpy(key + sizeof epoch, topic.p, topic.n);
	struct tracker *t = find(l, key, sizeof epoch + topic.n);
	if (t == NULL)
		return true; /* shown, though not counted */
	struct bc_sequence_step step = bc_sequence_next(&t->sequence, epoch, seq);
	if (step.n_lost > 0) {
		l->n_lost += step.n_lost;
		l->n_topics += t->told != l->round;
		t->told = l->round;
	}
	return step.verdict != BC_SEQUENCE_DUPLICATE && step.verdict != BC_SEQUENCE_OLDER_EPOCH;
}

bool watch_losses_due(struct watch_losses *l, bc_mono_time now, uint64_t *n_messages,
		      size_t *n_topics)
{
	if (l->n_lost == 0 || now.ns < l->next.ns)
		return false;
	*n_messages = l->n_lost;
	*n_topics = l->n_topics;
	l->n_lost = 0;
	l->n_topics = 0;
	l->round++;
	l->next.ns = now.ns + BC_NS_PER_S;
	return true;
}
