#include "common/bus_rpc.h"

#include "common/bus_socket.h"
#include "common/listen.h"
#include "common/rpc_peer.h"
#include "common/text.h"

#include <errno.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
	MAX_LISTENERS = 16,
	EVENTS_A_LOOK = 64,
	ACCEPTS_A_LOOK = 16,
	READ_BYTES = 64 * 1024,     /* at once of one client, so that the others have their turn */
	TOGETHER_BYTES = 64 * 1024, /* of answers that wait for the ones after them */
	UNREAD_BYTES = 1024 * 1024, /* more than that is not read: nothing more is read of it */
	BUDGET_BYTES = 256 * 1024 * 1024, /* of the buffers of all */
	PATIENCE_TICKS = 30
};

struct client {
	struct rpc_peer peer;
	int fd;
	uint32_t events; /* that are waited for */
	bool queued, dead;
	unsigned stuck;    /* ticks without progress of what it should do */
	int in_the_kernel; /* bytes it had not taken at the last tick */
	struct client *before, *after, *after_queued;
};

struct listener {
	int fd;
	bool tcp;
};

struct bc_rpc_server {
	int epoll;
	struct listener listeners[MAX_LISTENERS];
	size_t n_listeners;
	struct client *all, *buried;
	struct client *first, *last; /* who has a question, in turns */
	struct client *current;      /* whose question waits for its answer */
	struct client *lender;       /* whose question is still borrowed */
	struct rpc_message message;
	size_t held; /* bytes of all buffers */
	uint64_t n_dropped;
	bool looked; /* since nothing was found last */
	bc_str frames[RPC_MAX_FRAMES];
};

/* ------------------------------------------------------------------ life */

bc_status bc_rpc_server_new(struct bc_rpc_server **out)
{
	struct bc_rpc_server *s = calloc(1, sizeof *s);
	if (s == NULL)
		return BC_ENOMEM;
	s->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (s->epoll < 0) {
		free(s);
		return BC_EBUS;
	}
	*out = s;
	return BC_OK;
}

bc_status bc_rpc_server_bind(struct bc_rpc_server *s, const char *endpoint, unsigned mode,
			     char *real)
{
	if (s->n_listeners == MAX_LISTENERS)
		return BC_EINVAL;
	struct listener *l = &s->listeners[s->n_listeners];
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = l };
	bc_status rc = bc_listen(endpoint, mode, &l->fd, real);
	if (rc != BC_OK)
		return rc;
	l->tcp = bc_endpoint_is_tcp(endpoint);
	s->n_listeners++;
	return epoll_ctl(s->epoll, EPOLL_CTL_ADD, l->fd, &event) == 0 ? BC_OK : BC_EBUS;
}

int bc_rpc_server_fd(const struct bc_rpc_server *s)
{
	return s->epoll;
}

bool bc_rpc_server_pending(const struct bc_rpc_server *s)
{
	return s->first != NULL;
}

uint64_t bc_rpc_server_dropped(const struct bc_rpc_server *s)
{
	return s->n_dropped;
}

/* Its memory stays until nobody can meet it in a list any more. */
static void hang_up(struct bc_rpc_server *s, struct client *c)
{
	if (c->dead)
		return;
	close(c->fd);
	if (c != s->lender)
		rpc_peer_close(&c->peer);
	c->dead = true;
	*(c->before != NULL ? &c->before->after : &s->all) = c->after;
	if (c->after != NULL)
		c->after->before = c->before;
	c->after = s->buried;
	s->buried = c;
	if (c == s->current)
		s->current = NULL;
}

static void drop(struct bc_rpc_server *s, struct client *c)
{
	s->n_dropped += !c->dead;
	hang_up(s, c);
}

static void unqueue_dead(struct bc_rpc_server *s)
{
	struct client **at = &s->first;
	s->last = NULL;
	while (*at != NULL) {
		struct client *c = *at;
		if (c->dead)
			*at = c->after_queued;
		else {
			s->last = c;
			at = &c->after_queued;
		}
	}
}

