/* Real sockets, on ipc paths of the test's own. */
#include "common/bus_loop.h"
#include "common/bus_socket.h"
#include "common/bus_sub.h"
#include "tests/support/temp_dir.h"

#include <criterion/criterion.h>
#include <sys/stat.h>
#include <zmq.h>

static struct temp_dir dir;
static void *context, *publisher;
static char endpoint[BC_ENDPOINT_MAX];
static struct bc_sub *sub;

static void open_all(void)
{
	char text[96], real[BC_ENDPOINT_MAX];
	const struct bc_socket_options options = {
		.type = ZMQ_XPUB, .send_hwm = 100000, .recv_hwm = 1000, .max_frame_bytes = 256
	};
	const int on = 1;
	cr_assert(temp_dir_new(&dir));
	cr_assert((context = bc_bus_context_new()) != NULL);
	cr_assert_eq(bc_bus_socket_new(&publisher, context, &options), BC_OK);
	zmq_setsockopt(publisher, ZMQ_XPUB_VERBOSE, &on, sizeof on);
	temp_dir_file(&dir, "ipc://", "x.0.pub", text, sizeof text);
	cr_assert_eq(bc_bus_bind(publisher, text, 0660, real), BC_OK);
	strcpy(endpoint, real);
	cr_assert_eq(bc_sub_new(&sub, context, NULL), BC_OK);
}

static void close_all(void)
{
	bc_sub_free(&sub);
	bc_bus_socket_free(&publisher);
	bc_bus_context_free(&context);
	temp_dir_free(&dir);
}

/* The next subscription the publisher hears of: its first byte and the filter. */
static int heard(char *out, size_t cap)
{
	int timeout_ms = 60000;
	zmq_setsockopt(publisher, ZMQ_RCVTIMEO, &timeout_ms, sizeof timeout_ms);
	return zmq_recv(publisher, out, cap, 0);
}

static bool wait_readable(double seconds)
{
	zmq_pollitem_t item = { .socket = bc_sub_socket(sub), .events = ZMQ_POLLIN };
	return zmq_poll(&item, 1, (long)(seconds * 1000)) == 1;
}

Test(bus_sub, an_exact_topic_is_not_a_prefix, .init = open_all, .fini = close_all)
{
	char filter[64];
	bc_str topic, payload;
	cr_assert_eq(bc_sub_connect(sub, endpoint), BC_OK);
	cr_assert_eq(bc_sub_topic_add(sub, BC_STR("x.A.book")), BC_OK);
	cr_assert_eq(heard(filter, sizeof filter), 1 + 9);
	cr_expect_arr_eq(filter, "\x01x.A.book\0", 10);
	zmq_send(publisher, "x.A.book2\0no", 12, 0);
	zmq_send(publisher, "x.A.book\0yes", 12, 0);
	cr_assert(wait_readable(60));
	cr_assert_eq(bc_sub_receive(sub, &topic, &payload), BC_OK);
	cr_expect(bc_str_is(topic, "x.A.book"));
	cr_expect(bc_str_is(payload, "yes"));
	cr_expect_eq(bc_sub_receive(sub, &topic, &payload), BC_EAGAIN);
}

Test(bus_sub, renewing_is_heard_and_keeps_the_subscription, .init = open_all, .fini = close_all)
{
	char filter[64];
	bc_str topic, payload;
	cr_assert_eq(bc_sub_connect(sub, endpoint), BC_OK);
	cr_assert_eq(bc_sub_prefix_add(sub, BC_STR("")), BC_OK);
	cr_assert_eq(heard(filter, sizeof filter), 1);
	cr_assert_eq(bc_sub_prefix_renew(sub, BC_STR("")), BC_OK);
	cr_expect_eq(heard(filter, sizeof filter), 1);
	cr_expect_eq(filter[0], 1);
	cr_assert_eq(bc_sub_prefix_renew(sub, BC_STR("x.")), BC_OK);
	cr_assert_eq(heard(filter, sizeof filter), 3);
	cr_assert_eq(heard(filter, sizeof filter), 3);
	cr_expect_eq(filter[0], 0, "a narrower one is taken back");
	zmq_send(publisher, "x.A.book\0yes", 12, 0);
	cr_assert(wait_readable(60), "the wide one still stands");
	cr_assert_eq(bc_sub_receive(sub, &topic, &payload), BC_OK);
}

