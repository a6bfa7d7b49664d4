/* The publishing end of the bus on real sockets, and the set of filters behind it. */
#include "common/bus_pub.h"
#include "tests/support/temp_dir.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#define FRAME(text) ((bc_str){ (text), sizeof(text) }) /* with its NUL: an exact filter */

/* ------------------------------------------------------------------ filters */

struct matches {
	uint32_t topics[64];
	size_t n;
};

static void on_match(void *self, uint32_t topic)
{
	struct matches *m = self;
	m->topics[m->n++ % 64] = topic;
}

static struct bc_filters *three_topics(uint32_t ids[3])
{
	static const char *const topics[] = { "upbit.KRW-BTC.book", "upbit.KRW-BTC.book2",
					      "upbit.KRW-ETH.book" };
	struct bc_filters *f = NULL;
	cr_assert_eq(bc_filters_new(&f, 8), BC_OK);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(bc_filters_topic_open(f, bc_str_of(topics[i]), &ids[i]), BC_OK);
	return f;
}

/* Short ones lie in the array of topics, which moves as it grows; long ones apart. */
Test(bus_filters, many_topics_of_any_length_keep_their_names)
{
	enum { N = 1000 };
	struct bc_filters *f = NULL;
	char name[BC_TOPIC_MAX];
	uint32_t ids[N];
	cr_assert_eq(bc_filters_new(&f, N), BC_OK);
	for (int i = 0; i < N; i++) {
		int n = snprintf(name, sizeof name, "upbit.%0*d.book", 1 + i % 100, i);
		cr_assert_eq(bc_filters_topic_open(f, (bc_str){ name, (size_t)n }, &ids[i]), BC_OK);
		if (i % 7 == 3)
			bc_filters_topic_close(f, ids[i]);
	}
	for (int i = 0; i < N; i++) {
		if (i % 7 == 3)
			continue;
		int n = snprintf(name, sizeof name, "upbit.%0*d.book", 1 + i % 100, i);
		bc_str frame = { name, (size_t)n + 1 };
		cr_expect(bc_str_equal(bc_filters_topic(f, ids[i]), frame), "%s", name);
		cr_expect_not(bc_filters_wanted(f, ids[i]), "%s", name);
		cr_assert_eq(bc_filters_subscribe(f, frame, NULL, NULL), BC_OK);
		cr_expect(bc_filters_wanted(f, ids[i]), "%s", name);
	}
	bc_filters_free(&f);
}

Test(bus_filters, a_filter_wakes_what_it_matches)
{
	static const struct {
		bc_str filter;
		bool wanted[3];
		const char *why;
	} rows[] = {
		{ { "", 0 }, { true, true, true }, "empty: everything" },
		{ { "upbit.", 6 }, { true, true, true }, "an exchange" },
		{ { "upbit.KRW-BTC.", 14 }, { true, true, false }, "a symbol" },
		{ { "upbit.KRW-BTC.book", 18 }, { true, true, false }, "the beginning of a topic" },
		{ { "upbit.KRW-BTC.book", 19 },
		  { true, false, false },
		  "with its NUL: exactly it" },
		{ { "binance", 7 }, { false, false, false }, "nothing" },
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		uint32_t id[3];
		struct bc_filters *f = three_topics(id);
		struct matches m = { 0 };
		size_t want = 0;
		cr_assert_eq(bc_filters_subscribe(f, rows[i].filter, on_match, &m), BC_OK);
		for (int t = 0; t < 3; t++) {
			cr_expect_eq(bc_filters_wanted(f, id[t]), rows[i].wanted[t], "%s",
				     rows[i].why);
			want += rows[i].wanted[t];
		}
		cr_expect_eq(m.n, want, "%s", rows[i].why);
		bc_filters_unsubscribe(f, rows[i].filter);
		for (int t = 0; t < 3; t++)
			cr_expect_not(bc_filters_wanted(f, id[t]), "%s, and then not", rows[i].why);
		bc_filters_free(&f);
	}
}

