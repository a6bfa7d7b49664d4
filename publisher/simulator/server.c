#include "publisher/simulator/server_internal.h"

#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ------------------------------------------------------------------ endings */

static void free_conn(uv_handle_t *handle)
{
	struct sim_conn *c = handle->data;

	SSL_free(c->ssl); /* and its BIOs */
	sim_buffer_free(&c->in);
	sim_buffer_free(&c->pending);
	sim_buffer_free(&c->flight);
	ws_parser_free(&c->parser);
	ws_deflate_free(&c->deflate);
	free(c);
}

static void forget(struct sim_conn *c)
{
	struct sim_server *s = c->server;

	c->ending = GONE;
	if (c->previous != NULL)
		c->previous->next = c->next;
	else
		s->conns = c->next;
	if (c->next != NULL)
		c->next->previous = c->previous;
	s->counts.open--;
	if (s->events.closed != NULL)
		s->events.closed(s->events.self, c);
}

void conn_destroy(struct sim_conn *c)
{
	if (c->ending == GONE)
		return;
	forget(c);
	uv_close((uv_handle_t *)&c->tcp, free_conn);
}

void sim_conn_reset(struct sim_conn *c)
{
	if (c->ending == GONE)
		return;
	forget(c);
	if (uv_tcp_close_reset(&c->tcp, free_conn) != 0)
		uv_close((uv_handle_t *)&c->tcp, free_conn);
}

static void on_shutdown(uv_shutdown_t *request, int status)
{
	(void)request; /* the peer's FIN or the deadline closes the handle */
	(void)status;
}

static void pump(struct sim_conn *c);

/* Everything queued is with the kernel. */
static void finish(struct sim_conn *c)
{
	c->ending = SHUT_DOWN;
	if (uv_shutdown(&c->shutdown, (uv_stream_t *)&c->tcp, on_shutdown) != 0)
		conn_destroy(c);
}

static void set_deadline(struct sim_conn *c)
{
	c->deadline_ms = uv_now(c->server->loop) + END_WAIT_MS;
}

void sim_conn_end(struct sim_conn *c)
{
	if (c->ending != NOT_ENDING)
		return;
	c->ending = END_AFTER_FLUSH;
	set_deadline(c);
	pump(c);
}

void sim_conn_close(struct sim_conn *c, uint16_t code)
{
	char payload[2] = { (char)(code >> 8), (char)code };

	if (c->ending != NOT_ENDING || c->close_sent)
		return;
	sim_conn_send(c, WS_CLOSE, (bc_str){ payload, sizeof payload });
	c->close_sent = true;
	set_deadline(c);
}

void sim_conn_silence(struct sim_conn *c)
{
	c->silent = true;
}

/* ------------------------------------------------------------------ writing */

static void on_written(uv_write_t *request, int status)
{
	struct sim_conn *c = request->handle->data;

	c->writing = false;
	sim_buffer_clear(&c->flight);
	if (c->ending == GONE)
		return;
	if (status != 0) {
		conn_destroy(c);
		return;
	}
	pump(c);
	if (c->ending == NOT_ENDING && sim_conn_queued(c) < LOW_WATER &&
	    c->server->events.drained != NULL)
		c->server->events.drained(c->server->events.self, c);
}

/* Encrypts some of what is pending; the cipher text joins what the handshake left there. */
static bool encrypt(struct sim_conn *c)
{
	size_t n = c->pending.n - c->pending_at, written = 0;
	BIO *out = SSL_get_wbio(c->ssl);
	size_t waiting;

	if (n > ENCRYPT_AT_ONCE)
		n = ENCRYPT_AT_ONCE;
	ERR_clear_error(); /* the queue is the thread's: another connection's error is not ours */
	if (n > 0 && SSL_is_init_finished(c->ssl)) {
		if (SSL_write_ex(c->ssl, c->pending.data + c->pending_at, n, &written) != 1)
			return false;
		c->pending_at += written;
	}
	if (c->pending_at == c->pending.n && c->ending == END_AFTER_FLUSH)
		SSL_shutdown(c->ssl);
	waiting = BIO_ctrl_pending(out);
	if (waiting == 0)
		return true;
	if (!sim_buffer_reserve(&c->flight, waiting) ||
	    BIO_read(out, c->flight.data, (int)waiting) != (int)waiting)
		return false;
	c->flight.n = waiting;
	return true;
}

static void take_plain(struct sim_conn *c)
{
	struct sim_buffer taken = c->pending;

	c->pending = c->flight;
	c->flight = taken;
	sim_buffer_clear(&c->pending);
	c->pending_at = 0;
}

