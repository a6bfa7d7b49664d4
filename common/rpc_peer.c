#include "common/rpc_peer.h"

#include "common/zmtp.h"

#include <stdlib.h>
#include <string.h>

enum {
	FIRST_BYTES = 4096,
	KEPT_BYTES = 64 * 1024,    /* of an empty buffer */
	ROUTING_BYTES = 64 * 1024, /* an envelope, and commands between the frames */
};

/* ------------------------------------------------------------------ buffers */

static bool grow(struct rpc_peer *p, struct rpc_buffer *b, size_t n_free)
{
	size_t cap = b->cap == 0 ? FIRST_BYTES : b->cap;
	while (cap - b->n < n_free)
		cap *= 2;
	if (cap == b->cap)
		return true;
	char *bytes = realloc(b->p, cap);
	if (bytes == NULL)
		return false;
	*p->held += cap - b->cap;
	b->p = bytes;
	b->cap = cap;
	return true;
}

static void give_back(struct rpc_peer *p, struct rpc_buffer *b)
{
	free(b->p);
	*p->held -= b->cap;
	*b = (struct rpc_buffer){ NULL, 0, 0 };
}

void rpc_peer_trim(struct rpc_peer *p)
{
	if (p->out.cap > KEPT_BYTES && p->sent == p->out.n) {
		give_back(p, &p->out);
		p->sent = 0;
	}
	if (p->in.cap > KEPT_BYTES && p->begin == p->in.n) {
		give_back(p, &p->in);
		p->begin = p->scanned = 0;
	}
}

static bc_status say(struct rpc_peer *p, const char *bytes, size_t n)
{
	if (!grow(p, &p->out, n))
		return BC_ENOMEM;
	memcpy(p->out.p + p->out.n, bytes, n);
	p->out.n += n;
	return BC_OK;
}

bc_status rpc_peer_open(struct rpc_peer *p, size_t *held)
{
	char bytes[ZMTP_WRITE_MAX];
	*p = (struct rpc_peer){ .stage = RPC_GREETS, .held = held };
	return say(p, bytes, zmtp_write_greeting(bytes));
}

void rpc_peer_close(struct rpc_peer *p)
{
	give_back(p, &p->in);
	give_back(p, &p->out);
}

/* ------------------------------------------------------------------ in */

char *rpc_peer_room(struct rpc_peer *p, size_t *n)
{
	if (p->begin > 0) {
		memmove(p->in.p, p->in.p + p->begin, p->in.n - p->begin);
		p->in.n -= p->begin;
		p->scanned -= p->begin;
		p->keep -= p->refused ? p->begin : 0;
		p->begin = 0;
	}
	/* By what has come, not by what was announced, which costs nothing to say. */
	if (p->in.n == p->in.cap && !grow(p, &p->in, 1))
		return NULL;
	*n = p->in.cap - p->in.n;
	return p->in.p + p->in.n;
}

static bc_str to_scan(const struct rpc_peer *p)
{
	return (bc_str){ p->in.p + p->scanned, p->in.n - p->scanned };
}

/* The frame at *at, which goes behind it; commands are stepped over. False: that was the last. */
static bool next_frame(const struct rpc_peer *p, size_t end, size_t *at, bc_str *out)
{
	struct zmtp_head head;
	while (*at < end) {
		const bc_str rest = { p->in.p + *at, end - *at };
		if (zmtp_read_head(rest, &head) != BC_OK)
			return false; /* never: all up to `end` was looked at before */
		*out = (bc_str){ rest.p + head.n_head, (size_t)head.n_body };
		*at += head.n_head + (size_t)head.n_body;
		if ((head.flags & ZMTP_COMMAND) == 0)
			return true;
	}
	return false;
}

