/* floor_gateway.c - from the socket to the bus in a straight line; floor.h says what is missing. */
#include "bench/floor.h"

#include "common/clock.h"
#include "publisher/simulator/ws_frame.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zmq.h>

#define READ_AT_ONCE 65536
#define BUFFER       (4 * READ_AT_ONCE)
#define N_TOPICS     32768 /* slots; a power of two, well above LINE_MAX_SYMBOLS */

struct floor {
	const struct line_child *child;
	int fd;
	SSL *ssl;
	void *pub;
	char in[BUFFER + 1];
	size_t from, to; /* what is in `in` */
	uint64_t epoch, n;
	int64_t since_ns;
	struct {
		char code[32];
		uint64_t seq[2]; /* books, trades */
	} topics[N_TOPICS];
};

/* ------------------------------------------------------------------ the line */

static void must(const struct floor *f, bool good, const char *what)
{
	if (!good)
		line_die(f->child->shared, "the floor: %s", what);
}

static size_t read_some(struct floor *f, char *to, size_t n)
{
	ssize_t got = f->ssl != NULL ? SSL_read(f->ssl, to, (int)n) : read(f->fd, to, n);
	if (got <= 0) {
		must(f, f->child->shared->order == LINE_QUIT, "its exchange has gone");
		_exit(0);
	}
	return (size_t)got;
}

static void write_all(struct floor *f, const char *bytes, size_t n)
{
	ssize_t put = f->ssl != NULL ? SSL_write(f->ssl, bytes, (int)n) : write(f->fd, bytes, n);
	must(f, put == (ssize_t)n, "cannot write to its exchange");
}

