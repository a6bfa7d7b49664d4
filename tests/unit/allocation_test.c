/* From a received frame to zmq_msg_send: nothing of ours allocates after warm-up, and libzmq does
 * so exactly once for a message over 33 bytes.
 *
 * Ours is counted by the linker's --wrap, which sees the calls of what is linked in; all calls of
 * this thread, libzmq's too, by a malloc of this program's own (not under sanitizers, which bring
 * theirs). */
#include "common/bus_pub.h"
#include "common/latest.h"
#include "publisher/outlet.h"
#include "publisher/session.h"
#include "tests/support/temp_dir.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

static _Thread_local size_t ours, all;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

void *__wrap_malloc(size_t n)
{
	ours++;
	return __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	ours++;
	return __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
	ours++;
	return __real_realloc(p, n);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define COUNTS_ALL 0
#else
#define COUNTS_ALL 1
void *__libc_malloc(size_t n);

static void *count_malloc(size_t n)
{
	all++;
	return __libc_malloc(n);
}
__attribute__((visibility("default"), alias("count_malloc"))) void *malloc(size_t);
#endif

/* ------------------------------------------------------------------ the whole path */

struct rig {
	void *context, *sub;
	struct temp_dir dir;
	struct bc_latest_writer *latest;
	struct bc_pub *pub;
	struct outlet *outlet;
	struct session *session;
	struct session_now now;
	size_t heard;
	bool getting; /* a request is in flight */
	uint32_t get;
	int trades;
};

static bc_status topic_open(void *self, bc_str topic, uint32_t *out)
{
	struct rig *r = self;
	bc_status rc = bc_filters_topic_open(bc_pub_filters(r->pub), topic, out);
	return rc == BC_OK ? bc_latest_add(r->latest, *out, topic, 2048) : rc;
}

static void topic_close(void *self, uint32_t topic)
{
	bc_filters_topic_close(bc_pub_filters(((struct rig *)self)->pub), topic);
}

static void topic_said(void *self, bc_mono_time now, uint32_t topic, const struct outlet_said *said)
{
	const struct bc_latest_news news = { said->envelope, said->trade_id, said->ts_open,
					     said->payload };
	bc_latest_put(((struct rig *)self)->latest, now, topic, &news);
}

static void topic_soon(void *self, uint32_t topic)
{
	bc_latest_soon(((struct rig *)self)->latest, topic);
}

static void topic_next(void *self, uint32_t topic)
{
	bc_latest_next(((struct rig *)self)->latest, topic);
}

static bool topic_wanted(void *self, uint32_t topic)
{
	return bc_filters_wanted(bc_pub_filters(((struct rig *)self)->pub), topic);
}

static bc_status topic_send(void *self, uint32_t topic, bc_str payload)
{
	return bc_pub_hold(((struct rig *)self)->pub, topic, payload);
}

static bc_wall_time wall_now(void *self)
{
	return ((struct rig *)self)->now.wall;
}

static void ignore_connection(void *self, uint32_t connection)
{
	(void)self;
	(void)connection;
}

static bc_status act_send(void *self, uint32_t connection, bc_str text)
{
	(void)self;
	(void)connection;
	(void)text;
	return BC_OK;
}

static void act_get(void *self, uint32_t request, bc_str path)
{
	struct rig *r = self;
	(void)path;
	r->getting = true;
	r->get = request;
}

static bc_status act_added(void *self, uint32_t symbol, bc_str name)
{
	struct rig *r = self;
	return outlet_symbol_add(r->outlet, r->now.mono, symbol, name);
}

static void act_removed(void *self, uint32_t symbol)
{
	outlet_symbol_remove(((struct rig *)self)->outlet, symbol);
}

static void act_symbol_state(void *self, uint32_t symbol, const struct session_change *change)
{
	struct rig *r = self;
	outlet_symbol_state(r->outlet, r->now.mono, symbol, change);
}

static void act_feed_state(void *self, const struct session_change *change)
{
	struct rig *r = self;
	outlet_feed_state(r->outlet, r->now.mono, change);
}

static void act_event(void *self, uint32_t symbol, const struct bc_event *event,
		      bc_wall_time received)
{
	struct rig *r = self;
	outlet_event(r->outlet, r->now.mono, symbol, event, received);
}

static void act_soon(void *self, uint32_t symbol)
{
	outlet_soon(((struct rig *)self)->outlet, symbol);
}

static void act_log(void *self, enum bc_log_level level, const char *event,
		    const struct bc_log_field *fields)
{
	(void)self;
	(void)level;
	(void)event;
	(void)fields;
}

static void open_bus(struct rig *r)
{
	struct bc_pub_options pub = { .send_hwm_msgs = 100000, .linger_ms = 0 };
	char why[256] = "";
	int no_limit = 0;
	r->context = bc_bus_context_new();
	cr_assert_eq(bc_pub_new(&r->pub, r->context, &pub), BC_OK);
	cr_assert_eq(bc_pub_bind(r->pub, "tcp://127.0.0.1:0", false, why, sizeof why), BC_OK, "%s",
		     why);
	r->sub = zmq_socket(r->context, ZMQ_SUB);
	zmq_setsockopt(r->sub, ZMQ_RCVHWM, &no_limit, sizeof no_limit);
	zmq_setsockopt(r->sub, ZMQ_LINGER, &no_limit, sizeof no_limit);
	zmq_connect(r->sub, bc_pub_endpoint(r->pub, 0));
}

static void subscribe(struct rig *r)
{
	zmq_setsockopt(r->sub, ZMQ_SUBSCRIBE, "", 0);
	zmq_pollitem_t item = { .socket = bc_pub_socket(r->pub), .events = ZMQ_POLLIN };
	for (int i = 0; i < 100 && bc_filters_count(bc_pub_filters(r->pub)) == 0; i++) {
		zmq_poll(&item, 1, 100);
		bc_pub_read(r->pub, 10, NULL, NULL);
	}
	cr_assert_eq(bc_filters_count(bc_pub_filters(r->pub)), 1);
}

static void rig_open(struct rig *r, const struct bc_exchange *exchange, const char *symbol)
{
	uint32_t channels = BC_CHANNEL_BIT(BC_CHANNEL_BOOK) | BC_CHANNEL_BIT(BC_CHANNEL_BBO) |
			    BC_CHANNEL_BIT(BC_CHANNEL_TRADE) | BC_CHANNEL_BIT(BC_CHANNEL_TICKER);
	struct outlet_options outlet = { .exchange = exchange->id,
					 .instance = "0",
					 .epoch = 1,
					 .channels = channels,
					 .levels = 30,
					 .own_bbo = (session_carried(exchange) &
						     BC_CHANNEL_BIT(BC_CHANNEL_BBO)) != 0 };
	struct outlet_sender sender = { r,        topic_open, topic_close, topic_wanted, topic_send,
					wall_now, topic_said, topic_soon,  topic_next };
	struct session_options options = { .exchange = exchange,
					   .feed = { .group_by = BC_DECIMAL_NONE },
					   .channels = channels,
					   .levels = 30,
					   .max_levels = 1000,
					   .snapshot_levels = 500,
					   .silent_after_ns = 5 * BC_NS_PER_S,
					   .quiet_after_ns = 5 * BC_NS_PER_S,
					   .first_data_after_ns = 10 * BC_NS_PER_S,
					   .backoff_max_ns = BC_NS_PER_S };
	struct session_actions actions = { r,
					   ignore_connection,
					   ignore_connection,
					   act_send,
					   ignore_connection,
					   act_get,
					   act_added,
					   act_removed,
					   act_symbol_state,
					   act_feed_state,
					   act_event,
					   act_log,
					   NULL,
					   act_soon };
	char why[256] = "";
	*r = (struct rig){
		.now = { { BC_NS_PER_S }, { BC_NS_PER_S }, { 1790134742 * BC_NS_PER_S } }
	};
	open_bus(r);
	cr_assert(temp_dir_new(&r->dir));
	const struct bc_latest_options latest = { .dir = r->dir.path,
						  .name = "latest",
						  .exchange = exchange->id,
						  .instance = "0",
						  .epoch = 1,
						  .interval_ns = BC_NS_PER_S };
	cr_assert_eq(bc_latest_writer_new(&r->latest, &latest, why, sizeof why), BC_OK, "%s", why);
	cr_assert_eq(outlet_new(&r->outlet, &outlet, &sender), BC_OK);
	cr_assert_eq(session_new(&r->session, &options, &actions, why, sizeof why), BC_OK, "%s",
		     why);
	cr_assert_eq(session_add(r->session, r->now, symbol, why, sizeof why), BC_OK, "%s", why);
	session_start(r->session, r->now);
	session_opened(r->session, r->now, 0);
}

static void rig_close(struct rig *r)
{
	session_free(&r->session);
	outlet_free(&r->outlet);
	cr_expect_eq(bc_latest_stats(r->latest)->too_long, 0);
	bc_latest_writer_free(&r->latest);
	temp_dir_free(&r->dir);
	zmq_close(r->sub);
	bc_pub_free(&r->pub);
	bc_bus_context_free(&r->context);
}

static void pass(struct rig *r, int64_t ns)
{
	r->now.mono.ns += ns;
	r->now.boot.ns += ns;
	r->now.wall.ns += ns;
}

static void drain(struct rig *r)
{
	char frame[8192];
	while (zmq_recv(r->sub, frame, sizeof frame, ZMQ_DONTWAIT) > 0)
		r->heard++;
}

/* A book whose top changes, a trade, a ticker. Returns how many messages that publishes. */
static uint64_t say_three(struct rig *r, int i)
{
	char text[1024];
	uint64_t before = outlet_counters(r->outlet)->published;
	static const char *const frames[] = {
		"{\"ty\":\"orderbook\",\"cd\":\"KRW-BTC\",\"tms\":1790134742000,\"tas\":0.4,"
		"\"tbs\":2.2,"
		"\"obu\":[{\"ap\":116606000,\"bp\":%d,\"as\":0.06288509,\"bs\":7.9276E-4},"
		"{\"ap\":116609000,\"bp\":99000,\"as\":5.0E-4,\"bs\":0.01624318}],\"st\":"
		"\"REALTIME\","
		"\"lv\":0}",
		"{\"ty\":\"trade\",\"cd\":\"KRW-BTC\",\"tms\":1790134742000,\"ttms\":1790134742000,"
		"\"tp\":116606000,\"tv\":0.004,\"ab\":\"ASK\",\"pcp\":1,\"c\":\"RISE\",\"cp\":1,"
		"\"sid\":17901347420%d,\"st\":\"REALTIME\"}",
		"{\"ty\":\"ticker\",\"cd\":\"KRW-BTC\",\"op\":1,\"hp\":2,\"lp\":1,\"tp\":%d,"
		"\"pcp\":1,"
		"\"scp\":1,\"atv24h\":1587.73606087,\"atp24h\":162997300132.123,\"ttms\":"
		"1790134742000,"
		"\"ms\":\"ACTIVE\",\"tms\":1790134742000,\"st\":\"REALTIME\"}",
	};
	for (size_t f = 0; f < 3; f++) {
		pass(r, BC_NS_PER_MS);
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
		int n = snprintf(text, sizeof text, frames[f], 100000 + i);
#pragma GCC diagnostic pop
		session_message(r->session, r->now, 0, (bc_str){ text, (size_t)n }, true,
				r->now.wall);
	}
	session_tick(r->session, r->now);
	outlet_turn(r->outlet, r->now.mono);
	bc_pub_flush(r->pub);
	return outlet_counters(r->outlet)->published - before;
}

Test(allocation, frame_to_bus_costs_nothing_of_ours)
{
	enum { WARM = 300, ROUNDS = 2000 };
	struct rig r;
	rig_open(&r, bc_exchange_find("upbit"), "KRW-BTC");
	subscribe(&r);
	for (int i = 0; i < WARM; i++) {
		say_three(&r, i);
		drain(&r);
	}
	cr_assert_eq(session_symbols_in(r.session, BC_STATE_LIVE), 1);
	uint64_t messages = 0;
	size_t total = 0, own = 0;
	for (int i = 0; i < ROUNDS; i++) {
		ours = all = 0;
		messages += say_three(&r, WARM + i);
		own += ours;
		total += all;
		drain(&r);
	}
	cr_expect_eq(own, 0, "%zu allocations of ours in %d frames", own, 3 * ROUNDS);
	cr_expect_eq(messages, 4 * ROUNDS, "book, bbo, trade, ticker");
	cr_expect_eq(outlet_counters(r.outlet)->send_failures, 0);
	/* libzmq's queue to its I/O thread grows by a chunk of 256 messages where that thread lags.
	 */
	if (COUNTS_ALL) {
		cr_expect_geq(total, messages, "one a message");
		cr_expect_leq(total, messages + messages / 256 + 1, "%zu for %lu messages", total,
			      (unsigned long)messages);
	}
	rig_close(&r);
}

Test(allocation, nobody_listens_costs_nothing_at_all)
{
	struct rig r;
	rig_open(&r, bc_exchange_find("upbit"), "KRW-BTC");
	for (int i = 0; i < 100; i++)
		say_three(&r, i);
	ours = all = 0;
	uint64_t messages = 0;
	for (int i = 0; i < 1000; i++)
		messages += say_three(&r, 100 + i);
	cr_expect_eq(ours, 0);
	cr_expect_eq(all, 0);
	cr_expect_eq(messages, 4000, "counted all the same");
	cr_expect_eq(outlet_counters(r.outlet)->encoded, 0);
	rig_close(&r);
}

/* ------------------------------------------------------------------ books out of changes */

static void hears(struct rig *r, const char *text, int n)
{
	session_message(r->session, r->now, 0, (bc_str){ text, (size_t)n }, false, r->now.wall);
}

/* Levels come, change and go at the top and deep down. */
static uint64_t say_change(struct rig *r, int i)
{
	char text[1024];
	uint64_t before = outlet_counters(r->outlet)->published;
	int n = snprintf(
		text, sizeof text,
		"{\"stream\":\"btcusdt@depth@100ms\",\"data\":{\"e\":\"depthUpdate\","
		"\"E\":1790134742000,\"s\":\"BTCUSDT\",\"U\":%d,\"u\":%d,"
		"\"b\":[[\"1000.00000000\",\"%d.25000000\"],[\"%d.00000000\",\"%d.00000000\"],"
		"[\"%d.00000000\",\"%d.00500000\"]],"
		"\"a\":[[\"1001.00000000\",\"%d.00000000\"],[\"%d.50000000\",\"%d.00000000\"],"
		"[\"%d.00000000\",\"0.00000000\"]]}}",
		i, i, 1 + i % 5, 999 - i % 40, i % 3, 700 - i % 90, i % 2, 2 + i % 7, 1002 + i % 40,
		i % 4, 1300 + i % 90);
	pass(r, BC_NS_PER_MS);
	hears(r, text, n);
	session_tick(r->session, r->now);
	outlet_turn(r->outlet, r->now.mono);
	bc_pub_flush(r->pub);
	return outlet_counters(r->outlet)->published - before;
}

/* What always trades, so that waiting is no silence. */
static void wait_for_get(struct rig *r)
{
	char text[256];
	for (int t = 0; t < 700 && !r->getting; t++) {
		int n = snprintf(text, sizeof text,
				 "{\"stream\":\"btcusdt@trade\",\"data\":{\"e\":\"trade\","
				 "\"E\":1790134742000,\"s\":\"BTCUSDT\",\"t\":%d,\"p\":\"1000.5\","
				 "\"q\":\"1\",\"T\":1790134742000,\"m\":true,\"M\":true}}",
				 ++r->trades);
		pass(r, 100 * BC_NS_PER_MS);
		hears(r, text, n);
		session_tick(r->session, r->now);
	}
	cr_assert(r->getting, "a snapshot is wanted");
	r->getting = false;
}

static void answer_snapshot(struct rig *r, int seq)
{
	static char text[65536];
	int n = snprintf(text, sizeof text, "{\"lastUpdateId\":%d,\"bids\":[", seq);
	for (int price = 1000; price > 500; price--)
		n += snprintf(text + n, sizeof text - (size_t)n, "%s[\"%d.00000000\",\"1.5\"]",
			      price == 1000 ? "" : ",", price);
	n += snprintf(text + n, sizeof text - (size_t)n, "],\"asks\":[");
	for (int price = 1001; price < 1501; price++)
		n += snprintf(text + n, sizeof text - (size_t)n, "%s[\"%d.00000000\",\"2.25\"]",
			      price == 1001 ? "" : ",", price);
	n += snprintf(text + n, sizeof text - (size_t)n, "]}");
	session_rest_answer(r->session, r->now, r->get,
			    &(struct session_rest){ .body = { text, (size_t)n },
						    .used_weight = -1 });
}

/* One is missing: stale, a snapshot that is ahead of the stream, and on from there. */
static void lose_one(struct rig *r, int i)
{
	say_change(r, i + 1);
	wait_for_get(r);
	answer_snapshot(r, i + 2);
	say_change(r, i + 2);
	cr_assert_eq(session_symbols_in(r->session, BC_STATE_LIVE), 1);
}

Test(allocation, change_to_bus_costs_nothing_of_ours)
{
	enum { WARM = 400, ROUNDS = 4000 };
	struct rig r;
	uint64_t messages = 0;
	size_t own = 0, own_resync = 0;
	rig_open(&r, bc_exchange_find("binance-spot"), "BTCUSDT");
	hears(&r, "{\"result\":null,\"id\":1}", 22);
	session_tick(r.session, r.now);
	r.getting = false; /* the instruments: never answered */
	subscribe(&r);
	for (int i = 1; i < WARM; i++) {
		if (i % 100 == 1) {
			lose_one(&r, i);
			i += 2;
		} else {
			say_change(&r, i);
		}
		drain(&r);
	}
	for (int i = WARM; i < WARM + ROUNDS; i++) {
		ours = 0;
		if (i % 400 == 0) {
			lose_one(&r, i);
			i += 2;
			own_resync += ours;
		} else {
			messages += say_change(&r, i);
			own += ours;
		}
		drain(&r);
	}
	cr_expect_eq(own, 0, "%zu allocations of ours in %d changes", own, ROUNDS);
	cr_expect_eq(own_resync, 0, "%zu allocations of ours in 10 snapshots", own_resync);
	cr_expect_eq(messages, ROUNDS - 30, "a book each, and no bbo of them");
	cr_expect_eq(outlet_counters(r.outlet)->send_failures, 0);
	rig_close(&r);
}
