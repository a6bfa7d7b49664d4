/* What a server may send to the direct transport. However the bytes are cut into pieces, the same
 * messages come out of them and the same end; the buffer stays bounded; text is
 * UTF-8.
 *
 * data[0]: how the pieces are cut; data[1]: bit 0 the stream begins with an HTTP answer, bit 1
 * compression was agreed on, bit 2 without context, bits 4 to 6 its window. */
#include "publisher/ws_frames.h"
#include "publisher/ws_inflate.h"
#include "publisher/ws_upgrade.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MESSAGE_MAX 4096
#define SAID_MAX    (1u << 16)

struct said {
	char bytes[SAID_MAX];
	size_t n;
};

static void say(struct said *said, const void *bytes, size_t n)
{
	if (n > SAID_MAX - said->n)
		n = SAID_MAX - said->n;
	if (n > 0)
		memcpy(said->bytes + said->n, bytes, n);
	said->n += n;
}

static void must(bool good)
{
	if (!good)
		abort();
}

/* False: it is over. */
static bool read_frames(struct ws_frames *f, struct said *said)
{
	struct ws_frame frame = { .code = 0 };
	enum ws_frame_kind kind;
	while ((kind = ws_frames_next(f, &frame)) != WS_FRAME_NONE) {
		say(said, &kind, sizeof kind);
		if (kind == WS_FRAME_BAD) {
			must(frame.why != NULL && frame.code >= 1002);
			say(said, &frame.code, sizeof frame.code);
			return false;
		}
		must(kind == WS_FRAME_MESSAGE ? frame.payload.n <= MESSAGE_MAX
					      : frame.payload.n <= WS_CONTROL_MAX);
		must(kind != WS_FRAME_MESSAGE || frame.binary ||
		     bc_utf8_valid(frame.payload.p, frame.payload.n));
		say(said, frame.payload.p, frame.payload.n);
	}
	return true;
}

/* BC_EAGAIN: more is needed. */
static bc_status read_answer(struct ws_upgrade *u, struct ws_frames *f, struct said *said)
{
	struct ws_answer a;
	size_t used;
	const bc_str unread = ws_frames_unread(f);
	const bc_status rc = ws_upgrade_answer(u, unread, &used, &a);
	must(used <= unread.n);
	ws_frames_skip(f, used);
	if (rc == BC_EAGAIN)
		return rc;
	must(rc != BC_EINVAL || (a.status >= 200 && a.status <= 999));
	must(rc != BC_EPARSE || a.why != NULL);
	must(rc != BC_OK || !a.deflate ||
	     (a.server_window_bits >= 8 && a.server_window_bits <= 15));
	say(said, &rc, sizeof rc);
	say(said, &a.status, sizeof a.status);
	return rc;
}

static void read_all(const uint8_t *data, size_t size, uint8_t how, size_t step, struct said *said)
{
	struct ws_upgrade u = { .accept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", .offered = true };
	struct ws_frames f;
	bool upgrading = (how & 1) != 0, good = true;
	ws_frames_init(&f, MESSAGE_MAX);
	if ((how & 2) != 0)
		must(ws_inflate_new(&f.inflate, 8 + (how >> 4 & 7), (how & 4) != 0) == BC_OK);
	said->n = 0;
	for (size_t at = 0; at < size && good;) {
		size_t room, n = size - at < step ? size - at : step;
		char *to = ws_frames_room(&f, &room);
		must(to != NULL && room >= WS_FRAMES_ROOM);
		n = n < room ? n : room;
		memcpy(to, data + at, n);
		ws_frames_filled(&f, n, (bc_wall_time){ 1 });
		at += n;
		if (upgrading) {
			const bc_status rc = read_answer(&u, &f, said);
			good = rc == BC_OK || rc == BC_EAGAIN;
			upgrading = rc != BC_OK;
		}
		if (!upgrading)
			good = good && read_frames(&f, said);
		must(f.cap <= 2 * WS_FRAMES_BYTES);
	}
	ws_inflate_free(&f.inflate);
	ws_frames_free(&f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct said whole, pieces;
	if (size < 3)
		return 0;
	read_all(data + 2, size - 2, data[1], size, &whole);
	read_all(data + 2, size - 2, data[1], 1 + data[0] % 16, &pieces);
	must(whole.n == pieces.n && memcmp(whole.bytes, pieces.bytes, whole.n) == 0);
	return 0;
}
