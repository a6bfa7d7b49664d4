/* session_maintenance.c - an exchange that is closed for long is asked calmly, by one at a time.
 *
 * Nobody says beforehand how long maintenance lasts, and most exchanges do not say that it is one.
 * So it is what it looks like: no connection has brought data for maintenance_after_ns, or for a
 * tenth of that where the exchange answers upgrades with "not available" (502, 503, 504). From then
 * on one connection at a time probes, about once in probe_interval_ns, however many there are; the
 * states of the symbols are what they are anyway. The first data ends it: then the others follow,
 * one after the other, within a few seconds. */
#include "publisher/session_private.h"

#define AFTER_NS      (300 * BC_NS_PER_S)
#define SAID_PART     10 /* of that, where the exchange says so */
#define PROBE_NS      (30 * BC_NS_PER_S)
#define FOLLOW_NS     (500 * BC_NS_PER_MS) /* for each of those that follow */
#define FOLLOW_MAX_NS (30 * BC_NS_PER_S)

static int64_t after_ns(const struct session *s)
{
	return s->o.maintenance_after_ns > 0 ? s->o.maintenance_after_ns : AFTER_NS;
}

static int64_t probe_ns(const struct session *s)
{
	return s->o.probe_interval_ns > 0 ? s->o.probe_interval_ns : PROBE_NS;
}

static bool anybody_proven(const struct session *s)
{
	for (uint32_t i = 0; i < s->n_connections; i++) {
		if (s->connections[i].proven)
			return true;
	}
	return false;
}

static bool is_not_available(int http_status)
{
	return http_status >= 502 && http_status <= 504;
}

/* ------------------------------------------------------------------ beginning and end */

static void begin(struct session *s, const char *why)
{
	s->maintenance.on = true;
	s->count.maintenances++;
	session_log(s, BC_LOG_WARN, "feed.maintenance", BC_LOG_S("why", why),
		    BC_LOG_T("since", s->now.mono.ns - s->maintenance.failing_since.ns),
		    BC_LOG_T("probe", probe_ns(s)),
		    BC_LOG_S("hint", "the exchange lets nobody in; one connection at a time asks "
				     "until it does"));
}

void maintenance_failed(struct session *s, const struct session_closed *how)
{
	struct maintenance *m = &s->maintenance;
	if (anybody_proven(s))
		return;
	if (m->failing_since.ns == 0)
		m->failing_since = s->now.mono;
	int64_t failing = s->now.mono.ns - m->failing_since.ns;
	bool said = is_not_available(how->http_status);
	if (!m->on && failing >= after_ns(s))
		begin(s, said ? "not available" : "nothing answers");
	else if (!m->on && said && failing >= after_ns(s) / SAID_PART)
		begin(s, "not available");
	if (m->on)
		m->probe_at = mono_plus(s->now.mono,
					probe_ns(s) / 2 + spread_ns(probe_ns(s), &s->random));
}

void maintenance_over(struct session *s)
{
	struct maintenance *m = &s->maintenance;
	int64_t spread = FOLLOW_NS * s->n_connections;
	int64_t took = s->now.mono.ns - m->failing_since.ns;
	bool was = m->on;
	*m = (struct maintenance){ .on = false };
	if (!was)
		return;
	session_log(s, BC_LOG_INFO, "feed.maintenance-over", BC_LOG_T("took", took));
	for (uint32_t i = 0; i < s->n_connections; i++) {
		struct connection *c = &s->connections[i];
		if (c->phase == PHASE_WAITING)
			c->retry_at =
				mono_plus(s->now.mono,
					  spread_ns(spread < FOLLOW_MAX_NS ? spread : FOLLOW_MAX_NS,
						    &s->random));
	}
}

void maintenance_hurry(struct session *s)
{
	s->maintenance.probe_at = s->now.mono;
}

/* ------------------------------------------------------------------ who may connect */

/* Somebody is trying, or was let in and has not brought anything yet. */
static bool is_probing(const struct session *s)
{
	for (uint32_t i = 0; i < s->n_connections; i++) {
		enum phase phase = s->connections[i].phase;
		if (phase == PHASE_CONNECTING || phase == PHASE_OPEN || phase == PHASE_CLOSING)
			return true;
	}
	return false;
}

bc_mono_time maintenance_connect_at(const struct session *s)
{
	if (!s->maintenance.on)
		return BUDGET_NOW;
	return is_probing(s) ? MONO_NEVER : s->maintenance.probe_at;
}

int64_t session_maintenance_ns(const struct session *s, struct session_now now)
{
	return s->maintenance.on ? now.mono.ns - s->maintenance.failing_since.ns : 0;
}
