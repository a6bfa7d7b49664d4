/* sim_face_rig.h - one connection to a simulated exchange without sockets: requests in, frames
 * kept, times as the test likes. */
#ifndef BC_SIM_FACE_RIG_H
#define BC_SIM_FACE_RIG_H

#include "publisher/simulator/face.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define RIG_START_NS INT64_C(1795235444000000000)
#define RIG_SENT_MAX 8192

struct rig {
	const struct sim_face *face;
	struct market *market;
	void *state, *session;
	struct sim_world world;
	uint32_t crossed;
	struct sim_old_snapshots old;
	struct sim_sink sink;
	char *frames[RIG_SENT_MAX]; /* what was sent, in order */
	bool is_data[RIG_SENT_MAX];
	size_t n;
	char ping[64]; /* the last one */
	size_t pings;
	uint16_t close_code;
	int64_t close_after_ns;
};

static void rig_keep(struct rig *r, bc_str payload, bool is_data)
{
	cr_assert_lt(r->n, RIG_SENT_MAX);
	r->is_data[r->n] = is_data;
	r->frames[r->n++] = strndup(payload.p, payload.n);
}

static void rig_data(void *self, bc_str symbol, bc_str payload)
{
	cr_expect_gt(symbol.n, 0);
	rig_keep(self, payload, true);
}

static void rig_reply(void *self, bc_str payload)
{
	rig_keep(self, payload, false);
}

static void rig_close(void *self, uint16_t code, int64_t after_ns)
{
	struct rig *r = self;

	r->close_code = code;
	r->close_after_ns = after_ns;
}

static void rig_ping(void *self, bc_str payload)
{
	struct rig *r = self;

	snprintf(r->ping, sizeof r->ping, "%.*s", (int)payload.n, payload.p);
	r->pings++;
}

static void rig_forget(struct rig *r)
{
	for (size_t i = 0; i < r->n; i++)
		free(r->frames[i]);
	r->n = 0;
}

/* Parses "GET <target>" into *out; `text` must outlive it. */
static void rig_parse(const char *target, char *text, size_t cap, struct http_request *out)
{
	int n = snprintf(text, cap, "GET %s HTTP/1.1\r\nHost: x\r\n\r\n", target), status;
	size_t used;

	cr_assert(n > 0 && (size_t)n < cap);
	cr_assert_eq(http_parse(text, (size_t)n, out, &used, &status), BC_OK, "%s", target);
}

/* The status of an upgrade; the rig's session is a new one if it is 101. */
static inline int rig_open(struct rig *r, const char *target)
{
	static char text[HTTP_HEAD_MAX];
	struct sim_reply reply = { .status = 200 };
	struct http_request request;

	rig_parse(target, text, sizeof text, &request);
	r->face->upgrade(r->state, &r->world, &request, &reply);
	sim_buffer_free(&reply.headers);
	sim_buffer_free(&reply.body);
	if (reply.status != 101)
		return reply.status;
	if (r->session != NULL)
		r->face->session_free(r->session);
	r->session = r->face->session_new(r->state);
	cr_assert_not_null(r->session);
	if (r->face->opened != NULL)
		r->face->opened(r->session, &r->world, &request, &r->sink);
	r->close_code = 0;
	return 101;
}

/* A market of the face's first n symbols; `levels` 0: as many as the face says. */
static inline struct rig *rig_new(const struct sim_face *face, size_t n, double rate,
				  uint32_t levels, double walk)
{
	struct rig *r = calloc(1, sizeof *r);
	struct market_spec *specs = calloc(n, sizeof *specs);
	struct market_options options = { .seed = 1,
					  .rate = rate,
					  .start = { RIG_START_NS },
					  .specs = specs,
					  .n_specs = n,
					  .intervals_s = face->intervals_s,
					  .n_intervals = face->n_intervals,
					  .journal = face->journal };

	cr_assert(face->specs(specs, n));
	for (size_t i = 0; i < n; i++) {
		if (levels > 0)
			specs[i].levels = levels;
		if (walk > 0)
			market_walk(&specs[i], walk);
	}
	r->face = face;
	r->market = market_new(&options);
	r->state = face->state_new();
	cr_assert(r->market != NULL && r->state != NULL);
	r->sink = (struct sim_sink){ r, rig_data, rig_reply, rig_close, rig_ping };
	r->world = (struct sim_world){ .market = r->market,
				       .now = { RIG_START_NS },
				       .mono = { BC_NS_PER_S },
				       .crossed = &r->crossed,
				       .old_snapshots = &r->old };
	free(specs);
	return r;
}

static inline void rig_free(struct rig *r)
{
	rig_forget(r);
	if (r->session != NULL)
		r->face->session_free(r->session);
	r->face->state_free(r->state);
	market_free(&r->market);
	free(r);
}

static inline void rig_say(struct rig *r, const char *text)
{
	r->face->message(r->session, &r->world, bc_str_of(text), &r->sink);
}

/* Time goes on; the market only if it is not `still`. */
static inline void rig_step(struct rig *r, int64_t ms, bool still)
{
	r->world.now.ns += ms * BC_NS_PER_MS;
	r->world.mono.ns += ms * BC_NS_PER_MS;
	if (still)
		market_skip(r->market, r->world.now);
	else
		market_advance(r->market, r->world.now);
	if (r->session != NULL)
		r->face->tick(r->session, &r->world, false, &r->sink);
}

static inline void rig_pass(struct rig *r, int64_t ms, int64_t step_ms)
{
	for (int64_t t = 0; t < ms; t += step_ms)
		rig_step(r, step_ms, false);
}

/* Answers with the body, to be freed; *status and headers[cap] where not NULL. */
static inline char *rig_get(struct rig *r, const char *target, int *status, char *headers,
			    size_t cap)
{
	char text[4096];
	struct sim_reply reply = { .status = 200 };
	struct http_request request;
	char *body;

	rig_parse(target, text, sizeof text, &request);
	r->face->request(r->state, &r->world, &request, &reply);
	cr_assert(!reply.body.failed && !reply.headers.failed);
	body = strndup(reply.body.data != NULL ? reply.body.data : "", reply.body.n);
	if (status != NULL)
		*status = reply.status;
	if (headers != NULL)
		snprintf(headers, cap, "%.*s", (int)reply.headers.n,
			 reply.headers.n > 0 ? reply.headers.data : "");
	sim_buffer_free(&reply.headers);
	sim_buffer_free(&reply.body);
	return body;
}

/* How many of the frames hold this text. */
static inline size_t rig_count(const struct rig *r, const char *needle)
{
	size_t n = 0;

	for (size_t i = 0; i < r->n; i++)
		n += strstr(r->frames[i], needle) != NULL;
	return n;
}

#endif