static void open_tls(struct floor *f)
{
	SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
	must(f, tls != NULL && SSL_CTX_load_verify_file(tls, f->child->shared->ca_file) == 1,
	     "no certificates");
	SSL_CTX_set_verify(tls, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_read_ahead(tls, 1);
	SSL_CTX_set_default_read_buffer_len(tls, READ_AT_ONCE);
	f->ssl = SSL_new(tls);
	must(f,
	     f->ssl != NULL && SSL_set_fd(f->ssl, f->fd) == 1 &&
		     SSL_set1_host(f->ssl, "localhost") == 1 && SSL_connect(f->ssl) == 1,
	     "no TLS with its exchange");
}

static void open_line(struct floor *f)
{
	static const char request[] = "GET /websocket/v1 HTTP/1.1\r\nHost: localhost\r\n"
				      "Upgrade: websocket\r\nConnection: Upgrade\r\n"
				      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
				      "Sec-WebSocket-Version: 13\r\n\r\n";
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
				 .sin_port = htons((uint16_t)f->child->shared->port) };
	int one = 1;
	f->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	must(f, f->fd >= 0 && connect(f->fd, (struct sockaddr *)&a, sizeof a) == 0,
	     "cannot connect to its exchange");
	setsockopt(f->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (f->child->plan->tls)
		open_tls(f);
	write_all(f, request, sizeof request - 1);
	for (char *end = NULL; end == NULL; end = strstr(f->in, "\r\n\r\n")) {
		f->to += read_some(f, f->in + f->to, READ_AT_ONCE);
		f->in[f->to] = '\0';
	}
	must(f, strncmp(f->in, "HTTP/1.1 101", 12) == 0, "its exchange does not upgrade");
	f->from = f->to = 0; /* an exchange says nothing before it is asked */
}

static size_t write_type(char *out, const char *type, const char *suffix,
			 const struct line_symbols *symbols)
{
	size_t n = (size_t)sprintf(out, ",{\"type\":\"%s\",\"codes\":", type);
	for (size_t i = 0; i < symbols->n; i++)
		n += (size_t)sprintf(out + n, "%c\"%s%s\"", i == 0 ? '[' : ',', symbols->names[i],
				     suffix);
	return n + (size_t)sprintf(out + n, "]}");
}

static void subscribe(struct floor *f)
{
	static char text[LINE_MAX_SYMBOLS * 48], frame[sizeof text + 16];
	static struct line_symbols symbols;
	const struct line_plan *plan = f->child->plan;
	must(f, line_symbols(&symbols, plan), "no symbols");
	size_t n = (size_t)sprintf(text, "[{\"ticket\":\"floor\"}");
	n += write_type(text + n, "orderbook", ".15", &symbols);
	if (plan->capture != NULL)
		n += write_type(text + n, "trade", "", &symbols);
	n += (size_t)sprintf(text + n, ",{\"format\":\"%s\"}]",
			     plan->capture != NULL ? "SIMPLE" : "DEFAULT");
	size_t header = ws_header(ws_first(WS_TEXT), n, frame);
	frame[1] = (char)(frame[1] | 0x80);
	memset(frame + header, 0, 4); /* the mask */
	memcpy(frame + header + 4, text, n);
	write_all(f, frame, header + 4 + n);
}

/* ------------------------------------------------------------------ a message */

static uint64_t next_seq(struct floor *f, enum floor_kind kind, const char *code, size_t n)
{
	uint32_t hash = 2166136261u;
	for (size_t i = 0; i < n; i++)
		hash = (hash ^ (uint8_t)code[i]) * 16777619u;
	for (;; hash++) {
		char *slot = f->topics[hash % N_TOPICS].code;
		if (memcmp(slot, code, n) == 0 && slot[n] == '\0')
			break;
		if (slot[0] == '\0') {
			must(f, n < sizeof f->topics[0].code, "a code too long for it");
			memcpy(slot, code, n);
			break;
		}
	}
	return ++f->topics[hash % N_TOPICS].seq[kind == FLOOR_TRADE];
}

static void on_text(struct floor *f, const char *text, size_t n, int64_t recv_ns)
{
	struct floor_message m;
	char out[FLOOR_FRAME];
	enum floor_kind kind = floor_scan(text, n, &m);
	if (kind == FLOOR_OTHER)
		return;
	struct floor_stamp stamp = { .epoch = f->epoch,
				     .seq = next_seq(f, kind, m.head.code, m.head.n_code),
				     .recv_ns = recv_ns,
				     .publish_ns = bc_wall_now().ns,
				     .since_ns = f->since_ns };
	size_t n_out = kind == FLOOR_BOOK ? floor_encode(&m.book, &stamp, out)
					  : floor_encode_trade(&m.trade, &stamp, out);
	floor_send(f->child, f->pub, out, n_out);
}

/* The frame at `from`, if it is whole. */
static bool take_frame(struct floor *f)
{
	const uint8_t *p = (const uint8_t *)f->in + f->from;
	size_t have = f->to - f->from, header = 2, n;
	if (have < 4)
		return false;
	n = p[1];
	if (n == 126) {
		n = (size_t)p[2] << 8 | p[3];
		header = 4;
	}
	must(f, p[1] < 127, "a frame over 64 KiB");
	if (have < header + n)
		return false;
	on_text(f, (const char *)p + header, n, bc_wall_now().ns);
	f->from += header + n;
	return true;
}

static void make_room(struct floor *f)
{
	if (f->from == f->to) {
		f->from = f->to = 0;
	} else if (BUFFER - f->to < READ_AT_ONCE) {
		memmove(f->in, f->in + f->from, f->to - f->from);
		f->to -= f->from;
		f->from = 0;
	}
}

void floor_main(const struct line_child *c)
{
	static struct floor floor;
	struct floor *f = &floor;
	f->child = c;
	line_pin(LINE_CONTENDER);
	f->since_ns = bc_wall_now().ns;
	f->epoch = (uint64_t)f->since_ns / 1000;
	f->pub = floor_pub(c, zmq_ctx_new());
	open_line(f);
	subscribe(f);
	for (;;) {
		while (take_frame(f))
			;
		make_room(f);
		f->to += read_some(f, f->in + f->to, READ_AT_ONCE);
	}
}