/* From here on nothing of the message is kept but what its answer is routed by. */
static void refuse(struct rpc_peer *p)
{
	bc_str frame;
	size_t at = p->begin;
	p->refused = true;
	p->keep = p->begin;
	for (size_t i = 0; i < RPC_MAX_ENVELOPE && next_frame(p, p->scanned, &at, &frame); i++)
		if (frame.n == 0) {
			p->keep = at;
			return;
		}
}

static void throw_away(struct rpc_peer *p)
{
	memmove(p->in.p + p->keep, p->in.p + p->scanned, p->in.n - p->scanned);
	p->in.n -= p->scanned - p->keep;
	p->scanned = p->keep;
}

static bc_status skip(struct rpc_peer *p)
{
	size_t there = p->in.n - p->scanned;
	size_t n = p->skip < there ? (size_t)p->skip : there;
	p->scanned += n;
	p->skip -= n;
	if (p->skip > 0)
		return BC_EAGAIN;
	p->whole = p->skips_last;
	return BC_OK;
}

static bc_status introduced(struct rpc_peer *p, bc_str rest)
{
	char bytes[ZMTP_WRITE_MAX];
	bc_str type;
	bc_status rc = zmtp_read_ready(rest, &type);
	if (rc != BC_OK)
		return rc;
	if (!bc_str_is(type, "REQ") && !bc_str_is(type, "DEALER") && !bc_str_is(type, "ROUTER")) {
		say(p, bytes, zmtp_write_error(bytes, BC_STR("ask with REQ or DEALER")));
		return BC_EPARSE;
	}
	p->stage = RPC_ASKS;
	return BC_OK;
}

static bc_status obey(struct rpc_peer *p, bc_str body)
{
	char bytes[ZMTP_WRITE_MAX];
	bc_str name, rest;
	bc_status rc = zmtp_read_command(body, &name, &rest);
	if (rc != BC_OK)
		return rc;
	if (p->stage == RPC_INTRODUCES)
		return bc_str_is(name, "READY") ? introduced(p, rest) : BC_EPARSE;
	if (bc_str_is(name, "ERROR"))
		return BC_EPARSE;
	if (bc_str_is(name, "PING"))
		return say(p, bytes, zmtp_write_pong(bytes, rest));
	return BC_OK; /* of a later version, or for another socket */
}

static bc_status scan_command(struct rpc_peer *p, const struct zmtp_head *head)
{
	const bc_str bytes = to_scan(p);
	const size_t n = head->n_head + (size_t)head->n_body;
	if (head->n_body > ZMTP_COMMAND_MAX)
		return BC_ERANGE;
	if (bytes.n < n)
		return BC_EAGAIN;
	p->scanned += n;
	if (p->n_frames == 0 && !p->refused)
		p->begin = p->scanned;
	else
		p->n_bytes += n; /* it stays between the frames */
	if (!p->refused && p->n_bytes > BC_RPC_MAX_BYTES + ROUTING_BYTES)
		refuse(p);
	return obey(p, (bc_str){ bytes.p + head->n_head, (size_t)head->n_body });
}

static bc_status scan_frame(struct rpc_peer *p)
{
	struct zmtp_head head;
	const bc_str bytes = to_scan(p);
	bc_status rc = zmtp_read_head(bytes, &head);
	if (rc != BC_OK)
		return rc;
	if ((head.flags & ZMTP_COMMAND) != 0)
		return scan_command(p, &head);
	if (p->stage != RPC_ASKS)
		return BC_EPARSE;
	if (head.n_body > BC_RPC_MAX_FRAME_BYTES)
		return BC_ERANGE;
	const bool last = (head.flags & ZMTP_MORE) == 0;
	const size_t n_body = (size_t)head.n_body;
	if (!p->refused && (p->n_frames == RPC_MAX_FRAMES ||
			    p->n_bytes + n_body > BC_RPC_MAX_BYTES + ROUTING_BYTES))
		refuse(p);
	if (p->refused) {
		p->scanned += head.n_head;
		p->skip = n_body;
		p->skips_last = last;
		return skip(p);
	}
	if (bytes.n < head.n_head + n_body)
		return BC_EAGAIN;
	p->scanned += head.n_head + n_body;
	p->n_frames++;
	p->n_bytes += n_body;
	p->whole = last;
	return BC_OK;
}