Test(bus_filters, repeated_subscriptions_match_again_and_end_at_once)
{
	uint32_t id[3];
	struct bc_filters *f = three_topics(id);
	struct matches m = { 0 };
	bc_filters_subscribe(f, FRAME("upbit.KRW-ETH.book"), on_match, &m);
	bc_filters_subscribe(f, FRAME("upbit.KRW-ETH.book"), on_match, &m);
	cr_expect_eq(m.n, 2, "each newcomer is welcomed");
	cr_expect_eq(bc_filters_count(f), 1);
	bc_filters_subscribe(f, BC_STR("upbit"), on_match, &m);
	bc_filters_unsubscribe(f, FRAME("upbit.KRW-ETH.book"));
	cr_expect(bc_filters_wanted(f, id[2]), "the other filter still wants it");
	bc_filters_unsubscribe(f, FRAME("upbit.KRW-ETH.book"));
	bc_filters_unsubscribe(f, BC_STR("never"));
	cr_expect(bc_filters_wanted(f, id[2]), "what is not there cannot end");
	bc_filters_unsubscribe(f, BC_STR("upbit"));
	cr_expect_not(bc_filters_wanted(f, id[2]));
	bc_filters_free(&f);
}

Test(bus_filters, topics_that_come_later_are_wanted_by_what_is_there)
{
	uint32_t id[3], late;
	struct bc_filters *f = three_topics(id);
	bc_filters_subscribe(f, BC_STR("upbit.KRW-X"), NULL, NULL);
	bc_filters_subscribe(f, BC_STR(""), NULL, NULL);
	cr_assert_eq(bc_filters_topic_open(f, BC_STR("upbit.KRW-XRP.book"), &late), BC_OK);
	cr_expect_eq(bc_filters_topic_open(f, BC_STR("upbit.KRW-XRP.book"), &late), BC_EDUPLICATE);
	bc_filters_unsubscribe(f, BC_STR(""));
	cr_expect(bc_filters_wanted(f, late));
	bc_filters_topic_close(f, late);
	cr_assert_eq(bc_filters_topic_open(f, BC_STR("upbit.KRW-YYY.book"), &id[0]), BC_OK);
	cr_expect_eq(id[0], late, "the number is used again");
	cr_expect_not(bc_filters_wanted(f, late), "and does not inherit");
	bc_filters_free(&f);
}

Test(bus_filters, beyond_the_limit_everything_is_wanted)
{
	uint32_t id[3];
	char filter[16];
	struct bc_filters *f = three_topics(id);
	for (int i = 0; i < 8; i++) {
		snprintf(filter, sizeof filter, "other%d", i);
		cr_assert_eq(bc_filters_subscribe(f, bc_str_of(filter), NULL, NULL), BC_OK);
	}
	cr_expect_not(bc_filters_wanted(f, id[0]));
	cr_expect_eq(bc_filters_subscribe(f, BC_STR("upbit.KRW-BTC.book"), NULL, NULL), BC_ERANGE);
	cr_expect(bc_filters_wanted(f, id[0]) && bc_filters_wanted(f, id[2]));
	bc_filters_unsubscribe(f, BC_STR("upbit.KRW-BTC.book"));
	cr_expect(bc_filters_wanted(f, id[2]), "nobody can say any more who wants what");
	bc_filters_free(&f);
}

Test(bus_filters, many_filters_come_and_go)
{
	uint32_t id[3];
	char filter[32];
	struct bc_filters *f = NULL;
	cr_assert_eq(bc_filters_new(&f, 5000), BC_OK);
	cr_assert_eq(bc_filters_topic_open(f, BC_STR("x.1234.book"), &id[0]), BC_OK);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 5000; i++) {
			snprintf(filter, sizeof filter, "x.%d.", i);
			cr_assert_eq(bc_filters_subscribe(f, bc_str_of(filter), NULL, NULL), BC_OK);
		}
		cr_expect(bc_filters_wanted(f, id[0]));
		for (int i = 4999; i >= 0; i -= 1) {
			snprintf(filter, sizeof filter, "x.%d.", i);
			bc_filters_unsubscribe(f, bc_str_of(filter));
		}
		cr_expect_eq(bc_filters_count(f), 0);
		cr_expect_not(bc_filters_wanted(f, id[0]));
	}
	bc_filters_free(&f);
}

