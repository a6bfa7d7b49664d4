/* client_wait.c - the next event, and waiting for it. */
#include "subscribers/libbookcast/client_private.h"

#include "common/bus_socket.h"
#include "common/clock.h"
#include "proto/codec.h"

/* When something is to be done though nothing comes. */
static bc_mono_time due(const struct bc_client *c, bc_mono_time now)
{
	int64_t at = finder_due(c->finder).ns;
	if (c->gone_due.ns < at)
		at = c->gone_due.ns;
	if (c->patient.ns != 0 && c->patient.ns < at)
		at = c->patient.ns;
	if (c->dirty && c->scanned.ns + SCAN_EVERY < at)
		at = c->scanned.ns + SCAN_EVERY;
	if (c->follow.n_asks > 0 && now.ns + CATCH_UP / 2 < at)
		at = now.ns + CATCH_UP / 2;
	return (bc_mono_time){ at };
}

/* True: something has come or changed meanwhile, look again. */
static bool settle(struct bc_client *c, bc_mono_time now)
{
	bool again = finder_turn(c->finder, now);
	c->settled = now;
	client_keep_house(c, now);
	/* It is another one after an answer that did not come. */
	waker_watch(&c->waker, 1, finder_socket(c->finder));
	return again || c->scan != NULL || waker_has_input(finder_socket(c->finder));
}

static void set_behind(struct bc_client *c, bool behind)
{
	c->behind = behind;
	c->delay = INT64_MAX;
	bc_board_set_behind(c->board, behind);
	c->dirty = true;
}

/* A process that was stopped, or busy elsewhere, finds the past in its queue: nothing of it may be
 * called fit before the present is reached. */
static void look(struct bc_client *c, bc_mono_time now)
{
	if (c->looked.ns != 0 && now.ns - c->looked.ns > AWAY && !c->behind)
		set_behind(c, true);
	c->looked = now;
	bc_latency_turn(&c->latency, now);
	if (now.ns - c->timed.ns >= HALF_MINUTE && !c->behind) {
		c->timed = now;
		c->fastest[1] = c->fastest[0];
		c->fastest[0] = INT64_MAX;
	}
}

/* What was read last is of the present, by how long the fastest of late took: two hosts have two
 * clocks. On a stream that never pauses nothing else can tell. */
static bool is_recent(const struct bc_client *c)
{
	int64_t fastest = c->fastest[0] < c->fastest[1] ? c->fastest[0] : c->fastest[1];
	return c->delay != INT64_MAX && c->delay - fastest < AWAY;
}

/* Everything has been read; more may be on its way, libzmq's own thread was stopped, too. */
static bool caught_up(struct bc_client *c)
{
	if (is_recent(c))
		return true;
	void *socket = bc_sub_socket(c->sub);
	return bc_bus_wait(&socket, 1, PAUSE_MS) != BC_OK || !bc_bus_has_input(socket);
}

/* All that has come is read and waits to be handed out. BC_EAGAIN: it is; BC_OK: there is more, but
 * so much as a queue holds was read; BC_EBUS. */
static bc_status drain(struct bc_client *c, bc_mono_time now)
{
	struct bc_client_event none;
	bc_str topic, payload;
	for (int n = 0; n < RECV_HWM; n++) {
		bc_status rc = bc_sub_receive(c->sub, &topic, &payload);
		if (rc == BC_OK)
			client_take(c, topic, payload, now, &none);
		else if (rc == BC_EPARSE)
			bc_board_bad_frame(c->board);
		else if (rc == BC_EBUS || !c->behind)
			return rc;
		else if (caught_up(c))
			set_behind(c, false);
	}
	return BC_OK;
}

