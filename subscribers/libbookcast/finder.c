#include "subscribers/libbookcast/finder.h"

#include "common/bus_socket.h"
#include "common/json_reader.h"

#include <stdlib.h>
#include <string.h>

enum {
	MAX_GATEWAYS = 256,
	MAX_TOPICS = 500, /* a question */
	FORGET_AFTER = 6, /* lists that no longer have it */
};

#define ANSWER_WITHIN BC_NS_PER_S
#define REFRESH_EVERY (10 * BC_NS_PER_S)
#define RETRY_EVERY   (BC_NS_PER_S / 4) /* until a gateway is known */
#define HURRY_AT_MOST (BC_NS_PER_S / 2)

enum asked { NOTHING, GATEWAYS, TOPICS };

struct endpoint {
	char text[BC_ENDPOINT_MAX];
	unsigned unseen; /* lists */
};

struct finder {
	struct bc_rpc_client *rpc;
	struct bc_sub *sub;
	const struct finder_ops *ops;
	void *self;
	enum asked asked;
	bc_mono_time refresh_at, refreshed;
	bool hurry, sent_before;
	struct endpoint endpoints[MAX_GATEWAYS];
	size_t n_endpoints;
	char *topic_bytes; /* of the topics being asked for */
	size_t cap_topic_bytes;
	bc_str topics[MAX_TOPICS];
	size_t n_topics;
	struct finder_counters counters;
};

bc_status finder_new(struct finder **out, void *context, const char *cache, struct bc_sub *sub,
		     const struct finder_ops *ops, void *self)
{
	struct finder *f = calloc(1, sizeof *f);
	if (f == NULL)
		return BC_ENOMEM;
	f->sub = sub;
	f->ops = ops;
	f->self = self;
	bc_status rc = bc_rpc_client_new(&f->rpc, context, cache);
	if (rc != BC_OK) {
		free(f);
		return rc;
	}
	*out = f;
	return BC_OK;
}

void finder_free(struct finder **finder)
{
	if (*finder == NULL)
		return;
	bc_rpc_client_free(&(*finder)->rpc);
	free((*finder)->topic_bytes);
	free(*finder);
	*finder = NULL;
}

/* ---- GATEWAYS ---- */

static void keep_endpoint(struct finder *f, const char *text)
{
	for (size_t i = 0; i < f->n_endpoints; i++)
		if (strcmp(f->endpoints[i].text, text) == 0) {
			f->endpoints[i].unseen = 0;
			return;
		}
	if (f->n_endpoints == MAX_GATEWAYS || bc_sub_connect(f->sub, text) != BC_OK)
		return;
	struct endpoint *e = &f->endpoints[f->n_endpoints++];
	e->unseen = 0;
	memcpy(e->text, text, strlen(text) + 1);
}

/* A cache that has just started knows nobody yet: only a list with somebody on it counts. */
static void drop_unseen(struct finder *f)
{
	for (size_t i = 0; i < f->n_endpoints;) {
		if (f->endpoints[i].unseen < FORGET_AFTER) {
			i++;
			continue;
		}
		bc_sub_disconnect(f->sub, f->endpoints[i].text);
		f->endpoints[i] = f->endpoints[--f->n_endpoints];
	}
}

/* One object of the list: exchange and endpoint are what matters. */
static bool read_gateway(struct finder *f, struct bc_cursor *j)
{
	char exchange[256] = "", endpoint[BC_ENDPOINT_MAX] = "";
	bc_str key, text = BC_STR(""), name = BC_STR("");
	if (!bc_cursor_object(j))
		return false;
	while (bc_cursor_key(j, &key)) {
		if (bc_cursor_is(key, BC_STR("exchange")) &&
		    bc_cursor_text(j, exchange, sizeof exchange, &name) == BC_OK)
			continue;
		if (bc_cursor_is(key, BC_STR("endpoint")) &&
		    bc_cursor_text(j, endpoint, sizeof endpoint - 1, &text) == BC_OK)
			continue;
		bc_cursor_skip(j, NULL);
	}
	if (text.n == 0 || text.n >= sizeof endpoint || name.n == 0 ||
	    !f->ops->wants_exchange(f->self, name))
		return true;
	memmove(endpoint, text.p, text.n);
	endpoint[text.n] = '\0';
	keep_endpoint(f, endpoint);
	return true;
}