Test(bus_sub, garbage_costs_one_message, .init = open_all, .fini = close_all)
{
	char filter[64];
	bc_str topic, payload;
	cr_assert_eq(bc_sub_connect(sub, endpoint), BC_OK);
	cr_assert_eq(bc_sub_prefix_add(sub, BC_STR("")), BC_OK);
	cr_assert_eq(heard(filter, sizeof filter), 1);
	zmq_send(publisher, "no nul", 6, 0);
	zmq_send(publisher, "\0no topic", 9, 0);
	zmq_send(publisher, "", 0, 0);
	zmq_send(publisher, "x.A.book\0part", 13, ZMQ_SNDMORE);
	zmq_send(publisher, "another", 7, 0);
	zmq_send(publisher, "x.A.book\0yes", 12, 0);
	for (int i = 0; i < 4; i++) {
		cr_assert(wait_readable(60));
		cr_expect_eq(bc_sub_receive(sub, &topic, &payload), BC_EPARSE, "%d", i);
	}
	cr_assert(wait_readable(60));
	cr_expect_eq(bc_sub_receive(sub, &topic, &payload), BC_OK);
	cr_expect(bc_str_is(payload, "yes"));
}

Test(bus_sub, endpoints_come_and_go, .init = open_all, .fini = close_all)
{
	char filter[64];
	cr_assert_eq(bc_sub_prefix_add(sub, BC_STR("x")), BC_OK);
	cr_expect_eq(bc_sub_connect(sub, "nonsense"), BC_EINVAL);
	cr_expect_eq(bc_sub_disconnect(sub, endpoint), BC_ENOTFOUND);
	cr_expect_eq(bc_sub_connect(sub, endpoint), BC_OK);
	cr_expect_eq(bc_sub_connect(sub, endpoint), BC_OK, "twice is once");
	cr_assert_eq(heard(filter, sizeof filter), 2);
	cr_expect_eq(bc_sub_disconnect(sub, endpoint), BC_OK);
	cr_expect(!wait_readable(0.05), "libzmq parts in the calls of the thread that owns it");
	cr_expect_eq(heard(filter, sizeof filter), 2);
	cr_expect_eq(filter[0], 0, "one connection, and it is gone");
	cr_expect_eq(bc_sub_disconnect(sub, endpoint), BC_ENOTFOUND);
}

Test(bus_sub, a_topic_too_long_is_refused, .init = open_all, .fini = close_all)
{
	char longest[241];
	memset(longest, 'x', sizeof longest);
	cr_expect_eq(bc_sub_topic_add(sub, (bc_str){ longest, 240 }), BC_OK);
	cr_expect_eq(bc_sub_topic_add(sub, (bc_str){ longest, 241 }), BC_ERANGE);
}

Test(bus_socket, an_ipc_path_has_its_mode_from_the_start, .init = open_all, .fini = close_all)
{
	struct stat st;
	cr_assert_eq(stat(endpoint + strlen("ipc://"), &st), 0);
	cr_expect_eq(st.st_mode & 0777, 0660);
}

Test(bus_socket, a_limit_must_be_given)
{
	void *ctx = bc_bus_context_new(), *socket = NULL;
	struct bc_socket_options o = { ZMQ_SUB, 1, 1, 0, 0 };
	cr_expect_eq(bc_bus_socket_new(&socket, ctx, &o), BC_EINVAL);
	o = (struct bc_socket_options){ ZMQ_SUB, 1, 0, 1, 0 };
	cr_expect_eq(bc_bus_socket_new(&socket, ctx, &o), BC_EINVAL);
	o = (struct bc_socket_options){ ZMQ_SUB, 1, 1, 1, -1 };
	cr_expect_eq(bc_bus_socket_new(&socket, ctx, &o), BC_EINVAL);
	cr_expect_null(socket);
	bc_bus_context_free(&ctx);
	cr_expect_null(ctx);
}

static const struct {
	const char *endpoint;
	bool local;
} reach[] = {
	{ "ipc:///run/bookcast/cache.rpc", true },
	{ "inproc://x", true },
	{ "tcp://127.0.0.1:0", true },
	{ "tcp://127.8.9.1:5000", true },
	{ "tcp://[::1]:5000", true },
	{ "tcp://*:5000", false },
	{ "tcp://0.0.0.0:5000", false },
	{ "tcp://[::]:5000", false },
	{ "tcp://192.168.1.7:5000", false },
	{ "tcp://localhost:5000", false }, /* a name may mean anything */
	{ "tcp://eth0:5000", false },
	{ "tcp://", false },
	{ "tcp://127.0.0.1.example.com:5000", false },
	{ "", false },
};