static void bury(struct bc_rpc_server *s)
{
	if (s->buried == NULL)
		return;
	unqueue_dead(s);
	while (s->buried != NULL) {
		struct client *c = s->buried;
		s->buried = c->after;
		rpc_peer_close(&c->peer);
		free(c);
	}
}

/* ------------------------------------------------------------------ out */

static size_t unread(const struct client *c)
{
	return rpc_peer_output(&c->peer).n;
}

static void wait_for(struct bc_rpc_server *s, struct client *c)
{
	uint32_t events =
		(unread(c) < UNREAD_BYTES ? EPOLLIN : 0U) | (unread(c) > 0 ? EPOLLOUT : 0U);
	struct epoll_event event = { .events = events, .data.ptr = c };
	if (events != c->events && epoll_ctl(s->epoll, EPOLL_CTL_MOD, c->fd, &event) == 0)
		c->events = events;
}

static void queue(struct bc_rpc_server *s, struct client *c)
{
	if (c->dead || c->queued || !rpc_peer_asks(&c->peer) || unread(c) >= UNREAD_BYTES)
		return;
	c->queued = true;
	c->after_queued = NULL;
	*(s->first == NULL ? &s->first : &s->last->after_queued) = c;
	s->last = c;
}

/* As much as goes without waiting. */
static void flush(struct bc_rpc_server *s, struct client *c)
{
	while (!c->dead && unread(c) > 0) {
		const bc_str bytes = rpc_peer_output(&c->peer);
		ssize_t n = send(c->fd, bytes.p, bytes.n, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0) {
			rpc_peer_sent(&c->peer, (size_t)n);
			c->stuck = 0;
		} else if (n < 0 && (errno == EAGAIN || errno == ENOBUFS))
			break;
		else if (n == 0 || errno != EINTR)
			hang_up(s, c);
	}
	if (!c->dead)
		wait_for(s, c);
}

/* ------------------------------------------------------------------ in */

/* Buffers of who is gone, kept for as long as its question is borrowed. */
static size_t lent(const struct bc_rpc_server *s)
{
	return s->lender != NULL && s->lender->dead ? rpc_peer_holds(&s->lender->peer) : 0;
}

static void keep_budget(struct bc_rpc_server *s)
{
	while (s->held - lent(s) > BUDGET_BYTES && s->all != NULL) {
		struct client *most = s->all;
		for (struct client *c = s->all; c != NULL; c = c->after)
			if (rpc_peer_holds(&c->peer) > rpc_peer_holds(&most->peer))
				most = c;
		drop(s, most);
	}
}

static void read_client(struct bc_rpc_server *s, struct client *c)
{
	size_t room;
	char *to = rpc_peer_room(&c->peer, &room);
	if (to == NULL) {
		drop(s, c);
		return;
	}
	ssize_t n = recv(c->fd, to, room < READ_BYTES ? room : READ_BYTES, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		hang_up(s, c);
		return;
	}
	bc_status rc = rpc_peer_took(&c->peer, (size_t)n);
	if (unread(c) >= TOGETHER_BYTES || (unread(c) > 0 && !rpc_peer_asks(&c->peer)))
		flush(s, c);
	if (rc != BC_OK)
		drop(s, c);
	queue(s, c);
	keep_budget(s);
}

static void tune_tcp(int fd)
{
	/* As bus_socket.c has it, but for who does not read: that has its time in ticks. Without
	 * them it would show later that a peer is gone, so a failure is none of ours. */
	const struct {
		int level, option, value;
	} options[] = {
		{ IPPROTO_TCP, TCP_NODELAY, 1 },
		{ SOL_SOCKET, SO_KEEPALIVE, 1 },
		{ IPPROTO_TCP, TCP_KEEPIDLE, BC_BUS_PROBE_S },
		{ IPPROTO_TCP, TCP_KEEPINTVL, BC_BUS_PROBE_S },
		{ IPPROTO_TCP, TCP_KEEPCNT, BC_BUS_PROBES },
		{ IPPROTO_TCP, TCP_USER_TIMEOUT, PATIENCE_TICKS * 1000 },
	};
	for (size_t i = 0; i < sizeof options / sizeof *options; i++)
		(void)setsockopt(fd, options[i].level, options[i].option, &options[i].value,
				 sizeof options[i].value);
}