/* ------------------------------------------------------------------ real sockets */

struct rig {
	void *context;
	struct bc_pub *pub;
	struct temp_dir dir;
	char why[320];
};

static struct rig rig_of(uint32_t max_filters, int linger_ms)
{
	struct rig r = { .context = bc_bus_context_new() };
	struct bc_pub_options o = { .send_hwm_msgs = 1000,
				    .linger_ms = linger_ms,
				    .max_filters = max_filters };
	cr_assert(temp_dir_new(&r.dir));
	cr_assert_eq(bc_pub_new(&r.pub, r.context, &o), BC_OK);
	return r;
}

static struct rig rig_with(uint32_t max_filters)
{
	return rig_of(max_filters, 0);
}

static struct rig rig_open(void)
{
	return rig_with(0);
}

static void rig_close(struct rig *r)
{
	bc_pub_free(&r->pub);
	bc_bus_context_free(&r->context);
	temp_dir_free(&r->dir);
}

static void *subscriber(struct rig *r, const char *endpoint, bc_str filter)
{
	int timeout = 60000, none = 0, six = 0;
	void *sub = zmq_socket(r->context, ZMQ_SUB);
	zmq_setsockopt(sub, ZMQ_RCVTIMEO, &timeout, sizeof timeout);
	zmq_setsockopt(sub, ZMQ_LINGER, &none, sizeof none);
	zmq_setsockopt(sub, ZMQ_IPV6, &six, sizeof six);
	zmq_setsockopt(sub, ZMQ_SUBSCRIBE, filter.p, filter.n);
	cr_assert_eq(zmq_connect(sub, endpoint), 0);
	return sub;
}

/* Until a subscription has matched something, for 10 s at most. */
static void wait_match(struct rig *r, struct matches *m)
{
	zmq_pollitem_t item = { .socket = bc_pub_socket(r->pub), .events = ZMQ_POLLIN };
	for (int i = 0; i < 100 && m->n == 0; i++) {
		zmq_poll(&item, 1, 100);
		cr_assert_eq(bc_pub_read(r->pub, 100, on_match, m), BC_EAGAIN);
	}
	cr_assert_gt(m->n, 0, "nobody subscribed");
}

Test(bus_pub, one_frame_over_ipc_and_tcp)
{
	struct rig r = rig_open();
	uint32_t topic;
	char frame[64];
	cr_assert_eq(bc_pub_bind_ipc(r.pub, r.dir.path, "x.0.pub", r.why, sizeof r.why), BC_OK,
		     "%s", r.why);
	cr_assert_eq(bc_pub_bind(r.pub, "tcp://127.0.0.1:0", false, r.why, sizeof r.why), BC_OK,
		     "%s", r.why);
	cr_assert_eq(bc_filters_topic_open(bc_pub_filters(r.pub), BC_STR("x.A.book"), &topic),
		     BC_OK);
	cr_expect_eq(strncmp(bc_pub_endpoint(r.pub, 1), "tcp://127.0.0.1:", 16), 0, "%s",
		     bc_pub_endpoint(r.pub, 1));
	cr_expect_str_neq(bc_pub_endpoint(r.pub, 1), "tcp://127.0.0.1:0", "the real port");
	for (size_t i = 0; i < bc_pub_endpoints(r.pub); i++) {
		struct matches m = { 0 };
		void *sub = subscriber(&r, bc_pub_endpoint(r.pub, i), FRAME("x.A.book"));
		wait_match(&r, &m);
		cr_expect(bc_filters_wanted(bc_pub_filters(r.pub), topic));
		cr_assert_eq(bc_pub_send(r.pub, topic, BC_STR("payload")), BC_OK);
		int n = zmq_recv(sub, frame, sizeof frame, 0);
		cr_assert_eq(n, 16);
		cr_expect_arr_eq(frame, "x.A.book\0payload", 16);
		zmq_close(sub);
	}
	rig_close(&r);
}