Test(bus_socket, knows_who_could_connect)
{
	for (size_t i = 0; i < sizeof reach / sizeof *reach; i++)
		cr_expect_eq(bc_endpoint_is_local(reach[i].endpoint), reach[i].local, "%s",
			     reach[i].endpoint);
}

/* ---- bus_loop ---- */

struct reader {
	struct bc_bus_watch *watch;
	uv_timer_t timer;
	int64_t end;
	int n_read, n_calls, n_ticks, want;
};

static void read_one(void *self)
{
	struct reader *r = self;
	bc_str topic, payload;
	r->n_calls++;
	if (bc_sub_receive(sub, &topic, &payload) == BC_OK)
		r->n_read++;
	if (r->n_read >= r->want)
		bc_bus_watch_stop(&r->watch);
}

static void on_tick(uv_timer_t *timer)
{
	struct reader *r = timer->data;
	if (r->watch != NULL) /* after the last message ticks prove nothing */
		r->n_ticks++;
	if (r->watch == NULL || test_now_ns() > r->end) {
		bc_bus_watch_stop(&r->watch);
		uv_close((uv_handle_t *)timer, NULL);
	}
}

/* A reader that takes 1 of 10,000 a turn reads all of them, though the socket's descriptor wakes
 * it for the first only; and a timer gets its turns in between. */
Test(bus_loop, a_bounded_reader_gets_everything_and_starves_nobody, .init = open_all,
     .fini = close_all)
{
	enum { N = 10000 };
	char filter[64];
	uv_loop_t loop;
	struct reader r = { .want = N, .end = test_in(60) };
	cr_assert_eq(bc_sub_connect(sub, endpoint), BC_OK);
	cr_assert_eq(bc_sub_prefix_add(sub, BC_STR("")), BC_OK);
	cr_assert_eq(heard(filter, sizeof filter), 1);
	for (int i = 0; i < N; i++)
		cr_assert_eq(zmq_send(publisher, "x.A.trade\0y", 11, ZMQ_DONTWAIT), 11);
	cr_assert(wait_readable(60));
	uv_loop_init(&loop);
	uv_timer_init(&loop, &r.timer);
	r.timer.data = &r;
	uv_timer_start(&r.timer, on_tick, 0, 1);
	cr_assert_eq(bc_bus_watch_start(&r.watch, &loop, bc_sub_socket(sub), read_one, &r), BC_OK);
	uv_run(&loop, UV_RUN_DEFAULT);
	cr_expect_eq(r.n_read, N);
	cr_expect_geq(r.n_calls, N);
	cr_expect_geq(r.n_ticks, 2);
	cr_expect_eq(uv_loop_close(&loop), 0);
}

struct echo {
	struct bc_bus_watch *watch;
	uv_timer_t timer;
	void *pair[2];
	int n_rounds;
	int64_t end;
};

/* Sends from a callback that is not the watch's: libzmq reads its own mailbox in zmq_send and may
 * swallow the edge. Without the prepare handle the next message would sleep until the timer. */
static void on_send(uv_timer_t *timer)
{
	struct echo *e = timer->data;
	if (test_now_ns() > e->end || e->n_rounds >= 200) {
		bc_bus_watch_stop(&e->watch);
		uv_close((uv_handle_t *)timer, NULL);
		return;
	}
	for (int i = 0; i < 3; i++)
		zmq_send(e->pair[0], "x", 1, ZMQ_DONTWAIT);
}

static void on_pong(void *self)
{
	struct echo *e = self;
	char byte;
	while (zmq_recv(e->pair[0], &byte, 1, ZMQ_DONTWAIT) == 1)
		e->n_rounds++;
}

static void reflect(void *socket)
{
	char byte;
	while (zmq_recv(socket, &byte, 1, 0) == 1 && byte != 'q')
		zmq_send(socket, &byte, 1, 0);
	zmq_close(socket);
}

Test(bus_loop, an_edge_swallowed_by_a_send_is_not_lost)
{
	uv_loop_t loop;
	uv_thread_t thread;
	struct echo e = { .end = test_in(60) };
	void *ctx = bc_bus_context_new();
	uv_loop_init(&loop);
	for (int i = 0; i < 2; i++)
		e.pair[i] = zmq_socket(ctx, ZMQ_PAIR);
	cr_assert_eq(zmq_bind(e.pair[0], "inproc://echo"), 0);
	cr_assert_eq(zmq_connect(e.pair[1], "inproc://echo"), 0);
	cr_assert_eq(uv_thread_create(&thread, reflect, e.pair[1]), 0);
	uv_timer_init(&loop, &e.timer);
	e.timer.data = &e;
	cr_assert_eq(bc_bus_watch_start(&e.watch, &loop, e.pair[0], on_pong, &e), BC_OK);
	uv_timer_start(&e.timer, on_send, 0, 1);
	uv_run(&loop, UV_RUN_DEFAULT);
	cr_expect_geq(e.n_rounds, 200);
	zmq_send(e.pair[0], "q", 1, 0);
	uv_thread_join(&thread);
	zmq_close(e.pair[0]);
	cr_expect_eq(uv_loop_close(&loop), 0);
	bc_bus_context_free(&ctx);
}

