/* TLS 1.3 lets a server ask for new keys: the answer is written by whoever reads next. A server
 * that asks and does not read must not keep the loop awake, nor lose what it says meanwhile.
 *
 * The connection is a pair of local sockets: there each record that is read makes room for exactly
 * one, so the answer meets a socket that is full each time. */
#include "tests/unit/ws_client.h"

#include <errno.h>
#include <openssl/ssl.h>
#include <poll.h>
#include <unistd.h>

#define RECORD 8000 /* bytes of a message, which is one record */

/* ------------------------------------------------------------------ the sockets */

static int given = -1; /* the transport's next socket, connected already */

int __real_socket(int family, int type, int protocol);
int __wrap_socket(int family, int type, int protocol);
int __real_connect(int fd, const struct sockaddr *address, socklen_t n);
int __wrap_connect(int fd, const struct sockaddr *address, socklen_t n);

int __wrap_socket(int family, int type, int protocol)
{
	return given >= 0 ? given : __real_socket(family, type, protocol);
}

int __wrap_connect(int fd, const struct sockaddr *address, socklen_t n)
{
	if (given < 0)
		return __real_connect(fd, address, n);
	given = -1;
	return 0;
}

/* ------------------------------------------------------------------ both sides */

struct rig {
	struct client c;
	struct test_ca *ca;
	SSL_CTX *ctx;
	SSL *peer;
	int fd;                /* the peer's */
	size_t n_sent, n_read; /* bytes: of what the client says, and the peer has read */
};

static bool wants_more(const struct rig *r, int rc)
{
	int error = SSL_get_error(r->peer, rc);
	return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

static void turns(struct rig *r, int n)
{
	for (int i = 0; i < n; i++)
		uv_run(&r->c.loop, UV_RUN_NOWAIT);
}

/* Has the loop nothing to do but to wait? */
static bool would_sleep(struct rig *r)
{
	struct pollfd loop = { .fd = uv_backend_fd(&r->c.loop), .events = POLLIN };
	turns(r, 20);
	return poll(&loop, 1, 0) == 0;
}

static void peer_says(struct rig *r, const char *text)
{
	char frame[64];
	int n = snprintf(frame, sizeof frame, "\x81%c%s", (int)strlen(text), text);
	cr_assert_eq(SSL_write(r->peer, frame, n), n);
}

/* Reads one record; false: there is none now. */
static bool peer_reads(struct rig *r)
{
	char record[16384];
	int n = SSL_read(r->peer, record, sizeof record);
	cr_assert(n > 0 || wants_more(r, n));
	r->n_read += n > 0 ? (size_t)n : 0;
	return n > 0;
}

static void peer_upgrades(struct rig *r)
{
	char head[4096], accept_value[29], answer[256];
	size_t n = 0;
	while (n < 4 || memcmp(head + n - 4, "\r\n\r\n", 4) != 0) {
		cr_assert_lt(n + 1, sizeof head);
		int rc = SSL_read(r->peer, head + n, 1);
		cr_assert(rc == 1 || wants_more(r, rc));
		n += rc == 1;
		head[n] = '\0';
		turns(r, 1);
	}
	cr_assert(ws_accept_value(head, accept_value));
	int length = snprintf(answer, sizeof answer,
			      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
			      "Connection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n",
			      accept_value);
	cr_assert_eq(SSL_write(r->peer, answer, length), length);
}

static void rig_open(struct rig *r)
{
	int fds[2], rc;
	*r = (struct rig){ .ca = test_ca_new() };
	r->ctx = test_ca_server(r->ca, TEST_LEAF_GOOD);
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds), 0);
	given = fds[0];
	r->fd = fds[1];
	r->peer = SSL_new(r->ctx);
	SSL_set_fd(r->peer, r->fd);
	client_start(&r->c, test_ca_file(r->ca));
	const struct bc_ws_target target = target_of(1, true);
	client_connect_to(&r->c, &target);
	while ((rc = SSL_accept(r->peer)) != 1) {
		cr_assert(wants_more(r, rc), "TLS: %d", SSL_get_error(r->peer, rc));
		turns(r, 1);
	}
	cr_assert_str_eq(SSL_get_version(r->peer), "TLSv1.3");
	peer_upgrades(r);
	cr_assert(client_until(&r->c, &r->c.n_opened, 1), "told: %s %s", r->c.told, r->c.detail);
}

static void rig_close(struct rig *r)
{
	client_stop(&r->c);
	SSL_free(r->peer);
	close(r->fd);
	SSL_CTX_free(r->ctx);
	test_ca_free(&r->ca);
}

/* Until neither the socket nor the queue takes any more. */
static void client_fills(struct rig *r)
{
	static char text[RECORD];
	memset(text, 'x', sizeof text);
	while (TRANSPORT.send(r->c.ws, text, sizeof text) == BC_OK) {
		r->n_sent += sizeof text + 8; /* a header of eight bytes */
		turns(r, 2);
	}
}

/* ------------------------------------------------------------------ */

Test(ws_key_update, a_peer_that_asks_and_does_not_read_keeps_nobody_awake)
{
	struct rig r;
	rig_open(&r);
	client_fills(&r);
	cr_assert(would_sleep(&r), "its socket is full");
	cr_assert_eq(SSL_key_update(r.peer, SSL_KEY_UPDATE_REQUESTED), 1);
	cr_assert_eq(SSL_do_handshake(r.peer), 1);
	peer_says(&r, "one");
	cr_assert(client_until(&r.c, &r.c.n_messages, 1), "the answer can wait for what was begun");
	cr_assert(would_sleep(&r));

	cr_assert(peer_reads(&r)); /* room for what was begun, and not for the answer */
	turns(&r, 20);
	peer_says(&r, "two");
	cr_expect(would_sleep(&r), "what is there cannot be read before the answer is out");
	cr_expect_eq(r.c.n_messages, 1);

	for (uint64_t limit = uv_hrtime() + LIMIT_NS; r.n_read < r.n_sent && uv_hrtime() < limit;) {
		peer_reads(&r);
		turns(&r, 1);
	}
	cr_expect_eq(r.n_read, r.n_sent, "%zu of %zu bytes came", r.n_read, r.n_sent);
	cr_expect(client_until(&r.c, &r.c.n_messages, 2));
	cr_expect_str_eq(r.c.told, "opened\ntext one\ntext two\n");
	cr_expect(would_sleep(&r));
	rig_close(&r);
}