static bc_status scan(struct rpc_peer *p)
{
	bc_status rc = BC_OK;
	while (rc == BC_OK && !p->whole)
		rc = p->skip > 0 ? skip(p) : scan_frame(p);
	if (p->refused)
		throw_away(p);
	return rc == BC_EAGAIN ? BC_OK : rc;
}

bc_status rpc_peer_took(struct rpc_peer *p, size_t n)
{
	char bytes[ZMTP_WRITE_MAX];
	p->in.n += n;
	if (p->stage == RPC_GREETS) {
		bc_status rc = zmtp_check_greeting((bc_str){ p->in.p, p->in.n });
		if (rc != BC_OK)
			return rc == BC_EAGAIN ? BC_OK : rc;
		rc = say(p, bytes, zmtp_write_ready(bytes, BC_STR("ROUTER")));
		if (rc != BC_OK)
			return rc;
		p->begin = p->scanned = ZMTP_GREETING_BYTES;
		p->stage = RPC_INTRODUCES;
	}
	return scan(p);
}

bc_status rpc_peer_message(const struct rpc_peer *p, bc_str *frames, struct rpc_message *out)
{
	size_t at = p->begin, n = 0, n_envelope = 0;
	while (n < RPC_MAX_FRAMES && next_frame(p, p->scanned, &at, &frames[n])) {
		n++;
		if (n_envelope == 0 && n <= RPC_MAX_ENVELOPE && frames[n - 1].n == 0)
			n_envelope = n;
	}
	*out = (struct rpc_message){ .envelope = frames,
				     .n_envelope = n_envelope,
				     .body = frames + n_envelope,
				     .n_body = n - n_envelope };
	if (p->refused)
		return BC_ERANGE;
	return n_envelope > 0 ? BC_OK : BC_EPARSE;
}

bc_status rpc_peer_done(struct rpc_peer *p)
{
	p->begin = p->scanned;
	p->n_frames = p->n_bytes = 0;
	p->whole = p->refused = false;
	return scan(p);
}

/* ------------------------------------------------------------------ out */

void rpc_peer_begin(struct rpc_peer *p)
{
	/* Who reads steadily may never empty it. */
	if (p->sent > p->out.n / 2) {
		memmove(p->out.p, p->out.p + p->sent, p->out.n - p->sent);
		p->out.n -= p->sent;
		p->sent = 0;
	}
	p->answer = p->last_frame = p->out.n;
	p->failed = false;
}

void rpc_peer_put(struct rpc_peer *p, bc_str head, bc_str tail)
{
	struct rpc_buffer *b = &p->out;
	const size_t n = head.n + tail.n;
	p->failed = p->failed || !grow(p, b, ZMTP_HEAD_MAX + n);
	if (p->failed)
		return;
	p->last_frame = b->n;
	b->n += zmtp_write_head(b->p + b->n, ZMTP_MORE, n);
	if (head.n > 0)
		memcpy(b->p + b->n, head.p, head.n);
	if (tail.n > 0)
		memcpy(b->p + b->n + head.n, tail.p, tail.n);
	b->n += n;
}

bc_status rpc_peer_end(struct rpc_peer *p)
{
	if (p->failed) {
		p->out.n = p->answer;
		return BC_ENOMEM;
	}
	if (p->last_frame < p->out.n) /* only now it shows which one it is */
		p->out.p[p->last_frame] = (char)(p->out.p[p->last_frame] & ~ZMTP_MORE);
	return BC_OK;
}

void rpc_peer_sent(struct rpc_peer *p, size_t n)
{
	p->sent += n;
	if (p->sent == p->out.n)
		p->sent = p->out.n = 0;
}