/* A send, an answer whose edge is swallowed at once, and nothing else that wakes the loop. */
struct swallow {
	struct bc_bus_watch *watch;
	uv_idle_t use;
	uv_timer_t end;
	void *pair[2];
	int n_heard, n_wanted;
};

static void on_use(uv_idle_t *idle)
{
	struct swallow *s = idle->data;
	zmq_send(s->pair[0], "x", 1, ZMQ_DONTWAIT);
	for (int64_t end = test_in(60); !bc_bus_has_input(s->pair[0]) && test_now_ns() < end;)
		continue;
	bc_bus_watch_used(s->watch);
	uv_idle_stop(idle);
}

static void on_heard(void *self)
{
	struct swallow *s = self;
	char byte;
	while (zmq_recv(s->pair[0], &byte, 1, ZMQ_DONTWAIT) == 1)
		s->n_heard++;
	if (s->n_heard < s->n_wanted) {
		uv_idle_start(&s->use, on_use);
		return;
	}
	bc_bus_watch_stop(&s->watch);
	uv_close((uv_handle_t *)&s->use, NULL);
	uv_close((uv_handle_t *)&s->end, NULL);
}

static void on_end(uv_timer_t *timer)
{
	struct swallow *s = timer->data;
	bc_bus_watch_stop(&s->watch);
	uv_close((uv_handle_t *)&s->use, NULL);
	uv_close((uv_handle_t *)timer, NULL);
}

/* The prepare handle looks after a use only, and then not more often than it says: what was
 * swallowed right after a look, too, is heard by itself. */
Test(bus_loop, who_says_when_the_socket_is_used_loses_no_edge)
{
	uv_loop_t loop;
	uv_thread_t thread;
	struct swallow s = { .n_wanted = 50 };
	void *ctx = bc_bus_context_new();
	uv_loop_init(&loop);
	for (int i = 0; i < 2; i++)
		s.pair[i] = zmq_socket(ctx, ZMQ_PAIR);
	cr_assert_eq(zmq_bind(s.pair[0], "inproc://swallow"), 0);
	cr_assert_eq(zmq_connect(s.pair[1], "inproc://swallow"), 0);
	cr_assert_eq(uv_thread_create(&thread, reflect, s.pair[1]), 0);
	uv_idle_init(&loop, &s.use);
	uv_timer_init(&loop, &s.end);
	s.use.data = s.end.data = &s;
	cr_assert_eq(bc_bus_watch_start(&s.watch, &loop, s.pair[0], on_heard, &s), BC_OK);
	bc_bus_watch_when_used(s.watch);
	uv_idle_start(&s.use, on_use);
	uv_timer_start(&s.end, on_end, 60000, 0);
	uv_run(&loop, UV_RUN_DEFAULT);
	cr_expect_geq(s.n_heard, s.n_wanted);
	zmq_send(s.pair[0], "q", 1, 0);
	uv_thread_join(&thread);
	zmq_close(s.pair[0]);
	cr_expect_eq(uv_loop_close(&loop), 0);
	bc_bus_context_free(&ctx);
}

/* Work is owed after what was read, and done in a prepare handle, which has its turn before the
 * watch's: as the gateway does with welcomes. Nothing else wakes the loop. */
struct owed {
	struct bc_bus_watch *watch;
	uv_prepare_t turn;
	uv_timer_t end;
	void *pair[2];
	bool heard, done;
};

static void owed_close(struct owed *o)
{
	bc_bus_watch_stop(&o->watch);
	uv_close((uv_handle_t *)&o->turn, NULL);
	uv_close((uv_handle_t *)&o->end, NULL);
}

static void on_owed(void *self)
{
	struct owed *o = self;
	char byte;
	o->heard |= zmq_recv(o->pair[0], &byte, 1, ZMQ_DONTWAIT) == 1;
}

static void on_owed_turn(uv_prepare_t *turn)
{
	struct owed *o = turn->data;
	if (!o->heard)
		return;
	o->done = true;
	owed_close(o);
}

static void on_owed_end(uv_timer_t *timer)
{
	owed_close(timer->data);
}