static void welcome(struct bc_rpc_server *s, int fd)
{
	struct client *c = calloc(1, sizeof *c);
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };
	if (c == NULL || rpc_peer_open(&c->peer, &s->held) != BC_OK ||
	    epoll_ctl(s->epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
		if (c != NULL)
			rpc_peer_close(&c->peer);
		free(c);
		close(fd);
		return;
	}
	c->fd = fd;
	c->events = EPOLLIN;
	c->after = s->all;
	if (s->all != NULL)
		s->all->before = c;
	s->all = c;
	flush(s, c);
}

static void accept_some(struct bc_rpc_server *s, const struct listener *l)
{
	for (int i = 0; i < ACCEPTS_A_LOOK; i++) {
		int fd = accept4(l->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0)
			return; /* nobody, or nobody any more */
		if (l->tcp)
			tune_tcp(fd);
		welcome(s, fd);
	}
}

static struct listener *listener_of(struct bc_rpc_server *s, const void *pointer)
{
	for (size_t i = 0; i < s->n_listeners; i++)
		if (pointer == &s->listeners[i])
			return &s->listeners[i];
	return NULL;
}

static void look(struct bc_rpc_server *s)
{
	struct epoll_event events[EVENTS_A_LOOK];
	bury(s);
	int n = epoll_wait(s->epoll, events, EVENTS_A_LOOK, 0);
	for (int i = 0; i < n; i++) {
		struct listener *l = listener_of(s, events[i].data.ptr);
		if (l != NULL) {
			accept_some(s, l);
			continue;
		}
		struct client *c = events[i].data.ptr;
		if (!c->dead && (events[i].events & EPOLLOUT) != 0) {
			flush(s, c);
			rpc_peer_trim(&c->peer);
			queue(s, c);
		}
		if (!c->dead && (events[i].events & EPOLLIN) != 0)
			read_client(s, c);
		else if (!c->dead && (events[i].events & (EPOLLHUP | EPOLLERR)) != 0)
			hang_up(s, c);
	}
}

/* The kernel says that there is room again only when much of it is: too late for a slow line. */
static bool takes_bytes(struct client *c)
{
	int left = 0, before = c->in_the_kernel;
	if (ioctl(c->fd, SIOCOUTQ, &left) != 0)
		return false;
	c->in_the_kernel = left;
	return left != before;
}

void bc_rpc_server_tick(struct bc_rpc_server *s)
{
	struct client *after;
	for (struct client *c = s->all; c != NULL; c = after) {
		after = c->after;
		bool owes = c->peer.stage != RPC_ASKS || (unread(c) > 0 && !takes_bytes(c));
		c->stuck = owes ? c->stuck + 1 : 0;
		if (c->stuck > PATIENCE_TICKS)
			drop(s, c);
	}
}

void bc_rpc_server_free(struct bc_rpc_server **server)
{
	struct bc_rpc_server *s = *server;
	if (s == NULL)
		return;
	s->lender = NULL;
	for (struct client *c = s->all, *after; c != NULL; c = after) {
		after = c->after;
		flush(s, c);
		hang_up(s, c);
	}
	bury(s);
	for (size_t i = 0; i < s->n_listeners; i++)
		close(s->listeners[i].fd);
	close(s->epoll);
	free(s);
	*server = NULL;
}

/* ------------------------------------------------------------------ questions */

/* Its answers leave when no question of it is left that came with this one. */
static void finish(struct bc_rpc_server *s)
{
	struct client *c = s->current;
	if (c == NULL)
		return;
	s->current = NULL;
	bc_status rc = rpc_peer_done(&c->peer);
	if (!rpc_peer_asks(&c->peer) || unread(c) >= TOGETHER_BYTES)
		flush(s, c);
	if (rc != BC_OK)
		drop(s, c);
	queue(s, c);
	keep_budget(s);
}