static void take_gateways(struct finder *f, bc_str json)
{
	struct bc_cursor j;
	bc_str key;
	bool any = false;
	bc_cursor_open(&j, json.p, json.n);
	if (!bc_cursor_object(&j))
		return;
	while (bc_cursor_key(&j, &key)) {
		if (!bc_cursor_is(key, BC_STR("gateways")) || !bc_cursor_array(&j)) {
			bc_cursor_skip(&j, NULL);
			continue;
		}
		while (bc_cursor_item(&j)) {
			for (size_t i = 0; !any && i < f->n_endpoints; i++)
				f->endpoints[i].unseen++;
			any = true;
			if (!read_gateway(f, &j))
				bc_cursor_skip(&j, NULL);
		}
	}
	drop_unseen(f);
}

/* ---- LATEST ---- */

/* The topics are copied: they may change while the answer is on its way. */
static bool copy_topics(struct finder *f)
{
	size_t bytes = 0, at = 0;
	for (size_t i = 0; i < f->n_topics; i++)
		bytes += f->topics[i].n;
	if (bytes > f->cap_topic_bytes) {
		char *p = realloc(f->topic_bytes, bytes);
		if (p == NULL)
			return false;
		f->topic_bytes = p;
		f->cap_topic_bytes = bytes;
	}
	for (size_t i = 0; i < f->n_topics; i++) {
		memcpy(f->topic_bytes + at, f->topics[i].p, f->topics[i].n);
		f->topics[i].p = f->topic_bytes + at;
		at += f->topics[i].n;
	}
	return true;
}

static void take_topics(struct finder *f, bc_mono_time now, const struct bc_rpc_reply *reply)
{
	struct bc_board_answer answer;
	if (reply->n_answers != f->n_topics)
		return;
	for (size_t i = 0; i < f->n_topics; i++)
		if (bc_board_read_latest(reply->answers[i], &answer) == BC_OK)
			f->ops->answer(f->self, now, f->topics[i], &answer);
}

/* ---- */

void finder_hurry(struct finder *f)
{
	f->hurry = true;
}

static bool send(struct finder *f, bc_mono_time now, enum asked what)
{
	bc_status rc;
	if (what == GATEWAYS)
		rc = bc_rpc_send(f->rpc, BC_STR("GATEWAYS"), NULL, 0, now, ANSWER_WITHIN);
	else
		rc = bc_rpc_send(f->rpc, BC_STR("LATEST"), f->topics, f->n_topics, now,
				 ANSWER_WITHIN);
	f->counters.questions++;
	if (rc == BC_OK)
		f->asked = what;
	else
		f->counters.unanswered++;
	return rc == BC_OK;
}

static bool ask(struct finder *f, bc_mono_time now)
{
	bool may_hurry = f->hurry && (!f->sent_before || now.ns - f->refreshed.ns >= HURRY_AT_MOST);
	if (may_hurry || now.ns >= f->refresh_at.ns) {
		f->hurry = false;
		f->sent_before = true;
		f->refreshed = now;
		f->refresh_at.ns = now.ns + (f->n_endpoints > 0 ? REFRESH_EVERY : RETRY_EVERY);
		return send(f, now, GATEWAYS);
	}
	f->n_topics = f->ops->topics_to_ask(f->self, now, f->topics, MAX_TOPICS);
	return f->n_topics > 0 && copy_topics(f) && send(f, now, TOPICS);
}

bool finder_turn(struct finder *f, bc_mono_time now)
{
	struct bc_rpc_reply reply;
	if (f->asked == NOTHING)
		return ask(f, now);
	bc_status rc = bc_rpc_poll(f->rpc, now, &reply);
	if (rc == BC_EAGAIN)
		return false;
	enum asked what = f->asked;
	f->asked = NOTHING;
	if (rc != BC_OK || reply.status != BC_RPC_OK) {
		f->counters.unanswered++;
		return true;
	}
	if (what == TOPICS)
		take_topics(f, now, &reply);
	else if (reply.n_answers == 1)
		take_gateways(f, reply.answers[0]);
	if (what == GATEWAYS && f->n_endpoints > 0)
		f->refresh_at.ns = now.ns + REFRESH_EVERY;
	return true;
}

bc_mono_time finder_due(const struct finder *f)
{
	bc_mono_time due = f->refresh_at;
	if (f->asked != NOTHING)
		return bc_rpc_deadline(f->rpc);
	if (f->hurry && f->refreshed.ns + HURRY_AT_MOST < due.ns)
		due.ns = f->refreshed.ns + HURRY_AT_MOST;
	return due;
}

void *finder_socket(struct finder *f)
{
	return bc_rpc_client_socket(f->rpc);
}

const struct finder_counters *finder_counters(const struct finder *f)
{
	return &f->counters;
}
