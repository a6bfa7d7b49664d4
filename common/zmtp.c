#include "common/zmtp.h"

#include <string.h>

enum {
	SIGNATURE_BYTES = 10,
	MAJOR = 10,
	MECHANISM = 12,
	MECHANISM_BYTES = 20,
	SHORT_MAX = 255,
	PING_TTL_BYTES = 2,
	REASON_MAX = 200
};

static const char null[MECHANISM_BYTES] = "NULL";

bc_status zmtp_check_greeting(bc_str g)
{
	if (g.n > 0 && g.p[0] != '\xff')
		return BC_EPARSE;
	if (g.n >= SIGNATURE_BYTES && (g.p[SIGNATURE_BYTES - 1] & 1) == 0)
		return BC_EPARSE; /* the first length of ZMTP 1.0 */
	if (g.n > MAJOR && (unsigned char)g.p[MAJOR] < 3)
		return BC_EVERSION;
	if (g.n < ZMTP_GREETING_BYTES)
		return BC_EAGAIN;
	return memcmp(g.p + MECHANISM, null, sizeof null) == 0 ? BC_OK : BC_EPARSE;
}

static uint64_t big_endian(const char *p, size_t n)
{
	uint64_t value = 0;
	for (size_t i = 0; i < n; i++)
		value = value << 8 | (unsigned char)p[i];
	return value;
}

bc_status zmtp_read_head(bc_str bytes, struct zmtp_head *out)
{
	if (bytes.n == 0)
		return BC_EAGAIN;
	unsigned flags = (unsigned char)bytes.p[0];
	if ((flags & ~(unsigned)(ZMTP_MORE | ZMTP_LONG | ZMTP_COMMAND)) != 0 ||
	    (flags & (ZMTP_MORE | ZMTP_COMMAND)) == (ZMTP_MORE | ZMTP_COMMAND))
		return BC_EPARSE;
	size_t n_length = (flags & ZMTP_LONG) != 0 ? 8 : 1;
	if (bytes.n < 1 + n_length)
		return BC_EAGAIN;
	*out = (struct zmtp_head){ .flags = flags,
				   .n_head = 1 + n_length,
				   .n_body = big_endian(bytes.p + 1, n_length) };
	return BC_OK;
}

bc_status zmtp_read_command(bc_str body, bc_str *name, bc_str *rest)
{
	size_t n = body.n > 0 ? (unsigned char)body.p[0] : 0;
	if (n == 0 || n + 1 > body.n)
		return BC_EPARSE;
	*name = (bc_str){ body.p + 1, n };
	*rest = (bc_str){ body.p + 1 + n, body.n - 1 - n };
	return BC_OK;
}

/* Property names are compared without regard to case. */
static bool is_socket_type(bc_str name)
{
	static const char want[] = "socket-type";
	bool same = name.n == sizeof want - 1;
	for (size_t i = 0; same && i < name.n; i++)
		same = bc_ascii_lower(name.p[i]) == want[i];
	return same;
}

bc_status zmtp_read_ready(bc_str rest, bc_str *socket_type)
{
	bool found = false;
	while (rest.n > 0) {
		size_t n_name = (unsigned char)rest.p[0];
		if (rest.n < 1 + n_name + 4)
			return BC_EPARSE;
		const bc_str name = { rest.p + 1, n_name };
		const uint64_t n_value = big_endian(rest.p + 1 + n_name, 4);
		size_t before = 1 + n_name + 4;
		if (n_value > rest.n - before)
			return BC_EPARSE;
		if (is_socket_type(name)) {
			*socket_type = (bc_str){ rest.p + before, (size_t)n_value };
			found = true;
		}
		rest.p += before + n_value;
		rest.n -= before + (size_t)n_value;
	}
	return found ? BC_OK : BC_EPARSE;
}

size_t zmtp_write_head(char out[ZMTP_HEAD_MAX], unsigned flags, size_t n_body)
{
	if (n_body <= SHORT_MAX) {
		out[0] = (char)flags;
		out[1] = (char)n_body;
		return 2;
	}
	out[0] = (char)(flags | ZMTP_LONG);
	for (size_t i = 0; i < 8; i++)
		out[1 + i] = (char)((uint64_t)n_body >> (56 - 8 * i));
	return ZMTP_HEAD_MAX;
}

size_t zmtp_write_greeting(char out[ZMTP_WRITE_MAX])
{
	memset(out, 0, ZMTP_GREETING_BYTES);
	out[0] = '\xff';
	out[SIGNATURE_BYTES - 1] = '\x7f';
	out[MAJOR] = 3;
	out[MAJOR + 1] = 1;
	memcpy(out + MECHANISM, null, sizeof null);
	return ZMTP_GREETING_BYTES;
}

/* A command of at most 255 bytes, in pieces. */
static size_t write_command(char *out, const bc_str *pieces, size_t n_pieces)
{
	size_t n = 0, at;
	for (size_t i = 0; i < n_pieces; i++)
		n += pieces[i].n;
	at = zmtp_write_head(out, ZMTP_COMMAND, n);
	for (size_t i = 0; i < n_pieces; at += pieces[i++].n)
		if (pieces[i].n > 0)
			memcpy(out + at, pieces[i].p, pieces[i].n);
	return at;
}

size_t zmtp_write_ready(char out[ZMTP_WRITE_MAX], bc_str socket_type)
{
	const char length[4] = { 0, 0, 0, (char)socket_type.n };
	const bc_str pieces[] = { BC_STR("\5READY\13Socket-Type"),
				  { length, sizeof length },
				  socket_type,
				  BC_STR("\10Identity\0\0\0\0") };
	return write_command(out, pieces, sizeof pieces / sizeof *pieces);
}

size_t zmtp_write_error(char out[ZMTP_WRITE_MAX], bc_str reason)
{
	if (reason.n > REASON_MAX)
		reason.n = REASON_MAX;
	const char length = (char)reason.n;
	const bc_str pieces[] = { BC_STR("\5ERROR"), { &length, 1 }, reason };
	return write_command(out, pieces, sizeof pieces / sizeof *pieces);
}

size_t zmtp_write_pong(char out[ZMTP_WRITE_MAX], bc_str rest)
{
	if (rest.n < PING_TTL_BYTES || rest.n > PING_TTL_BYTES + ZMTP_PING_CONTEXT_MAX)
		return 0;
	const bc_str pieces[] = { BC_STR("\4PONG"),
				  { rest.p + PING_TTL_BYTES, rest.n - PING_TTL_BYTES } };
	return write_command(out, pieces, sizeof pieces / sizeof *pieces);
}