/* Moves pending bytes towards the kernel. */
static void pump(struct sim_conn *c)
{
	uv_buf_t bytes;

	if (c->writing || c->ending == GONE || c->ending == SHUT_DOWN || c->silent)
		return;
	if (c->ssl == NULL) {
		take_plain(c);
	} else if (!encrypt(c)) {
		conn_destroy(c);
		return;
	}
	if (c->pending_at == c->pending.n) {
		sim_buffer_clear(&c->pending);
		c->pending_at = 0;
	}
	if (c->flight.n == 0) {
		if (c->ending == END_AFTER_FLUSH)
			finish(c);
		return;
	}
	bytes = uv_buf_init(c->flight.data, (unsigned)c->flight.n);
	if (uv_write(&c->write, (uv_stream_t *)&c->tcp, &bytes, 1, on_written) != 0) {
		conn_destroy(c);
		return;
	}
	c->writing = true;
	c->server->counts.bytes_out += c->flight.n;
	c->last_io_ms = uv_now(c->server->loop);
}

size_t sim_conn_queued(const struct sim_conn *c)
{
	return c->pending.n - c->pending_at + c->flight.n;
}

void sim_conn_write(struct sim_conn *c, bc_str bytes)
{
	if (c->ending != NOT_ENDING || c->silent)
		return;
	sim_buffer_str(&c->pending, bytes);
	if (c->pending.failed || sim_conn_queued(c) > c->server->max_queue_bytes) {
		c->server->counts.slow++;
		sim_conn_reset(c);
		return;
	}
	pump(c);
}

/* ------------------------------------------------------------------ reading */

static void give_buffer(uv_handle_t *handle, size_t suggested, uv_buf_t *out)
{
	struct sim_conn *c = handle->data;

	(void)suggested;
	*out = uv_buf_init(c->server->read_buffer, READ_BYTES);
}

/* Decrypts into c->in. False: TLS is broken. */
static bool decrypt(struct sim_conn *c, const char *bytes, size_t n)
{
	size_t got = 0;
	int error;

	if (BIO_write(SSL_get_rbio(c->ssl), bytes, (int)n) != (int)n)
		return false;
	ERR_clear_error();
	do {
		if (!sim_buffer_reserve(&c->in, READ_BYTES))
			return false;
		if (SSL_read_ex(c->ssl, c->in.data + c->in.n, READ_BYTES, &got) != 1)
			break;
		c->in.n += got;
	} while (true);
	error = SSL_get_error(c->ssl, 0);
	return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE ||
	       error == SSL_ERROR_ZERO_RETURN;
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buffer)
{
	struct sim_conn *c = stream->data;

	if (c->ending == GONE || n == 0)
		return;
	if (n < 0) {
		if (!c->silent)
			conn_destroy(c);
		return;
	}
	if (c->silent)
		return;
	c->last_io_ms = uv_now(c->server->loop);
	if (c->ending == SHUT_DOWN || c->ending == END_AFTER_FLUSH)
		return; /* nobody reads any more; only the end is awaited */
	if (c->ssl == NULL) {
		sim_buffer_add(&c->in, buffer->base, (size_t)n);
	} else if (!decrypt(c, buffer->base, (size_t)n)) {
		c->server->counts.protocol_errors++;
		sim_conn_end(c); /* lets the alert out */
		return;
	}
	if (c->in.failed) {
		conn_destroy(c);
		return;
	}
	conn_process(c);
	pump(c);
}

/* ------------------------------------------------------------------ accepting */

static SSL *new_ssl(struct sim_server *s)
{
	SSL *ssl = SSL_new(sim_tls_context(s->tls));
	BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());

	if (ssl == NULL || in == NULL || out == NULL) {
		SSL_free(ssl);
		BIO_free(in);
		BIO_free(out);
		return NULL;
	}
	SSL_set_bio(ssl, in, out);
	SSL_set_accept_state(ssl);
	return ssl;
}

static void link_conn(struct sim_server *s, struct sim_conn *c)
{
	c->next = s->conns;
	if (s->conns != NULL)
		s->conns->previous = c;
	s->conns = c;
	s->counts.open++;
	s->counts.accepted++;
}

static void on_connection(uv_stream_t *listener, int status)
{
	struct sim_server *s = listener->data;
	struct sim_conn *c = status == 0 ? calloc(1, sizeof *c) : NULL;

	if (c == NULL)
		return;
	c->server = s;
	ws_parser_init(&c->parser, MESSAGE_MAX);
	if (uv_tcp_init(s->loop, &c->tcp) != 0) {
		free(c);
		return;
	}
	c->tcp.data = c;
	c->last_io_ms = uv_now(s->loop);
	link_conn(s, c);
	if (s->tls != NULL)
		c->ssl = new_ssl(s);
	if ((s->tls != NULL && c->ssl == NULL) ||
	    uv_accept(listener, (uv_stream_t *)&c->tcp) != 0) {
		conn_destroy(c);
		return;
	}
	if (s->mute > 0) {
		s->mute--;
		c->silent = true;
	}
	if (uv_tcp_nodelay(&c->tcp, 1) != 0 ||
	    uv_read_start((uv_stream_t *)&c->tcp, give_buffer, on_read) != 0)
		conn_destroy(c);
}

