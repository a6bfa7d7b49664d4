/* events.c - what is on its way, the earliest first: a heap. */
#include "tests/simulation/trial_private.h"

#include <stdlib.h>
#include <string.h>

static bool before(const struct event *a, const struct event *b)
{
	return a->at_ns != b->at_ns ? a->at_ns < b->at_ns : a->order < b->order;
}

static void swap(struct events *h, size_t a, size_t b)
{
	struct event *kept = h->at[a];
	h->at[a] = h->at[b];
	h->at[b] = kept;
}

void event_add(struct gateway *g, struct events *h, struct event *e)
{
	size_t i = h->n;
	e->order = g->n_events++;
	h->at = room_for_one(h->at, h->n, &h->cap, sizeof(struct event *));
	h->at[h->n++] = e;
	for (; i > 0 && before(h->at[i], h->at[(i - 1) / 2]); i = (i - 1) / 2)
		swap(h, i, (i - 1) / 2);
}

struct event *events_take(struct events *h)
{
	struct event *first = h->at[0];
	size_t i = 0, child;
	h->at[0] = h->at[--h->n];
	while ((child = 2 * i + 1) < h->n) {
		if (child + 1 < h->n && before(h->at[child + 1], h->at[child]))
			child++;
		if (before(h->at[i], h->at[child]))
			break;
		swap(h, i, child);
		i = child;
	}
	return first;
}

struct event *event_new(struct gateway *g, enum event_kind kind, int64_t at_ns, bc_str bytes)
{
	struct event *e = calloc(1, sizeof *e + bytes.n + 1);
	(void)g;
	if (e == NULL)
		abort();
	e->kind = kind;
	e->at_ns = at_ns;
	e->why = "";
	e->used_weight = -1;
	e->n = bytes.n;
	if (bytes.n > 0)
		memcpy(e->bytes, bytes.p, bytes.n);
	return e;
}

void events_free(struct events *h)
{
	for (size_t i = 0; i < h->n; i++)
		free(h->at[i]);
	free(h->at);
	*h = (struct events){ NULL, 0, 0 };
}
