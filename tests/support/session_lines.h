/* session_lines.h - the session rig on fake_lines_exchange: two lines that add, frames that are
 * answered. Connections 0 and 1 are the first of the public and of the market line. */
#ifndef BC_TESTS_SESSION_LINES_H
#define BC_TESTS_SESSION_LINES_H

#include "tests/support/session_rig.h"

#define PUBLIC 0
#define MARKET 1

/* The newest frame sent on a connection; "" if there was none. */
static inline const char *frame_on(const struct rig *r, uint32_t c)
{
	for (size_t i = r->n_sent; i > 0 && r->n_sent - i < 256; i--) {
		if (r->sent[(i - 1) % 256].connection == c)
			return r->sent[(i - 1) % 256].text;
	}
	return "";
}

static inline size_t frames_on(const struct rig *r, uint32_t c)
{
	size_t n = 0;
	for (size_t i = 0; i < r->n_sent && i < 256; i++)
		n += r->sent[i].connection == c;
	return n;
}

/* What it names: the frame without its verb and id. */
static inline const char *named_on(const struct rig *r, uint32_t c)
{
	const char *blank = strchr(frame_on(r, c), ' ');
	return blank == NULL ? "" : blank + 1;
}

/* Answers the newest frame of a connection: "ack", "no" or "slower". */
static inline void answer_on(struct rig *r, uint32_t c, const char *verb)
{
	char text[64];
	const char *id = strchr(frame_on(r, c), '#');
	cr_assert_not_null(id, "nothing was sent on %u", c);
	snprintf(text, sizeof text, "%s %ld", verb, strtol(id + 1, NULL, 10));
	says_on(r, c, text);
}

/* Acknowledges on a connection until nothing more is sent there. */
static inline void ack_all_on(struct rig *r, uint32_t c)
{
	for (size_t n = 0; n != frames_on(r, c);) {
		n = frames_on(r, c);
		answer_on(r, c, "ack");
		pass(r, 300 * MS);
	}
}

static inline struct session_options options_of_lines(void)
{
	struct session_options o = options_for_tests();
	o.exchange = &fake_lines_exchange;
	o.first_data_after_ns = 10 * S;
	return o;
}

static inline void ack_both(struct rig *r)
{
	ack_all_on(r, PUBLIC);
	ack_all_on(r, MARKET);
}

/* Both lines open; nothing is said yet. */
static inline struct rig *open_lines(struct session_options options, const char *symbols)
{
	struct rig *r = rig_with(options);
	add(r, symbols);
	session_start(r->session, r->now);
	opened_on(r, PUBLIC);
	opened_on(r, MARKET);
	return r;
}

/* Both lines open, subscribed, their symbols live. */
static inline struct rig *live_lines(struct session_options options, const char *symbols)
{
	struct rig *r = open_lines(options, symbols);
	char text[64], copy[256], *rest = copy;
	ack_both(r);
	snprintf(copy, sizeof copy, "%s", symbols);
	for (char *one; (one = strsep(&rest, " ")) != NULL;) {
		snprintf(text, sizeof text, "book %s 1 2", one);
		says_on(r, PUBLIC, text);
		snprintf(text, sizeof text, "ticker %s", one);
		says_on(r, MARKET, text);
	}
	cr_assert_eq(session_symbols_in(r->session, BC_STATE_LIVE), session_symbols(r->session));
	forget(r);
	return r;
}

/* Seconds in which every connection there is, of the first n, is proven by the canary. */
static inline void pass_proven(struct rig *r, int seconds, uint32_t n_connections)
{
	for (int i = 0; i < seconds; i++) {
		for (uint32_t c = 0; c < n_connections && c < session_connections(r->session); c++)
			says_on(r, c, "ticker CANARY");
		pass(r, S);
	}
}

#endif