static void *follow(struct rig *r, uint32_t *topic)
{
	struct matches m = { 0 };
	cr_assert_eq(bc_pub_bind(r->pub, "tcp://127.0.0.1:0", false, r->why, sizeof r->why), BC_OK);
	cr_assert_eq(bc_filters_topic_open(bc_pub_filters(r->pub), BC_STR("x.A.book"), topic),
		     BC_OK);
	void *sub = subscriber(r, bc_pub_endpoint(r->pub, 0), BC_STR(""));
	wait_match(r, &m);
	return sub;
}

/* The payloads that come, each of one letter. */
static void expect_letters(void *sub, const char *letters)
{
	char frame[64];
	for (size_t i = 0; letters[i] != '\0'; i++) {
		cr_assert_eq(zmq_recv(sub, frame, sizeof frame, 0), 10, "%s, after %zu", letters,
			     i);
		cr_expect_eq(frame[9], letters[i], "%s, after %zu: %c", letters, i, frame[9]);
	}
}

Test(bus_pub, what_is_held_waits_and_keeps_its_place)
{
	struct rig r = rig_open();
	uint32_t topic;
	void *sub = follow(&r, &topic);
	cr_assert_eq(bc_pub_hold(r.pub, topic, BC_STR("a")), BC_OK);
	cr_assert_eq(bc_pub_hold(r.pub, topic, BC_STR("b")), BC_OK);
	cr_assert_eq(zmq_send(bc_pub_socket(r.pub), "x.A.book\0-", 10, 0), 10); /* past it all */
	bc_pub_flush(r.pub);
	bc_pub_flush(r.pub); /* nothing left */
	cr_assert_eq(bc_pub_hold(r.pub, topic, BC_STR("c")), BC_OK);
	cr_assert_eq(bc_pub_send(r.pub, topic, BC_STR("d")), BC_OK);
	expect_letters(sub, "-abcd");
	cr_expect_eq(bc_pub_refused(r.pub), 0);
	zmq_close(sub);
	rig_close(&r);
}

Test(bus_pub, no_more_than_the_bound_is_held)
{
	struct rig r = rig_open();
	uint32_t topic;
	char all[BC_PUB_MAX_HELD + 3];
	void *sub = follow(&r, &topic);
	for (int i = 0; i <= BC_PUB_MAX_HELD; i++) {
		all[i] = (char)('0' + i);
		cr_assert_eq(bc_pub_hold(r.pub, topic, (bc_str){ &all[i], 1 }), BC_OK);
	}
	char last = all[BC_PUB_MAX_HELD];
	cr_assert_eq(zmq_send(bc_pub_socket(r.pub), "x.A.book\0-", 10, 0), 10);
	all[BC_PUB_MAX_HELD] = '-';
	all[BC_PUB_MAX_HELD + 1] = last;
	all[BC_PUB_MAX_HELD + 2] = '\0';
	bc_pub_flush(r.pub);
	expect_letters(sub, all);
	zmq_close(sub);
	rig_close(&r);
}

Test(bus_pub, what_is_held_at_the_end_is_sent)
{
	struct rig r = rig_of(0, 1000);
	uint32_t topic;
	void *sub = follow(&r, &topic);
	cr_assert_eq(bc_pub_hold(r.pub, topic, BC_STR("a")), BC_OK);
	bc_pub_free(&r.pub);
	expect_letters(sub, "a");
	zmq_close(sub);
	rig_close(&r);
}

Test(bus_pub, what_libzmq_refuses_of_it_is_counted)
{
	struct rig r = rig_open();
	uint32_t topic;
	void *sub = follow(&r, &topic);
	cr_assert_eq(bc_pub_hold(r.pub, topic, BC_STR("a")), BC_OK);
	cr_assert_eq(bc_pub_hold(r.pub, topic, BC_STR("b")), BC_OK);
	zmq_ctx_shutdown(r.context);
	bc_pub_flush(r.pub);
	cr_expect_eq(bc_pub_refused(r.pub), 2);
	zmq_close(sub);
	rig_close(&r);
}

