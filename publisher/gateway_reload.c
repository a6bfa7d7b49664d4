/* gateway_reload.c - SIGHUP: the configuration is read again, and what may change at run time does.
 *
 * With an error in it nothing changes. What was said over the control socket meanwhile holds on
 * where the configuration still says what it said before. */
#include "publisher/gateway_private.h"

#include "common/config_keys.h"
#include "common/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const struct bc_config *gateway_config(const struct gateway *g)
{
	return g->reloaded != NULL ? g->reloaded : g->settings->config;
}

bc_status gateway_configure(struct gateway *g, const struct bc_config *c, char *why, size_t cap)
{
	size_t n = bc_config_count(c, BC_KEY_SYMBOLS);
	const char **specs = malloc((n + 1) * sizeof *specs);
	if (specs == NULL) {
		snprintf(why, cap, "%s", bc_status_text(BC_ENOMEM));
		return BC_ENOMEM;
	}
	for (size_t i = 0; i < n; i++)
		specs[i] = bc_config_item(c, BC_KEY_SYMBOLS, i);
	bc_status rc = session_configure(g->session, gateway_now(g), specs, n, why, cap);
	free((void *)specs);
	return rc;
}

/* ------------------------------------------------------------------ reading it */

/* Each line of what was complained of. */
static void tell_errors(struct gateway *g, char *text)
{
	for (char *line; (line = strsep(&text, "\n")) != NULL;) {
		if (*line != '\0')
			bc_log_event(g->log, BC_LOG_ERROR, "config.wrong", BC_LOG_S("what", line));
	}
}

/* NULL: it is not right, and that is told. */
static struct bc_config *read_again(struct gateway *g)
{
	struct bc_config *fresh = NULL;
	char *text = NULL;
	size_t n = 0;
	struct bc_config_more more = { .rules = settings_rules, .told = open_memstream(&text, &n) };
	if (more.told == NULL)
		return NULL;
	enum bc_config_outcome outcome = bc_config_load(&fresh, BC_GATEWAY, g->settings->argc,
							g->settings->argv, NULL, &more);
	if (fclose(more.told) == 0)
		tell_errors(g, text);
	free(text);
	return outcome == BC_CONFIG_RUN ? fresh : NULL;
}

/* ------------------------------------------------------------------ what it changes */

static bool differs(const struct bc_config *a, const struct bc_config *b, enum bc_key key)
{
	size_t n = bc_config_count(a, key);
	bool same = n == bc_config_count(b, key) &&
		    strcmp(bc_config_text(a, key), bc_config_text(b, key)) == 0;
	for (size_t i = 0; i < n && same; i++)
		same = strcmp(bc_config_item(a, key, i), bc_config_item(b, key, i)) == 0;
	return !same;
}

/* A value for the log, of a list its items. */
static const char *written(const struct bc_config *c, enum bc_key key, char *out, size_t cap)
{
	struct bc_text t = bc_text_on(out, cap);
	bc_text_addf(&t, "%s", bc_config_text(c, key));
	for (size_t i = 0; i < bc_config_count(c, key); i++)
		bc_text_addf(&t, "%s%s", i > 0 ? ", " : "", bc_config_item(c, key, i));
	return out;
}

/* The file of weights may say something else under the same name. */
static bc_status take_shard(struct gateway *g, const struct bc_config *was)
{
	const struct bc_config *c = gateway_config(g);
	struct bc_division *division = NULL;
	uint32_t shard = g->shard, shards = g->shards;
	char why[320] = "";
	bool changed = differs(was, c, BC_KEY_SHARD);
	if (changed)
		bc_shard_parse(bc_config_text(c, BC_KEY_SHARD), &shard, &shards, why, sizeof why);
	bc_status rc = settings_division(c, shards, &division, why, sizeof why);
	uint64_t old = g->division == NULL ? 0 : bc_division_mark(g->division);
	uint64_t new = division == NULL ? 0 : bc_division_mark(division);
	bc_division_free(&division);
	if (rc == BC_OK && (changed || old != new))
		rc = gateway_reshard(g, shard, shards, why, sizeof why);
	if (rc != BC_OK)
		bc_log_event(g->log, BC_LOG_ERROR, "config.not-applied", BC_LOG_S("key", "shard"),
			     BC_LOG_S("why", why));
	return rc;
}

static void take_symbols(struct gateway *g)
{
	char why[320] = "";
	if (gateway_configure(g, gateway_config(g), why, sizeof why) != BC_OK)
		bc_log_event(g->log, BC_LOG_ERROR, "config.not-applied", BC_LOG_S("key", "symbols"),
			     BC_LOG_S("why", why));
}

static void warn_of_others(struct gateway *g)
{
	const struct bc_config *running = g->settings->config, *c = gateway_config(g);
	char was[160], now[160];
	for (int i = 0; i < BC_N_KEYS; i++) {
		if ((bc_keys[i].programs & BC_GATEWAY) == 0 ||
		    bc_keys[i].changes == BC_CHANGES_RUNTIME ||
		    !differs(running, c, (enum bc_key)i))
			continue;
		bc_log_event(g->log, BC_LOG_WARN, "config.needs-restart",
			     BC_LOG_S("key", bc_keys[i].key),
			     BC_LOG_S("running", written(running, (enum bc_key)i, was, sizeof was)),
			     BC_LOG_S("written", written(c, (enum bc_key)i, now, sizeof now)));
	}
}

void gateway_reload(struct gateway *g)
{
	struct bc_config *fresh = read_again(g), *old = g->reloaded;
	const struct bc_config *was = gateway_config(g);
	if (fresh == NULL) {
		bc_log_event(g->log, BC_LOG_ERROR, "config.refused",
			     BC_LOG_S("effect", "everything stays as it was"));
		return;
	}
	g->reloaded = fresh;
	if (differs(was, fresh, BC_KEY_LOG_LEVEL))
		bc_log_set_level(g->log,
				 (enum bc_log_level)bc_config_word(fresh, BC_KEY_LOG_LEVEL));
	if (differs(was, fresh, BC_KEY_SHARD_LINGER))
		session_linger(g->session, bc_config_ns(fresh, BC_KEY_SHARD_LINGER));
	uint32_t before = session_symbols(g->session);
	take_shard(g, was);
	if (differs(was, fresh, BC_KEY_SYMBOLS))
		take_symbols(g);
	bc_config_free(&old);
	bc_log_event(g->log, BC_LOG_INFO, "config.reloaded", BC_LOG_U("symbols_before", before),
		     BC_LOG_U("symbols", session_symbols(g->session)));
	warn_of_others(g);
}
