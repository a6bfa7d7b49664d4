#include "subscribers/cache/feeds.h"

#include "common/bus_loop.h"
#include "common/bus_socket.h"
#include "common/bus_sub.h"
#include "common/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	MAX_FEEDS = 256,
	MAX_A_TURN = 1024, /* messages */
	RECV_HWM = 100000, /* of one gateway: a welcome of all its topics fits */
	FORGET_AFTER = 10, /* rescans without the path; its last words have been read by then */
};

struct feed {
	char endpoint[BC_ENDPOINT_MAX];
	bool remote;
	unsigned seen; /* the last round that found its path */
};

struct cache_feeds {
	uv_loop_t *loop;
	uv_fs_event_t event;
	struct bc_sub *sub;
	struct bc_bus_watch *watch;
	struct bc_board *board;
	struct cache_rings *rings;
	struct cache_delays *delays;
	struct bc_log *log;
	char run_dir[BC_ENDPOINT_MAX];
	struct feed feeds[MAX_FEEDS];
	size_t n_feeds;
	unsigned round; /* of reading the directory, as far as it could be read */
	bool full_told;
};

static void on_readable(void *self)
{
	struct cache_feeds *f = self;
	bc_mono_time now = bc_boot_now(); /* a machine that slept must not think its data young */
	bc_str topic, payload;
	struct bc_board_taken taken;
	char prefix[BC_TOPIC_MAX + 1];
	bool drained = false;
	for (int i = 0; i < MAX_A_TURN && !drained; i++) {
		bc_status rc = bc_sub_receive(f->sub, &topic, &payload);
		if ((drained = rc == BC_EAGAIN || rc == BC_EBUS))
			continue;
		if (rc != BC_OK) {
			bc_board_bad_frame(f->board);
			bc_log_event(f->log, BC_LOG_WARN, "feed.bad-frame",
				     BC_LOG_S("why", "it has no topic"));
			continue;
		}
		const bc_wall_time received = bc_wall_now();
		rc = bc_board_take(f->board, topic, payload, now, &taken);
		if (rc == BC_OK) {
			cache_delays_take(f->delays, taken.gateway, &taken.message->envelope,
					  received, now);
			cache_rings_take(f->rings, topic, payload, taken.message);
		} else if (rc != BC_EDUPLICATE && rc != BC_EGAP && rc != BC_ENOTFOUND)
			bc_log_event(f->log, BC_LOG_WARN, "feed.refused",
				     BC_LOG_S("why", bc_status_text(rc)), BC_LOG_B("topic", topic));
	}
	for (; bc_board_wants(f->board, prefix); drained = false)
		bc_sub_prefix_renew(f->sub, bc_str_of(prefix));
	if (drained)
		bc_bus_watch_drained(f->watch);
}

static void add_feed(struct cache_feeds *f, const char *endpoint, bool remote)
{
	for (size_t i = 0; i < f->n_feeds; i++)
		if (strcmp(f->feeds[i].endpoint, endpoint) == 0) {
			f->feeds[i].seen = f->round;
			return;
		}
	if (f->n_feeds == MAX_FEEDS) {
		if (!f->full_told)
			bc_log_event(f->log, BC_LOG_ERROR, "feed.too-many",
				     BC_LOG_S("left_out", endpoint), BC_LOG_I("max", MAX_FEEDS));
		f->full_told = true;
		return;
	}
	bc_status rc = bc_sub_connect(f->sub, endpoint);
	bc_bus_watch_used(f->watch);
	if (rc != BC_OK) {
		bc_log_event(f->log, BC_LOG_ERROR, "feed.unusable", BC_LOG_S("endpoint", endpoint),
			     BC_LOG_S("why", bc_status_text(rc)));
		return;
	}
	struct feed *feed = &f->feeds[f->n_feeds++];
	*feed = (struct feed){ .remote = remote, .seen = f->round };
	snprintf(feed->endpoint, sizeof feed->endpoint, "%s", endpoint);
	bc_log_event(f->log, BC_LOG_INFO, "feed.added", BC_LOG_S("endpoint", endpoint));
}

static bool is_pub(const char *name)
{
	size_t n = strlen(name);
	return n > 4 && strcmp(name + n - 4, ".pub") == 0;
}

