/* bus_filters.c - the set of filters and the topics they match. */
#include "common/bus_filters.h"

#include "common/blocks.h"
#include "common/name_index.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define HERE_MAX 48

/* What a message of the topic asks for lies in one cache line. */
struct topic {
	uint32_t matching; /* filters */
	uint32_t n;        /* bytes of the frame, the topic and its NUL; 0: the number is free */
	char *elsewhere;   /* owned: the frame, where it is longer than HERE_MAX; else NULL */
	union {
		char here[HERE_MAX];
		uint32_t next_free;
	};
};
static_assert(sizeof(struct topic) == BC_CACHE_LINE, "a line a topic");

struct filter {
	bc_str bytes; /* owned; .p NULL: free */
	uint32_t next_free, owner;
};

struct bc_filters {
	struct topic *topics;
	struct filter *filters;
	uint32_t n_topics, topic_capacity, free_topic; /* n: numbers given, free ones included */
	uint32_t n_filters, filter_capacity, free_filter;
	uint32_t count, max_filters;
	size_t n_bytes;
	bool overflowed;
	struct bc_name_index by_topic, by_filter;
};

bc_status bc_filters_new(struct bc_filters **out, uint32_t max_filters)
{
	struct bc_filters *f = calloc(1, sizeof *f);
	if (f == NULL)
		return BC_ENOMEM;
	f->max_filters = max_filters;
	f->free_topic = f->free_filter = BC_NAME_NONE;
	*out = f;
	return BC_OK;
}

void bc_filters_free(struct bc_filters **filters)
{
	struct bc_filters *f = *filters;
	if (f == NULL)
		return;
	for (uint32_t i = 0; i < f->n_topics; i++)
		free(f->topics[i].elsewhere);
	for (uint32_t i = 0; i < f->n_filters; i++)
		free((char *)f->filters[i].bytes.p);
	bc_name_free(&f->by_topic);
	bc_name_free(&f->by_filter);
	free(f->topics);
	free(f->filters);
	free(f);
	*filters = NULL;
}

/* A copy with a NUL behind it. */
static char *copy_of(bc_str s)
{
	char *copy = malloc(s.n + 1);
	if (copy == NULL)
		return NULL;
	if (s.n > 0)
		memcpy(copy, s.p, s.n);
	copy[s.n] = '\0';
	return copy;
}

/* ------------------------------------------------------------------ topics */

static bc_str frame_of(const struct topic *t)
{
	return (bc_str){ t->elsewhere != NULL ? t->elsewhere : t->here, t->n };
}

/* Topics with names of the usual length move with the array, and their names in the index. */
static bc_status topics_grow(struct bc_filters *f)
{
	uint32_t room = f->topic_capacity == 0 ? 256 : f->topic_capacity * 2;
	struct topic *topics = bc_large_alloc(room * sizeof *topics);
	if (topics == NULL)
		return BC_ENOMEM;
	if (f->n_topics > 0)
		memcpy(topics, f->topics, f->n_topics * sizeof *topics);
	for (uint32_t i = 0; i < f->n_topics; i++)
		if (f->topics[i].n > 0)
			bc_name_move(&f->by_topic, frame_of(&f->topics[i]), frame_of(&topics[i]).p);
	free(f->topics);
	f->topics = topics;
	f->topic_capacity = room;
	return BC_OK;
}

static bc_status topic_number(struct bc_filters *f, uint32_t *out)
{
	if (f->free_topic != BC_NAME_NONE) {
		*out = f->free_topic;
		f->free_topic = f->topics[*out].next_free;
		return BC_OK;
	}
	bc_status rc = f->n_topics == f->topic_capacity ? topics_grow(f) : BC_OK;
	if (rc != BC_OK)
		return rc;
	*out = f->n_topics++;
	f->topics[*out] = (struct topic){ .next_free = BC_NAME_NONE };
	return BC_OK;
}

/* A filter that matches is one of the beginnings of the frame. */
static uint32_t matching_filters(const struct bc_filters *f, bc_str frame)
{
	uint32_t n = 0;
	for (size_t length = 0; f->count > 0 && length <= frame.n; length++)
		n += bc_name_find(&f->by_filter, (bc_str){ frame.p, length }) != BC_NAME_NONE;
	return n;
}

static void topic_release(struct bc_filters *f, uint32_t id)
{
	struct topic *t = &f->topics[id];
	free(t->elsewhere);
	*t = (struct topic){ .next_free = f->free_topic };
	f->free_topic = id;
}

bc_status bc_filters_topic_open(struct bc_filters *f, bc_str topic, uint32_t *out)
{
	char frame[BC_TOPIC_MAX + 1], *elsewhere = NULL;
	uint32_t id;
	if (topic.n > BC_TOPIC_MAX)
		return BC_ERANGE;
	if (topic.n > 0)
		memcpy(frame, topic.p, topic.n);
	frame[topic.n] = '\0';
	const bc_str name = { frame, topic.n + 1 };
	if (bc_name_find(&f->by_topic, name) != BC_NAME_NONE)
		return BC_EDUPLICATE;
	if (name.n > HERE_MAX && (elsewhere = copy_of(topic)) == NULL)
		return BC_ENOMEM;
	bc_status rc = topic_number(f, &id);
	if (rc != BC_OK) {
		free(elsewhere);
		return rc;
	}
	struct topic *t = &f->topics[id];
	*t = (struct topic){ .n = (uint32_t)name.n, .elsewhere = elsewhere };
	if (elsewhere == NULL)
		memcpy(t->here, frame, name.n);
	if ((rc = bc_name_put(&f->by_topic, frame_of(t), id)) != BC_OK) {
		topic_release(f, id);
		return rc;
	}
	t->matching = matching_filters(f, frame_of(t));
	*out = id;
	return BC_OK;
}