Test(bus_pub, ipc_path_is_for_the_group_and_has_one_owner)
{
	struct rig r = rig_open(), other = rig_open();
	struct stat st;
	char path[160];
	cr_assert_eq(bc_pub_bind_ipc(r.pub, r.dir.path, "x.0.pub", r.why, sizeof r.why), BC_OK);
	snprintf(path, sizeof path, "%s/x.0.pub", r.dir.path);
	cr_assert_eq(stat(path, &st), 0);
	cr_expect_eq(st.st_mode & 0777, 0660, "mode %o", st.st_mode & 0777);
	cr_expect_eq(bc_pub_bind_ipc(other.pub, r.dir.path, "x.0.pub", other.why, sizeof other.why),
		     BC_EBUSY);
	cr_expect(strstr(other.why, "x.0") != NULL, "%s", other.why);
	bc_pub_free(&r.pub);
	cr_expect_eq(bc_pub_bind_ipc(other.pub, r.dir.path, "x.0.pub", other.why, sizeof other.why),
		     BC_OK, "the lock goes with its owner: %s", other.why);
	rig_close(&other);
	rig_close(&r);
}

Test(bus_pub, binds_that_are_refused)
{
	static const struct {
		const char *endpoint;
		bc_status status;
		const char *says;
	} rows[] = {
		{ "tcp://0.0.0.0:0", BC_EINVAL, "allow_insecure" },
		{ "tcp://*:0", BC_EINVAL, "allow_insecure" },
		{ "tcp://[::]:0", BC_EINVAL, "allow_insecure" },
		{ "nonsense", BC_EINVAL, "allow_insecure" },
		{ "tcp://127.0.0.1", BC_EINVAL, "not an endpoint" },
		{ "ipc:///tmp/x", BC_EINVAL, "run_dir" },
	};
	struct rig r = rig_open();
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		cr_expect_eq(bc_pub_bind(r.pub, rows[i].endpoint, false, r.why, sizeof r.why),
			     rows[i].status, "%s", rows[i].endpoint);
		cr_expect(strstr(r.why, rows[i].says) != NULL, "%s: %s", rows[i].endpoint, r.why);
	}
	cr_assert_eq(bc_pub_bind(r.pub, "tcp://127.0.0.1:0", false, r.why, sizeof r.why), BC_OK);
	struct rig other = rig_open();
	cr_expect_eq(bc_pub_bind(other.pub, bc_pub_endpoint(r.pub, 0), false, other.why,
				 sizeof other.why),
		     BC_EBUSY);
	cr_expect(strstr(other.why, "in use") != NULL, "%s", other.why);
	cr_expect_eq(bc_pub_bind(other.pub, "tcp://0.0.0.0:0", true, other.why, sizeof other.why),
		     BC_OK, "if that is meant: %s", other.why);
	rig_close(&other);
	rig_close(&r);
}

Test(bus_pub, a_huge_subscription_costs_its_sender_alone)
{
	struct rig r = rig_open();
	uint32_t topic;
	struct matches m = { 0 };
	static char huge[60000];
	memset(huge, 'x', sizeof huge);
	cr_assert_eq(bc_pub_bind(r.pub, "tcp://127.0.0.1:0", false, r.why, sizeof r.why), BC_OK);
	cr_assert_eq(bc_filters_topic_open(bc_pub_filters(r.pub), BC_STR("x.A.book"), &topic),
		     BC_OK);
	void *bad = subscriber(&r, bc_pub_endpoint(r.pub, 0), (bc_str){ huge, sizeof huge });
	void *good = subscriber(&r, bc_pub_endpoint(r.pub, 0), BC_STR("x."));
	wait_match(&r, &m);
	cr_expect_eq(bc_filters_count(bc_pub_filters(r.pub)), 1, "the huge one never arrived");
	cr_assert_eq(bc_pub_send(r.pub, topic, BC_STR("p")), BC_OK);
	cr_expect_eq(zmq_recv(good, huge, sizeof huge, 0), 10);
	zmq_close(bad);
	zmq_close(good);
	rig_close(&r);
}

/* ------------------------------------------------------------------ floods */