Test(bus_loop, what_is_read_before_the_loop_sleeps_brings_one_more_turn)
{
	uv_loop_t loop;
	struct owed o = { .heard = false };
	void *ctx = bc_bus_context_new();
	uv_loop_init(&loop);
	for (int i = 0; i < 2; i++)
		o.pair[i] = zmq_socket(ctx, ZMQ_PAIR);
	cr_assert_eq(zmq_bind(o.pair[0], "inproc://owed"), 0);
	cr_assert_eq(zmq_connect(o.pair[1], "inproc://owed"), 0);
	uv_timer_init(&loop, &o.end);
	uv_prepare_init(&loop, &o.turn);
	o.end.data = o.turn.data = &o;
	cr_assert_eq(bc_bus_watch_start(&o.watch, &loop, o.pair[0], on_owed, &o), BC_OK);
	uv_prepare_start(&o.turn, on_owed_turn);
	uv_timer_start(&o.end, on_owed_end, 20000, 0);
	zmq_send(o.pair[1], "x", 1, 0);
	while (!bc_bus_has_input(o.pair[0])) /* and the edge is swallowed */
		continue;
	uv_run(&loop, UV_RUN_DEFAULT);
	cr_expect(o.heard);
	cr_expect(o.done, "the loop slept on it");
	for (int i = 0; i < 2; i++)
		zmq_close(o.pair[i]);
	cr_expect_eq(uv_loop_close(&loop), 0);
	bc_bus_context_free(&ctx);
}

/* Somebody else asks whether there is something to read, and swallows the edge by it; then says so.
 * Reads all there is, and says that, too. */
struct looked {
	struct bc_bus_watch *watch;
	uv_timer_t ask, end;
	void *pair[2];
	int n_heard, n_asked;
	bool tell;
};

enum { N_LOOKS = 20 };

static void looked_close(struct looked *l)
{
	bc_bus_watch_stop(&l->watch);
	uv_close((uv_handle_t *)&l->ask, NULL);
	uv_close((uv_handle_t *)&l->end, NULL);
}

static void on_looked(void *self)
{
	struct looked *l = self;
	char byte;
	while (zmq_recv(l->pair[0], &byte, 1, ZMQ_DONTWAIT) == 1)
		l->n_heard++;
	bc_bus_watch_drained(l->watch);
}

static void on_ask(uv_timer_t *timer)
{
	struct looked *l = timer->data;
	if (l->n_heard == N_LOOKS) {
		looked_close(l);
		return;
	}
	if (l->n_heard < l->n_asked)
		return;
	l->n_asked++;
	zmq_send(l->pair[1], "x", 1, 0);
	while (!bc_bus_has_input(l->pair[0]))
		continue;
	if (l->tell)
		bc_bus_watch_look(l->watch);
}

static void on_looked_end(uv_timer_t *timer)
{
	looked_close(timer->data);
}

/* Runs it until N_LOOKS are heard or the time is over; returns how many are. */
static int run_looked(bool tell, uint64_t most_ms)
{
	uv_loop_t loop;
	struct looked l = { .tell = tell };
	void *ctx = bc_bus_context_new();
	uv_loop_init(&loop);
	for (int i = 0; i < 2; i++)
		l.pair[i] = zmq_socket(ctx, ZMQ_PAIR);
	cr_assert_eq(zmq_bind(l.pair[0], "inproc://looked"), 0);
	cr_assert_eq(zmq_connect(l.pair[1], "inproc://looked"), 0);
	uv_timer_init(&loop, &l.ask);
	uv_timer_init(&loop, &l.end);
	l.ask.data = l.end.data = &l;
	cr_assert_eq(bc_bus_watch_start(&l.watch, &loop, l.pair[0], on_looked, &l), BC_OK);
	bc_bus_watch_when_used(l.watch);
	uv_timer_start(&l.ask, on_ask, 2 * BC_BUS_LOOK_MS, 1);
	uv_timer_start(&l.end, on_looked_end, most_ms, 0);
	uv_run(&loop, UV_RUN_DEFAULT);
	for (int i = 0; i < 2; i++)
		zmq_close(l.pair[i]);
	cr_expect_eq(uv_loop_close(&loop), 0);
	bc_bus_context_free(&ctx);
	return l.n_heard;
}

Test(bus_loop, who_has_seen_input_has_it_read)
{
	cr_expect_eq(run_looked(true, 20000), N_LOOKS);
	cr_expect_lt(run_looked(false, 200), N_LOOKS, "the edge was not swallowed at all");
}