/* The next one in turn of what waits. */
static bool hand_out(struct bc_client *c, bc_mono_time now, struct bc_client_event *event)
{
	struct bc_conflate_taken waited;
	struct bc_board_answer answer;
	if (!bc_conflate_take(c->waiting, &waited))
		return false;
	struct followed *t = waited.topic->of;
	/* It was read before, so it can be read. */
	if (bc_message_decode(waited.payload, &c->message, c->levels, MAX_LEVELS) != BC_OK)
		return false;
	*event = (struct bc_client_event){ .source = (enum bc_client_source)waited.tag,
					   .topic = { t->text, t->n },
					   .message = &c->message,
					   .n_lost = waited.n_lost,
					   .n_replaced = waited.n_replaced,
					   .n_unfit = waited.n_unfit };
	bc_board_get(c->board, event->topic, now, &answer);
	if (answer.status != BC_BOARD_OK) /* it is known no more */
		answer.reason = BC_REASON_GATEWAY;
	client_describe(event, &answer, t);
	return true;
}

/* The first look at what has come when it waits here; the rest goes on as if nothing waited.
 * BC_EAGAIN: nothing is to be handed out. */
static bc_status next_waiting(struct bc_client *c, bc_mono_time now, struct bc_client_event *event)
{
	bc_status rc = c->latest ? drain(c, now) : BC_EAGAIN;
	if (rc == BC_EBUS)
		return rc;
	/* Who is always behind asks the cache nevertheless. */
	if (now.ns - c->settled.ns >= SCAN_EVERY)
		settle(c, now);
	if (client_scan(c, now, event) || hand_out(c, now, event))
		return BC_OK;
	if (!c->latest)
		bc_conflate_free(&c->waiting);
	return BC_EAGAIN;
}

bc_status bc_client_next(struct bc_client *c, struct bc_client_event *event)
{
	bc_str topic, payload;
	bc_mono_time now = bc_boot_now();
	look(c, now);
	if (now.ns >= c->gone_due.ns || c->dirty)
		client_keep_house(c, now);
	for (int n = 0; n < MAX_UNWANTED; n++) {
		if (c->waiting != NULL) {
			bc_status rc = next_waiting(c, now, event);
			if (rc != BC_EAGAIN)
				return rc;
		}
		if (client_scan(c, now, event))
			return BC_OK;
		bc_status rc = bc_sub_receive(c->sub, &topic, &payload);
		if (rc == BC_OK && client_take(c, topic, payload, now, event))
			return BC_OK;
		if (rc == BC_EBUS)
			return rc;
		if (rc == BC_EPARSE)
			bc_board_bad_frame(c->board);
		if (rc == BC_EAGAIN && c->behind) {
			if (!caught_up(c))
				continue;
			set_behind(c, false);
		}
		if (rc == BC_EAGAIN && !settle(c, now)) {
			waker_at(&c->waker, now, due(c, now));
			return BC_EAGAIN;
		}
	}
	waker_at_once(&c->waker); /* many that are not wanted: there may be more */
	return BC_EAGAIN;
}

bc_status bc_client_wait(struct bc_client *c, int64_t timeout_ns, struct bc_client_event *event)
{
	int64_t end = timeout_ns < 0 ? INT64_MAX : -1; /* -1: the clock has not been asked */
	for (;;) {
		bc_status rc = bc_client_next(c, event);
		if (rc != BC_EAGAIN || timeout_ns == 0)
			return rc;
		bc_mono_time now = bc_boot_now();
		if (end < 0)
			end = now.ns + timeout_ns;
		int64_t left = end - now.ns;
		if (left <= 0)
			return BC_EAGAIN;
		int64_t slice = left < LOOK_EVERY ? left : LOOK_EVERY;
		if (c->spins) {
			for (int i = 0; i < SPINS && !bc_sub_has_input(c->sub); i++)
				continue;
			continue;
		}
		/* After a signal the caller may want to stop. */
		rc = waker_wait(&c->waker, slice);
		if (rc != BC_OK && (rc != BC_EAGAIN || bc_boot_now().ns < now.ns + slice))
			return rc;
	}
}
