/* requests.c - requests, answers, and what can be wrong with them. */
#include "tests/simulation/trial_private.h"

#include <stdlib.h>
#include <string.h>

#define ANSWER_TIMEOUT_NS (10 * S) /* as the gateway's */
#define REPEAT_NS         (500 * MS)

/* Whoever failed is left alone for a while, and for as long as he has asked for. */
static void judge_get(struct gateway *g, uint32_t request, bc_str path)
{
	uint64_t seconds = (uint64_t)((g->t->now_ns - TRIAL_START) / S);
	g->t->result->gets++;
	if (g->t->result->gets >
	    g->t->model->gets + g->t->model->gets_a_second * g->t->n_symbols * seconds)
		trial_fail(g, "budget", "%llu REST requests within %llu s",
			   (unsigned long long)g->t->result->gets, (unsigned long long)seconds);
	if (request >= SESSION_REST_SLOTS || g->asked[request].in_flight)
		trial_fail(g, "budget", "REST slot %u is not free", request);
	if (g->t->now_ns < g->rest_quiet_until_ns)
		trial_fail(g, "budget", "a REST request before the exchange wants to hear of us");
	for (size_t i = 0; i < SESSION_REST_SLOTS; i++) {
		const struct rest_asked *a = &g->asked[i];
		if (a->path != NULL && bc_str_is(path, a->path) && g->t->now_ns < a->not_before_ns)
			trial_fail(g, "budget", "what has failed is asked again at once: %s",
				   a->path);
	}
}

static bool is_of_books(const char *path)
{
	return strstr(path, "/depth?") != NULL || strstr(path, "/orderbook?") != NULL;
}

/* Whose books an answer holds; 1 << symbol of the market. */
static uint64_t books_of(const struct gateway *g, const char *path)
{
	uint64_t symbols = 0;
	for (size_t i = 0; is_of_books(path) && i < g->t->n_symbols; i++) {
		if (names_symbol(bc_str_of(path), market_spec(g->t->market, i)->name))
			symbols |= UINT64_C(1) << i;
	}
	return symbols;
}

void request_told(struct gateway *g, const struct event *e)
{
	struct rest_asked *a = &g->asked[e->request];
	uint64_t books = e->kind == EVENT_ANSWER && a->path != NULL ? books_of(g, a->path) : 0;
	for (size_t i = 0; i < g->t->n_symbols; i++) {
		if ((books >> i & 1) != 0)
			g->heard[i].polled_ns = trial_now(g).mono.ns;
	}
	bool limit = e->http_status == 429 || e->http_status == 418;
	int64_t wait = e->retry_after_ns > REPEAT_NS ? e->retry_after_ns : REPEAT_NS;
	a->in_flight = false;
	a->not_before_ns = e->kind == EVENT_FAILED && !a->forgotten ? g->t->now_ns + wait : 0;
	if (limit && g->x->rest_weight_per_min > 0)
		g->rest_quiet_until_ns = g->t->now_ns + e->retry_after_ns;
}

void request_get(struct gateway *g, uint32_t request, bc_str path)
{
	int64_t at = g->t->now_ns + g->plan.rest_latency_ns / 2 +
		     dice_between(&g->dice, 0, g->plan.rest_jitter_ns / 2);
	judge_get(g, request, path);
	if (g->t->result->failed)
		return;
	struct event *e = event_new(g, EVENT_REQUEST, at, path);
	e->request = request;
	event_add(g, &g->server, e);
	free(g->asked[request].path);
	g->asked[request] = (struct rest_asked){ true, strndup(path.p, path.n), 0, false };
}

/* ------------------------------------------------------------------ earlier answers */

static void keep(struct gateway *g, bc_str path, bc_str body)
{
	struct rest_kept *k = &g->kept[g->n_kept++ % REST_KEPT];
	free(k->path);
	free(k->body);
	*k = (struct rest_kept){ strndup(path.p, path.n), malloc(body.n + 1), body.n };
	if (k->path == NULL || k->body == NULL)
		abort();
	if (body.n > 0)
		memcpy(k->body, body.p, body.n);
}

void requests_free(struct gateway *g)
{
	for (size_t i = 0; i < SESSION_REST_SLOTS; i++)
		free(g->asked[i].path);
	for (size_t i = 0; i < REST_KEPT; i++) {
		free(g->kept[i].path);
		free(g->kept[i].body);
	}
	memset(g->asked, 0, sizeof g->asked);
	memset(g->kept, 0, sizeof g->kept);
	g->n_kept = 0;
}

/* Whose snapshot this path asks for; NULL: it is of something else. */
static struct heard *asked_about(struct gateway *g, bc_str path)
{
	if (memmem(path.p, path.n, "depth", 5) == NULL)
		return NULL;
	for (size_t i = 0; i < g->t->n_symbols; i++) {
		if (names_symbol(path, market_spec(g->t->market, i)->name))
			return &g->heard[i];
	}
	return NULL;
}

/* One that was given for this path, or for another symbol by one of the same kind; NULL: none. */
static const struct rest_kept *kept_one(struct gateway *g, bc_str path, bool same)
{
	size_t n = g->n_kept < REST_KEPT ? g->n_kept : REST_KEPT;
	size_t kind = (size_t)((const char *)memchr(path.p, '?', path.n) - path.p);
	size_t start = n == 0 ? 0 : (size_t)dice_between(&g->dice, 0, (int64_t)n - 1);
	if (memchr(path.p, '?', path.n) == NULL)
		kind = path.n;
	for (size_t i = 0; i < n; i++) {
		const struct rest_kept *k = &g->kept[(start + i) % n];
		bool other = asked_about(g, path) == NULL ||
			     asked_about(g, path) != asked_about(g, bc_str_of(k->path));
		if (strncmp(k->path, path.p, kind) == 0 && bc_str_is(path, k->path) == same &&
		    (same || other))
			return k;
	}
	return NULL;
}