enum { CAP = 200 };

static void on_nothing(void *self, uint32_t topic)
{
	(void)self;
	(void)topic;
}

/* Asks for `n` topics that nobody publishes. */
static void flood(void *sub, int first, int n)
{
	char text[64];
	for (int i = first; i < first + n; i++) {
		snprintf(text, sizeof text, "nobody.%d.publishes-this-topic-at-all", i);
		zmq_setsockopt(sub, ZMQ_SUBSCRIBE, text, strlen(text));
	}
}

/* Reads subscriptions for a moment; there are never more than may be. */
static void read_some(struct rig *r, void *sub)
{
	int events;
	size_t n_events = sizeof events;
	zmq_pollitem_t item = { .socket = bc_pub_socket(r->pub), .events = ZMQ_POLLIN };
	bc_status rc;
	zmq_getsockopt(sub, ZMQ_EVENTS, &events, &n_events); /* it subscribes again in here */
	zmq_poll(&item, 1, 10);
	do
		rc = bc_pub_read(r->pub, 50, on_nothing, NULL);
	while (rc == BC_OK || rc == BC_EBUSY);
	cr_assert_eq(rc, BC_EAGAIN);
	cr_assert_leq(bc_filters_count(bc_pub_filters(r->pub)), CAP + CAP / 8);
}

/* Reads until `n` connections were ended. */
static void read_until_cut(struct rig *r, void *sub, uint64_t n)
{
	for (int64_t end = test_in(60); bc_pub_flood(r->pub)->n_cut < n && test_now_ns() < end;)
		read_some(r, sub);
	cr_assert_geq(bc_pub_flood(r->pub)->n_cut, n);
}

/* NULL: an ipc endpoint in its directory. */
static void bind_at(struct rig *r, const char *bind)
{
	bc_status rc = bind == NULL ? bc_pub_bind_ipc(r->pub, r->dir.path, "x.0.pub", r->why,
						      sizeof r->why)
				    : bc_pub_bind(r->pub, bind, false, r->why, sizeof r->why);
	cr_assert_eq(rc, BC_OK, "%s", r->why);
}

/* The other one hears on, over the connection it has always had. */
static void hears_on(struct rig *r, void *good, uint32_t topic)
{
	char frame[64];
	cr_assert_eq(bc_pub_send(r->pub, topic, BC_STR("payload")), BC_OK);
	cr_expect_eq(zmq_recv(good, frame, sizeof frame, 0), 16);
}

static void a_flood_over(const char *bind)
{
	struct rig r = rig_with(CAP);
	uint32_t topic, other;
	bind_at(&r, bind);
	struct bc_filters *filters = bc_pub_filters(r.pub);
	cr_assert_eq(bc_filters_topic_open(filters, BC_STR("x.A.book"), &topic), BC_OK);
	cr_assert_eq(bc_filters_topic_open(filters, BC_STR("x.B.book"), &other), BC_OK);
	const char *endpoint = bc_pub_endpoint(r.pub, 0);
	void *good = subscriber(&r, endpoint, FRAME("x.A.book"));
	flood(good, -40, 40); /* who has some himself is not who has most */
	for (int64_t end = test_in(60); bc_filters_count(filters) < 41 && test_now_ns() < end;)
		read_some(&r, good);
	void *bad = subscriber(&r, endpoint, BC_STR("bad"));
	flood(bad, 0, 20 * CAP);
	read_until_cut(&r, bad, 1);
	read_until_cut(&r, bad, 2); /* it comes again, and so does this */
	cr_expect_gt(bc_pub_flood(r.pub)->n_filters, CAP / 2);
	cr_expect(strlen(bc_pub_flood(r.pub)->address) > 0);
	hears_on(&r, good, topic);
	zmq_close(bad);
	for (int64_t end = test_in(60); bc_filters_count(filters) > 41 && test_now_ns() < end;)
		read_some(&r, good);
	cr_expect_eq(bc_filters_count(filters), 41, "what it brought went with it");
	cr_expect(bc_filters_wanted(filters, topic));
	cr_expect_not(bc_filters_wanted(filters, other), "who wants what is known as before");
	zmq_close(good);
	rig_close(&r);
}