void bc_filters_topic_close(struct bc_filters *f, uint32_t topic)
{
	bc_name_remove(&f->by_topic, frame_of(&f->topics[topic]));
	topic_release(f, topic);
}

bc_str bc_filters_topic(const struct bc_filters *f, uint32_t topic)
{
	return frame_of(&f->topics[topic]);
}

bool bc_filters_wanted(const struct bc_filters *f, uint32_t topic)
{
	return f->topics[topic].matching > 0 || f->overflowed;
}

void bc_filters_soon(const struct bc_filters *f, uint32_t topic)
{
	if (topic < f->n_topics)
		__builtin_prefetch(&f->topics[topic]);
}

/* ------------------------------------------------------------------ filters */

/* Adds `change` to every topic that the filter matches; match may be NULL. */
static void for_matches(struct bc_filters *f, bc_str filter, int change, bc_topic_match_fn *match,
			void *self)
{
	uint32_t first = 0, end = f->n_topics;
	if (filter.n > 0 && filter.p[filter.n - 1] == '\0') { /* exact: at most one */
		first = bc_name_find(&f->by_topic, filter);
		end = first == BC_NAME_NONE ? first : first + 1;
	}
	for (uint32_t i = first; i < end; i++) {
		struct topic *t = &f->topics[i];
		if (t->n == 0 || !bc_str_starts(frame_of(t), filter))
			continue;
		t->matching += (uint32_t)change;
		if (match != NULL)
			match(self, i);
	}
}

static bc_status remember(struct bc_filters *f, bc_str filter)
{
	uint32_t id;
	if (f->count >= f->max_filters)
		return BC_ERANGE;
	if (f->free_filter == BC_NAME_NONE && f->n_filters == f->filter_capacity) {
		uint32_t room = f->filter_capacity == 0 ? 64 : f->filter_capacity * 2;
		struct filter *filters = realloc(f->filters, room * sizeof *filters);
		if (filters == NULL)
			return BC_ENOMEM;
		f->filters = filters;
		f->filter_capacity = room;
	}
	id = f->free_filter != BC_NAME_NONE ? f->free_filter : f->n_filters;
	bc_str copy = { copy_of(filter), filter.n };
	if (copy.p == NULL || bc_name_put(&f->by_filter, copy, id) != BC_OK) {
		free((char *)copy.p);
		return BC_ENOMEM;
	}
	if (id == f->n_filters)
		f->n_filters++;
	else
		f->free_filter = f->filters[id].next_free;
	f->filters[id] = (struct filter){ .bytes = copy, .owner = BC_FILTER_OWNER_NONE };
	f->count++;
	f->n_bytes += copy.n;
	return BC_OK;
}

bc_status bc_filters_subscribe(struct bc_filters *f, bc_str filter, bc_topic_match_fn *match,
			       void *self)
{
	bc_status rc = BC_OK;
	bool known = bc_name_find(&f->by_filter, filter) != BC_NAME_NONE;
	if (!known && (rc = remember(f, filter)) != BC_OK)
		f->overflowed = true;
	for_matches(f, filter, !known && rc == BC_OK, match, self);
	return rc;
}

void bc_filters_unsubscribe(struct bc_filters *f, bc_str filter)
{
	uint32_t id = bc_name_find(&f->by_filter, filter);
	if (id == BC_NAME_NONE)
		return; /* from beyond the limit */
	for_matches(f, filter, -1, NULL, NULL);
	bc_name_remove(&f->by_filter, filter);
	free((char *)f->filters[id].bytes.p);
	f->n_bytes -= filter.n;
	f->filters[id] = (struct filter){ .next_free = f->free_filter };
	f->free_filter = id;
	f->count--;
}

uint32_t bc_filters_count(const struct bc_filters *f)
{
	return f->count;
}

size_t bc_filters_bytes(const struct bc_filters *f)
{
	return f->n_bytes;
}

bool bc_filters_known(const struct bc_filters *f, bc_str filter)
{
	return bc_name_find(&f->by_filter, filter) != BC_NAME_NONE;
}

void bc_filters_own(struct bc_filters *f, bc_str filter, uint32_t owner)
{
	uint32_t id = bc_name_find(&f->by_filter, filter);
	if (id != BC_NAME_NONE)
		f->filters[id].owner = owner;
}

uint32_t bc_filters_owner(const struct bc_filters *f, bc_str filter)
{
	uint32_t id = bc_name_find(&f->by_filter, filter);
	return id == BC_NAME_NONE ? BC_FILTER_OWNER_NONE : f->filters[id].owner;
}