/* Ends what has waited long enough. */
static void on_sweep(uv_timer_t *timer)
{
	struct sim_server *s = timer->data;
	uint64_t now = uv_now(s->loop);
	struct sim_conn *next;

	for (struct sim_conn *c = s->conns; c != NULL; c = next) {
		next = c->next;
		if (c->deadline_ms == 0 || now < c->deadline_ms)
			continue;
		if (c->ending == NOT_ENDING)
			sim_conn_end(c); /* no answer to our close frame */
		else
			conn_destroy(c);
	}
}

/* "127.0.0.1:0", "[::1]:8080" */
static bool parse_address(const char *text, struct sockaddr_storage *out)
{
	char host[64];
	const char *colon = strrchr(text, ':'), *from = text;
	size_t n = colon != NULL ? (size_t)(colon - text) : 0;
	char *end;
	long port;

	if (n >= 2 && text[0] == '[' && text[n - 1] == ']') {
		from++;
		n -= 2;
	}
	if (colon == NULL || colon[1] == '\0' || n == 0 || n >= sizeof host)
		return false;
	memcpy(host, from, n);
	host[n] = '\0';
	port = strtol(colon + 1, &end, 10);
	if (*end != '\0' || port < 0 || port > 65535)
		return false;
	return uv_ip4_addr(host, (int)port, (struct sockaddr_in *)out) == 0 ||
	       uv_ip6_addr(host, (int)port, (struct sockaddr_in6 *)out) == 0;
}

static int port_of(const uv_tcp_t *tcp)
{
	struct sockaddr_storage name;
	int n = sizeof name;

	if (uv_tcp_getsockname(tcp, (struct sockaddr *)&name, &n) != 0)
		return -1;
	return ntohs(name.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&name)->sin6_port
						: ((struct sockaddr_in *)&name)->sin_port);
}

static int start_listening(struct sim_server *s, const struct sockaddr_storage *address)
{
	int rc = uv_tcp_bind(&s->listener, (const struct sockaddr *)address, 0);

	if (rc == 0)
		rc = uv_listen((uv_stream_t *)&s->listener, 128, on_connection);
	if (rc == 0)
		rc = uv_timer_start(&s->sweep, on_sweep, SWEEP_MS, SWEEP_MS);
	s->port = rc == 0 ? port_of(&s->listener) : -1;
	return rc;
}

bc_status sim_server_open(struct sim_server **out, uv_loop_t *loop,
			  const struct sim_server_options *o, char *why, size_t cap)
{
	struct sockaddr_storage address = { .ss_family = AF_UNSPEC };
	struct sim_server *s;
	int rc;

	if (!parse_address(o->listen, &address)) {
		snprintf(why, cap, "'%s' is not ADDRESS:PORT, for example 127.0.0.1:0", o->listen);
		return BC_EINVAL;
	}
	s = calloc(1, sizeof *s);
	if (s == NULL)
		return BC_ENOMEM;
	s->loop = loop;
	s->tls = o->tls;
	s->compression = o->compression;
	s->events = o->events;
	s->max_queue_bytes = o->max_queue_bytes != 0 ? o->max_queue_bytes : QUEUE_MAX;
	s->listener.data = s->sweep.data = s;
	uv_tcp_init(loop, &s->listener); /* cannot fail: no socket is made yet */
	uv_timer_init(loop, &s->sweep);
	*out = s;
	rc = start_listening(s, &address);
	if (rc == 0)
		return BC_OK;
	snprintf(why, cap, "cannot listen on %s: %s", o->listen, uv_strerror(rc));
	return BC_EIO;
}

void sim_server_close(struct sim_server *s)
{
	if (s == NULL || uv_is_closing((uv_handle_t *)&s->listener))
		return;
	uv_close((uv_handle_t *)&s->listener, NULL);
	uv_close((uv_handle_t *)&s->sweep, NULL);
	while (s->conns != NULL)
		conn_destroy(s->conns);
}

void sim_server_free(struct sim_server **server)
{
	free(*server);
	*server = NULL;
}

int sim_server_port(const struct sim_server *s)
{
	return s->port;
}

struct sim_server_counts sim_server_counts(const struct sim_server *s)
{
	return s->counts;
}

void sim_server_mute(struct sim_server *s, uint32_t n)
{
	s->mute = n;
}