static struct client *next_client(struct bc_rpc_server *s)
{
	if (s->first == NULL && !s->looked) {
		look(s);
		s->looked = true;
	}
	bury(s);
	struct client *c = s->first;
	if (c == NULL) {
		s->looked = false; /* what came meanwhile makes the descriptor readable */
		return NULL;
	}
	s->first = c->after_queued;
	c->queued = false;
	return c;
}

static bc_status refuse(struct bc_rpc_server *s, const char *reason)
{
	bc_rpc_reply(s, BC_RPC_BAD, bc_str_of(reason));
	return BC_EPARSE;
}

static bool too_much(const struct rpc_message *m)
{
	int64_t bytes = 0;
	for (size_t i = 0; i < m->n_body; i++)
		bytes += (int64_t)m->body[i].n;
	return m->n_body > BC_RPC_MAX_ARGS + 2 || bytes > BC_RPC_MAX_BYTES;
}

bc_status bc_rpc_receive(struct bc_rpc_server *s, struct bc_rpc_request *request)
{
	finish(s);
	if (s->lender != NULL && !s->lender->dead)
		rpc_peer_trim(&s->lender->peer);
	s->lender = NULL;
	struct client *c = next_client(s);
	if (c == NULL)
		return BC_EAGAIN;
	s->current = s->lender = c;
	bc_status rc = rpc_peer_message(&c->peer, s->frames, &s->message);
	const struct rpc_message *m = &s->message;
	if (rc == BC_EPARSE)
		return refuse(s, "no empty frame before the request");
	if (rc == BC_ERANGE || too_much(m))
		return refuse(s, "more than 10000 arguments or 16 MiB");
	if (m->n_body < 2 || !bc_str_is(m->body[0], "BC1"))
		return refuse(s, "a request is BC1, a verb, arguments");
	*request = (struct bc_rpc_request){ .verb = m->body[1],
					    .args = m->body + 2,
					    .n_args = m->n_body - 2 };
	return BC_OK;
}

/* ------------------------------------------------------------------ answers */

void bc_rpc_reply_frame(struct bc_rpc_server *s, bc_str frame)
{
	bc_rpc_reply_joined(s, frame, BC_STR(""));
}

void bc_rpc_reply_joined(struct bc_rpc_server *s, bc_str head, bc_str tail)
{
	if (s->current != NULL)
		rpc_peer_put(&s->current->peer, head, tail);
}

void bc_rpc_reply_number(struct bc_rpc_server *s, int64_t number)
{
	char text[24];
	struct bc_text t = bc_text_on(text, sizeof text);
	bc_text_add_int(&t, number); /* four of them a topic: printf is an eighth of a GET */
	bc_rpc_reply_frame(s, (bc_str){ t.p, t.n });
}

void bc_rpc_reply_begin(struct bc_rpc_server *s, int status)
{
	if (s->current == NULL)
		return;
	rpc_peer_begin(&s->current->peer);
	for (size_t i = 0; i < s->message.n_envelope; i++)
		bc_rpc_reply_frame(s, s->message.envelope[i]);
	if (s->message.n_envelope == 0)
		bc_rpc_reply_frame(s, BC_STR(""));
	bc_rpc_reply_frame(s, BC_STR("BC1"));
	bc_rpc_reply_number(s, status);
}

bc_status bc_rpc_reply_end(struct bc_rpc_server *s)
{
	if (s->current == NULL)
		return BC_EBUS;
	bc_status rc = rpc_peer_end(&s->current->peer);
	if (rc != BC_OK) /* better no connection than a question without an answer */
		drop(s, s->current);
	finish(s);
	return rc;
}

bc_status bc_rpc_reply(struct bc_rpc_server *s, int status, bc_str frame)
{
	bc_rpc_reply_begin(s, status);
	bc_rpc_reply_frame(s, frame);
	return bc_rpc_reply_end(s);
}