/* False: the directory cannot be read, so it says nothing about who is gone. */
static bool scan(struct cache_feeds *f)
{
	uv_fs_t request;
	uv_dirent_t item;
	char endpoint[BC_ENDPOINT_MAX];
	bool readable = uv_fs_scandir(f->loop, &request, f->run_dir, 0, NULL) >= 0;
	if (!readable)
		bc_log_event(f->log, BC_LOG_WARN, "feed.run-dir-unreadable",
			     BC_LOG_S("path", f->run_dir));
	else
		while (uv_fs_scandir_next(&request, &item) != UV_EOF) {
			if (!is_pub(item.name))
				continue;
			int n = snprintf(endpoint, sizeof endpoint, "ipc://%s/%s", f->run_dir,
					 item.name);
			if (n > 0 && (size_t)n < sizeof endpoint)
				add_feed(f, endpoint, false);
		}
	uv_fs_req_cleanup(&request);
	return readable;
}

void cache_feeds_rescan(struct cache_feeds *f)
{
	f->round++;
	if (!scan(f)) {
		f->round--;
		return;
	}
	for (size_t i = 0; i < f->n_feeds;) {
		struct feed *feed = &f->feeds[i];
		if (feed->remote || f->round - feed->seen < FORGET_AFTER) {
			i++;
			continue;
		}
		bc_sub_disconnect(f->sub, feed->endpoint);
		bc_bus_watch_used(f->watch);
		bc_log_event(f->log, BC_LOG_INFO, "feed.removed",
			     BC_LOG_S("endpoint", feed->endpoint));
		*feed = f->feeds[--f->n_feeds];
		f->full_told = false;
	}
}

static void on_change(uv_fs_event_t *event, const char *name, int events, int status)
{
	(void)events;
	if (status == 0 && (name == NULL || is_pub(name)))
		scan(event->data);
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static bc_status subscribe(struct cache_feeds *f, void *zmq, const struct cache_feeds_options *o)
{
	const struct bc_sub_options sub = { .recv_hwm_msgs = RECV_HWM };
	bc_status rc = bc_sub_new(&f->sub, zmq, &sub);
	if (rc == BC_OK)
		rc = bc_sub_prefix_add(f->sub, BC_STR(""));
	if (rc == BC_OK)
		rc = bc_bus_watch_start(&f->watch, f->loop, bc_sub_socket(f->sub), on_readable, f);
	if (rc != BC_OK)
		return rc;
	bc_bus_watch_when_used(f->watch);
	for (size_t i = 0; i < o->n_remote; i++)
		add_feed(f, o->remote[i], true);
	return BC_OK;
}

bc_status cache_feeds_start(struct cache_feeds **out, uv_loop_t *loop, void *zmq,
			    struct bc_board *board, struct cache_rings *rings,
			    struct cache_delays *delays, struct bc_log *log,
			    const struct cache_feeds_options *o)
{
	struct cache_feeds *f = calloc(1, sizeof *f);
	if (f == NULL)
		return BC_ENOMEM;
	f->loop = loop;
	f->board = board;
	f->rings = rings;
	f->delays = delays;
	f->log = log;
	snprintf(f->run_dir, sizeof f->run_dir, "%s", o->run_dir);
	if (uv_fs_event_init(loop, &f->event) != 0) {
		free(f);
		return BC_EIO;
	}
	f->event.data = f;
	bc_status rc = subscribe(f, zmq, o);
	if (rc != BC_OK) {
		cache_feeds_stop(&f);
		return rc;
	}
	if (uv_fs_event_start(&f->event, on_change, f->run_dir, 0) != 0)
		bc_log_event(log, BC_LOG_WARN, "feed.run-dir-unwatched",
			     BC_LOG_S("why", "it is read every second instead"));
	scan(f);
	*out = f;
	return BC_OK;
}

bool cache_feeds_behind(const struct cache_feeds *f)
{
	bool behind = bc_sub_has_input(f->sub);
	if (behind)
		bc_bus_watch_look(f->watch);
	return behind;
}

void cache_feeds_stop(struct cache_feeds **feeds)
{
	struct cache_feeds *f = *feeds;
	if (f == NULL)
		return;
	bc_bus_watch_stop(&f->watch);
	bc_sub_free(&f->sub);
	uv_close((uv_handle_t *)&f->event, on_closed);
	*feeds = NULL;
}