Test(bus_pub, a_flood_of_subscriptions_costs_its_sender_alone)
{
	a_flood_over(NULL);
	a_flood_over("tcp://127.0.0.1:0");
}

/* Fewer, but longer ones take as much of libzmq's memory. */
Test(bus_pub, long_subscriptions_count_by_their_length)
{
	struct rig r = rig_of(CAP, 1000); /* it ends while the connection has things to say */
	char text[256];
	cr_assert_eq(bc_pub_bind_ipc(r.pub, r.dir.path, "x.0.pub", r.why, sizeof r.why), BC_OK);
	void *bad = subscriber(&r, bc_pub_endpoint(r.pub, 0), BC_STR("bad"));
	for (int i = 0; i < CAP / 2; i++) {
		memset(text, 'x', 240);
		snprintf(text, 12, "%d.", i);
		zmq_setsockopt(bad, ZMQ_SUBSCRIBE, text, 240);
	}
	read_until_cut(&r, bad, 1);
	cr_expect_leq(bc_pub_flood(r.pub)->n_filters, 1 + CAP * 64 / 240 + 1);
	zmq_close(bad);
	rig_close(&r);
}

static bool never(const void *self, int fd)
{
	(void)self;
	(void)fd;
	return false;
}

static bool always(const void *self, int fd)
{
	(void)self;
	(void)fd;
	return true;
}

Test(bus_peers, a_descriptor_that_is_somebody_else_is_left_alone)
{
	int pair[2];
	char address[64], byte;
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	snprintf(address, sizeof address, "localhost:%d:%d:%d", (int)getuid(), (int)getgid(),
		 (int)getpid());
	struct bc_peers *peers = bc_peers_new();
	uint32_t mine = bc_peers_find(peers, pair[0], address);
	bc_peers_gain(peers, mine);
	struct bc_peer *me = bc_peers_at(peers, mine);
	struct bc_peer *other =
		bc_peers_at(peers, bc_peers_find(peers, pair[0], "localhost:0:0:1"));
	cr_expect_neq(me, other);
	cr_expect_not(bc_peer_cut(other, always, NULL), "another process");
	cr_expect_not(bc_peer_cut(me, never, NULL), "not accepted by us");
	cr_assert_eq(write(pair[1], "x", 1), 1);
	cr_expect_eq(read(pair[0], &byte, 1), 1, "it still is open");
	cr_expect(bc_peer_cut(me, always, NULL));
	cr_expect_eq(read(pair[1], &byte, 1), 0, "its end");
	bc_peers_free(&peers);
	close(pair[0]);
	close(pair[1]);
}

Test(bus_peers, a_peer_is_forgotten_with_its_last_filter)
{
	struct bc_peers *peers = bc_peers_new();
	uint32_t a = bc_peers_find(peers, 5, "a"), b;
	bc_peers_gain(peers, a);
	bc_peers_gain(peers, a);
	b = bc_peers_find(peers, 5, "b");
	bc_peers_gain(peers, b);
	cr_expect_neq(a, b);
	cr_expect_eq(bc_peers_find(peers, 5, "a"), a);
	cr_expect_eq(bc_peers_largest(peers), a);
	bc_peers_at(peers, a)->cut = true;
	cr_expect_eq(bc_peers_largest(peers), b);
	bc_peers_lose(peers, a);
	bc_peers_lose(peers, a);
	cr_expect_not(bc_peers_at(peers, bc_peers_find(peers, 5, "a"))->cut, "it begins anew");
	cr_expect_eq(bc_peers_find(peers, -1, "x"), BC_PEER_NONE);
	cr_expect_eq(bc_peers_find(peers, 7, NULL), BC_PEER_NONE);
	for (int fd = 10; fd < 2000; fd++)
		bc_peers_gain(peers, bc_peers_find(peers, fd, "many"));
	cr_expect_eq(bc_peers_find(peers, 3000, "one more"), BC_PEER_NONE);
	bc_peers_free(&peers);
}
