/* gateway_private.h - the inside of the gateway, shared by gateway_*.c and control.c alone. */
#ifndef GATEWAY_PRIVATE_H
#define GATEWAY_PRIVATE_H

#include "publisher/gateway.h"

#include "common/bus_loop.h"
#include "common/bus_pub.h"
#include "common/bus_rpc.h"
#include "common/clock.h"
#include "common/latest.h"
#include "common/metrics.h"
#include "common/run_dir.h"
#include "publisher/budget_file.h"
#include "publisher/resolve.h"
#include "publisher/rest.h"
#include "publisher/transport.h"

/* One connection of the session. Its address stays: the transport calls back with it. */
struct link {
	struct gateway *gateway;
	uint32_t id; /* the session's number */
	struct bc_resolve *question;
	struct bc_ws *ws;
	uint64_t attempts;
	uint64_t unanswered; /* attempts in a row that did not open */
	bool failed; /* the session is told in the next turn, not from inside its own action */
	struct session_closed how;
	char detail[160];
};

struct rest_slot { /* one request of the session; its address stays */
	struct gateway *gateway;
	uint32_t id;
	bool failed; /* as above */
};

struct gateway {
	const struct settings *settings;
	struct bc_log *log;
	uv_loop_t loop;
	uv_timer_t deadline, heartbeat;
	uv_prepare_t turn;
	uv_idle_t again; /* active while a turn has left work */
	uv_signal_t signals[5];
	uv_idle_t spin;         /* active: the loop never sleeps */
	bc_mono_time armed;     /* for what `deadline` is set; BC_TIME_UNKNOWN: it is not */
	struct session_now now; /* of the input that is being served */
	bc_wall_time read_at;   /* of the messages that `now` is of; BC_TIME_UNKNOWN: of none */
	bool loop_open, stopping;
	bool reading; /* a message: others may have come with it, so what is said is held */
	bool something_failed; /* a link or a request, see `failed` there */

	struct session *session;
	struct budget_file *budget; /* what this address may use, with the other gateways here */
	struct outlet *outlet;
	uint64_t epoch;
	bc_wall_time started;
	uint64_t heartbeats;
	uint64_t refused; /* connections, already told */

	struct bc_config *reloaded;       /* the newest one that was read again; NULL: none was */
	uint32_t shard, shards;           /* shard BC_SHARD_NONE: it is retiring */
	uint32_t told_shard, told_shards; /* by heartbeats; one that retires is what it was */
	struct bc_division *division;     /* NULL: one shard has all */
	struct peers *peers;              /* NULL: nothing is being handed over */

	const struct bc_transport_ops *ws;
	struct bc_transport *transport;
	struct bc_resolver *resolver;
	struct bc_rest *rest;
	struct link **links;
	uint32_t n_links;
	struct rest_slot requests[SESSION_REST_SLOTS];

	void *context;
	struct bc_pub *pub;
	int send_hwm, max_filters;
	struct bc_bus_watch *pub_watch;
	char run_dir[BC_PATH_MAX];
	struct bc_rpc_server *ctl;
	struct bc_rpc_watch *ctl_watch;
	char ctl_endpoint[BC_ENDPOINT_MAX];
	int ctl_lock;
	uint64_t ctl_requests;

	struct bc_latest_writer *latest; /* NULL: off, or it could not be */
	int64_t boot_ahead_ns; /* bc_boot_now() less bc_mono_now(), as of the last heartbeat */
	bool latest_told;

	struct bc_metrics metrics;
	struct bc_metrics_server *metrics_server;
	bool told_systemd;
};

/* The time of an input that begins now. Until the next one it stays in g->now, for all that comes
 * of it. */
struct session_now gateway_now(struct gateway *g);
/* The same for a message: what was read at once, and so has one stamp, has one look at the clocks,
 * within a turn of the loop. */
struct session_now gateway_now_of(struct gateway *g, bc_wall_time received);

/* gateway_feed.c */
bc_status gateway_feed_open(struct gateway *g);
void gateway_feed_turn(struct gateway *g); /* failures the session has not been told of yet */
void gateway_feed_close(struct gateway *g);
void gateway_feed_free(struct gateway *g); /* when the loop has ended */

/* gateway_shard.c */
bc_status gateway_shard_open(struct gateway *g, struct session_options *options, char *why,
			     size_t cap);
/* BC_SHARD_NONE: nothing is ours any more; when all is handed over, the gateway ends. BC_EINVAL,
 * BC_ENOMEM: nothing has changed, why[cap] says it. */
bc_status gateway_reshard(struct gateway *g, uint32_t shard, uint32_t shards, char *why,
			  size_t cap);
void gateway_shard_turn(struct gateway *g); /* with each heartbeat */
void gateway_shard_close(struct gateway *g);
void gateway_shard_free(struct gateway *g);

/* gateway_reload.c */
const struct bc_config *gateway_config(const struct gateway *g); /* as it was read last */
void gateway_reload(struct gateway *g);                          /* SIGHUP */
/* The symbols it names are the configured ones from now on; why[cap] as session_configure(). */
bc_status gateway_configure(struct gateway *g, const struct bc_config *c, char *why, size_t cap);

/* gateway_bus.c */
bc_status gateway_bus_open(struct gateway *g);
bc_status gateway_outlet_open(struct gateway *g);
void gateway_bus_close(struct gateway *g);

/* gateway_latest.c: the newest messages in shared memory; each does nothing where that is off, but
 * for said(), which is then not to be called */
void gateway_latest_open(struct gateway *g);
void gateway_latest_add(struct gateway *g, uint32_t number, bc_str topic);
void gateway_latest_remove(struct gateway *g, uint32_t number);
void gateway_latest_said(void *self, bc_mono_time now, uint32_t number,
			 const struct outlet_said *said);
void gateway_latest_beat(struct gateway *g);
void gateway_latest_down(struct gateway *g);
void gateway_latest_close(struct gateway *g);

/* gateway_status.c */
bc_status gateway_status_open(struct gateway *g);
void gateway_heartbeat(struct gateway *g);
void gateway_ready_line(const struct gateway *g);
void gateway_status_close(struct gateway *g);

/* control_symbols.c: verbs of control.c */
void control_want(struct gateway *g, const struct bc_rpc_request *r);
void control_unwant(struct gateway *g, const struct bc_rpc_request *r);
void control_symbols(struct gateway *g, const struct bc_rpc_request *r);
void control_said(struct gateway *g, const struct bc_rpc_request *r);
void control_say(struct gateway *g, const struct bc_rpc_request *r);
void control_reshard(struct gateway *g, const struct bc_rpc_request *r);
void control_retire(struct gateway *g, const struct bc_rpc_request *r);
void control_release(struct gateway *g, const struct bc_rpc_request *r);

/* control.c */
/* One spec of a request as text, SPEC_MAX bytes; false: it has been refused. */
#define SPEC_MAX 256
bool control_spec(struct gateway *g, bc_str arg, char spec[SPEC_MAX]);
void control_refuse(struct gateway *g, int status, const char *why);
bc_status control_open(struct gateway *g);
void control_close(struct gateway *g);

#endif