/* ------------------------------------------------------------------ answering */

static void respond(struct gateway *g, const struct event *e, int status, int64_t retry_after_ns,
		    int64_t after_ns, bc_str body, int64_t used)
{
	bool good = status / 100 == 2;
	struct event *a =
		event_new(g, good ? EVENT_ANSWER : EVENT_FAILED, g->t->now_ns + after_ns, body);
	a->request = e->request;
	a->http_status = status;
	a->retry_after_ns = retry_after_ns;
	a->used_weight = used;
	a->why = good ? "" : "by fault";
	event_add(g, &g->client, a);
}

/* Refused without being counted: it never reached the part that counts. */
static bool refused(struct gateway *g, const struct event *e)
{
	static const struct {
		enum fault fault;
		int status;
	} rows[] = { { FAULT_REST_5XX, 503 },
		     { FAULT_REST_429, 429 },
		     { FAULT_REST_418, 418 },
		     { FAULT_REST_LOST, 0 } };
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (!fault_hits(g, rows[i].fault))
			continue;
		int64_t after = rows[i].status == 0 ? ANSWER_TIMEOUT_NS : 20 * MS;
		int64_t retry = rows[i].status / 100 == 4 ? dice_between(&g->dice, 1, 3) * S : 0;
		respond(g, e, rows[i].status, retry, after, BC_STR(""), -1);
		return true;
	}
	return false;
}

static uint32_t rounded_up(const struct bc_sync *sync, uint32_t levels)
{
	size_t i = 0;
	while (i + 1 < sync->n_limits && sync->limits[i].levels < levels)
		i++;
	return sync->limits[i].levels;
}

/* Of that depth books are polled, too: as the session rounds it up, and the adapter after it. */
static bool may_be_poll(const struct gateway *g, bc_str path)
{
	const struct bc_exchange *usual = bc_exchange_find(g->t->model->exchange);
	const char *limit = memmem(path.p, path.n, "limit=", 6);
	uint32_t polled = rounded_up(usual->sync, rounded_up(g->x->sync, g->so.levels));
	return g->so.source != SESSION_WS && limit != NULL &&
	       strtoul(limit + 6, NULL, 10) == polled;
}

/* A mistake that somebody can notice: neither trades nor books say whose they are, a snapshot is
 * all there is while its stream has not been heard, or where two answers agree, and nothing stands
 * beside what is polled. */
static bool is_mistaken(struct gateway *g, bc_str path)
{
	struct heard *heard = asked_about(g, path);
	if (memmem(path.p, path.n, "rades", 5) != NULL)
		return false;
	if (heard == NULL)
		return fault_hits(g, FAULT_REST_OTHER);
	const struct link *link = &g->links[heard->link];
	bool listens = link->phase == LINK_OPEN && link->life == heard->life &&
		       !may_be_poll(g, path) && !judge_is_polled(g, (size_t)(heard - g->heard));
	for (uint32_t i = 0; i < g->n_links; i++)
		listens &= g->links[i].phase == LINK_OPEN;
	heard->mistaken = listens && !heard->mistaken && fault_hits(g, FAULT_REST_OTHER);
	return heard->mistaken;
}

static void respond_with(struct gateway *g, const struct event *e, const struct sim_reply *reply)
{
	bc_str path = { e->bytes, e->n }, body = { reply->body.data, reply->body.n };
	int64_t after =
		g->plan.rest_latency_ns / 2 + dice_between(&g->dice, 0, g->plan.rest_jitter_ns / 2);
	int64_t used =
		g->x->rest_used_header == NULL ? -1 : header_number(reply, g->x->rest_used_header);
	const struct rest_kept *kept = NULL;
	if (fault_hits(g, FAULT_REST_LATE))
		after += dice_between(&g->dice, 500, 9000) * MS;
	if (fault_hits(g, FAULT_REST_STALE))
		kept = kept_one(g, path, true);
	else if (is_mistaken(g, path))
		kept = kept_one(g, path, false);
	if (kept != NULL)
		body = (bc_str){ kept->body, kept->n };
	if (body.n > 1 && fault_hits(g, FAULT_REST_CUT))
		body.n = (size_t)dice_between(&g->dice, 0, (int64_t)body.n - 1);
	else if (fault_hits(g, FAULT_REST_GARBAGE))
		body = BC_STR("<html><body>Bad gateway</body></html>");
	respond(g, e, reply->status, 0, after, body, used);
	if (kept == NULL)
		keep(g, path, (bc_str){ reply->body.data, reply->body.n });
}

void request_arrives(struct gateway *g, struct event *e)
{
	struct sim_buffer text = { NULL, 0, 0, false };
	struct sim_reply reply = { .status = 200 };
	struct sim_world world = exchange_world(g);
	struct http_request request;
	uint64_t books = books_of(g, e->bytes);
	if (refused(g, e))
		return;
	for (size_t i = 0; i < g->t->n_symbols && !g->t->numbered; i++) {
		if ((books >> i & 1) != 0)
			truth_sent(g->t, i);
	}
	if (request_of(&text, (bc_str){ e->bytes, e->n }, "", &request))
		g->t->face->request(g->face_state, &world, &request, &reply);
	if (reply.status == 429 || reply.status == 418)
		trial_fail(g, "budget", "REST %d without a fault: %s", reply.status, e->bytes);
	respond_with(g, e, &reply);
	sim_buffer_free(&text);
	sim_buffer_free(&reply.headers);
	sim_buffer_free(&reply.body);
}
