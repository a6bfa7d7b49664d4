/* Tables of what there is and how it is: list, gateways, health, latency. */
#include "subscribers/cli/output_table.h"
#include "subscribers/cli/words.h"

#include "common/clock.h"
#include "common/text.h"

#include <string.h>

/* ------------------------------------------------------------------ list, gateways, health */

void table_listed(struct cli *cli, const struct cli_listed *l)
{
	static const struct grid_column columns[] = { { "exchange", GRID_LEFT },
						      { "symbol", GRID_LEFT },
						      { "state", GRID_LEFT },
						      { "channels", GRID_LEFT } };
	char names[256];
	struct bc_text t = bc_text_on(names, sizeof names);
	struct grid *g = table_start(cli, columns, 4);
	if (g == NULL)
		return;
	for (size_t i = 0; i < l->n_channels; i++)
		bc_text_addf(&t, "%s%.*s", i ? " " : "", (int)l->channels[i].n, l->channels[i].p);
	grid_add(g, l->exchange, PAINT_NONE);
	grid_add(g, l->symbol, PAINT_STRONG);
	grid_add(g, bc_str_of(l->state ? l->state : "-"),
		 l->state ? paint_state((enum bc_state)bc_state_of(bc_str_of(l->state)))
			  : PAINT_DIM);
	grid_add(g, bc_str_of(names), PAINT_DIM);
}

static const char *json_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text != NULL ? text : "-";
}

static const char *paint_word(const char *state)
{
	int number = bc_state_of(bc_str_of(state));
	return number < 0 ? PAINT_NONE : paint_state((enum bc_state)number);
}

/* How many books wait for a snapshot of the exchange, and about how long the last of them. */
static void add_waiting(struct grid *g, const json_t *counters)
{
	json_int_t n = json_integer_value(json_object_get(counters, "snapshots_waiting"));
	json_int_t ms = json_integer_value(json_object_get(counters, "snapshot_wait_ms"));
	char wait[BC_DURATION_TEXT_MAX];
	bc_duration_round(ms * BC_NS_PER_MS, wait);
	if (n > 0)
		grid_addf(g, PAINT_BAD, "%lld in %s", (long long)n, wait);
	else
		grid_add(g, BC_STR("-"), PAINT_DIM);
}

/* Its shard, and the other instances that serve the same one. */
static void add_shard(struct grid *g, const json_t *o)
{
	const json_t *lines = json_object_get(o, "lines");
	const char *other = json_string_value(json_array_get(lines, 0));
	size_t n = json_array_size(lines);
	if (other == NULL)
		grid_add(g, bc_str_of(json_text(o, "shard")), PAINT_NONE);
	else if (n == 1)
		grid_addf(g, PAINT_NONE, "%s, line with %s", json_text(o, "shard"), other);
	else
		grid_addf(g, PAINT_NONE, "%s, line with %s and %zu more", json_text(o, "shard"),
			  other, n - 1);
}

void table_gateway(struct cli *cli, const json_t *gateway)
{
	static const struct grid_column columns[] = {
		{ "exchange", GRID_KEY },  { "instance", GRID_KEY },  { "shard", GRID_LEFT },
		{ "state", GRID_LEFT },    { "heard", GRID_RIGHT },   { "up for", GRID_RIGHT },
		{ "symbols", GRID_RIGHT }, { "waiting", GRID_RIGHT }, { "pid", GRID_RIGHT },
		{ "version", GRID_LEFT },  { "endpoint", GRID_LEFT },
	};
	struct grid *g = table_start(cli, columns, sizeof columns / sizeof *columns);
	if (g == NULL)
		return;
	const char *state = json_text(gateway, "state"), *reason = json_text(gateway, "reason");
	bool why = strcmp(reason, "none") != 0 && strcmp(reason, "-") != 0;
	json_int_t started = json_integer_value(json_object_get(gateway, "started"));
	grid_add(g, bc_str_of(json_text(gateway, "exchange")), PAINT_NONE);
	grid_add(g, bc_str_of(json_text(gateway, "instance")), PAINT_STRONG);
	add_shard(g, gateway);
	grid_addf(g, paint_word(state), "%s%s%s%s", state, why ? " (" : "", why ? reason : "",
		  why ? ")" : "");
	table_add_age(g, json_integer_value(json_object_get(gateway, "heard_ns")), PAINT_DIM);
	if (started > 0)
		table_add_age(g, bc_wall_now().ns - started, PAINT_DIM);
	else
		grid_add(g, BC_STR("-"), PAINT_DIM);
	grid_addf(g, PAINT_NONE, "%lld",
		  (long long)json_integer_value(json_object_get(gateway, "symbols")));
	add_waiting(g, json_object_get(gateway, "counters"));
	grid_addf(g, PAINT_DIM, "%lld",
		  (long long)json_integer_value(json_object_get(gateway, "pid")));
	grid_add(g, bc_str_of(json_text(gateway, "version")), PAINT_DIM);
	grid_add(g, bc_str_of(json_text(gateway, "endpoint")), PAINT_NONE);
}

static void add_states(struct grid *g, const json_t *states)
{
	char text[256];
	struct bc_text t = bc_text_on(text, sizeof text);
	bool unfit = false;
	for (unsigned s = 0; s < BC_N_STATES; s++) {
		json_int_t n = json_integer_value(json_object_get(states, bc_state_word(s)));
		if (n == 0)
			continue;
		bc_text_addf(&t, "%s%lld %s", t.n ? ", " : "", (long long)n, bc_state_word(s));
		unfit = unfit || !bc_state_fit(s);
	}
	grid_add(g, bc_str_of(text), unfit ? PAINT_BAD : PAINT_GOOD);
}

static void add_unfit(struct grid *g, const json_t *exchange)
{
	const json_t *entry;
	size_t i;
	json_array_foreach(json_object_get(exchange, "unfit"), i, entry)
	{
		const char *state = json_text(entry, "state"), *reason = json_text(entry, "reason");
		int number = bc_state_of(bc_str_of(state)), why = bc_reason_of(bc_str_of(reason));
		const char *words = number >= 0 && why >= 0
					    ? why_state((enum bc_state)number, (enum bc_reason)why)
					    : reason;
		grid_add(g, bc_str_of(json_text(exchange, "exchange")), PAINT_NONE);
		grid_add(g, bc_str_of(json_text(entry, "symbol")), PAINT_STRONG);
		grid_add(g, bc_str_of(state), paint_word(state));
		grid_add(g, bc_str_of(words), PAINT_NONE);
	}
}

static void print_unfit(struct cli *cli, const json_t *exchanges)
{
	static const struct grid_column columns[] = {
		{ "", GRID_LEFT }, { "", GRID_LEFT }, { "", GRID_LEFT }, { "", GRID_LEFT }
	};
	struct grid *g = table_start(cli, columns, 4);
	const json_t *e;
	size_t i;
	if (g == NULL)
		return;
	json_array_foreach(exchanges, i, e) add_unfit(g, e);
	if (grid_rows(g) > 0)
		putchar('\n');
	table_print(cli, "");
}

/* One of what should be 0: gone, missing, orphans, listing. A cache of before they were told has
 * none. */
static void add_lack(struct grid *g, const json_t *exchange, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(exchange, key));
	grid_addf(g, n ? PAINT_BAD : PAINT_DIM, "%lld", (long long)n);
}

void table_health(struct cli *cli, const json_t *health)
{
	static const struct grid_column columns[] = {
		{ "exchange", GRID_LEFT }, { "gateways", GRID_RIGHT }, { "gone", GRID_RIGHT },
		{ "missing", GRID_RIGHT }, { "orphans", GRID_RIGHT },  { "listing", GRID_RIGHT },
		{ "symbols", GRID_RIGHT }, { "states", GRID_LEFT },
	};
	const json_t *exchanges = json_object_get(health, "exchanges"), *e;
	char uptime[BC_DURATION_TEXT_MAX];
	bool fit = json_is_true(json_object_get(health, "fit"));
	struct grid *g = table_start(cli, columns, sizeof columns / sizeof *columns);
	size_t i;
	if (g == NULL)
		return;
	json_array_foreach(exchanges, i, e)
	{
		grid_add(g, bc_str_of(json_text(e, "exchange")), PAINT_STRONG);
		grid_addf(g, PAINT_NONE, "%lld",
			  (long long)json_integer_value(json_object_get(e, "gateways")));
		add_lack(g, e, "gone");
		add_lack(g, e, "missing");
		add_lack(g, e, "orphans");
		add_lack(g, e, "listing");
		grid_addf(g, PAINT_NONE, "%lld",
			  (long long)json_integer_value(json_object_get(e, "symbols")));
		add_states(g, json_object_get(e, "states"));
	}
	bc_duration_round(json_integer_value(json_object_get(health, "uptime_ns")), uptime);
	paint_on(stdout, cli->color, fit ? PAINT_GOOD : PAINT_BAD);
	printf("%s", fit ? "fit" : "not fit");
	paint_off(stdout, cli->color, fit ? PAINT_GOOD : PAINT_BAD);
	printf("  the cache has been up for %s and holds %lld topics\n\n", uptime,
	       (long long)json_integer_value(json_object_get(health, "topics")));
	if (grid_rows(g) == 0)
		printf("no gateway has been heard\n");
	table_print(cli, "");
	print_unfit(cli, exchanges);
}

/* ------------------------------------------------------------------ latency */

static void add_delay(struct grid *g, const json_t *hop, const char *key, const char *paint)
{
	char text[BC_DURATION_TEXT_MAX];
	bc_duration_round(json_integer_value(json_object_get(hop, key)), text);
	if (json_integer_value(json_object_get(hop, "count")) > 0)
		grid_add(g, bc_str_of(text), paint);
	else
		grid_add(g, BC_STR("-"), PAINT_DIM);
}

/* "exchange_receive" reads "exchange to receive". */
static void add_hop(struct grid *g, const char *name)
{
	const char *between = strchr(name, '_');
	if (between == NULL)
		grid_add(g, bc_str_of(name), PAINT_NONE);
	else
		grid_addf(g, PAINT_NONE, "%.*s to %s", (int)(between - name), name, between + 1);
}

void table_latency(struct cli *cli, const json_t *gateway, const json_t *hop)
{
	static const struct grid_column columns[] = {
		{ "exchange", GRID_KEY },      { "instance", GRID_KEY },
		{ "hop", GRID_KEY },           { "p50", GRID_RIGHT },
		{ "p90", GRID_RIGHT },         { "p99", GRID_RIGHT },
		{ "p99.9", GRID_RIGHT },       { "max", GRID_RIGHT },
		{ "messages", GRID_RIGHT },    { "below 0", GRID_RIGHT },
		{ "in the last", GRID_RIGHT },
	};
	static const char *const delays[] = { "p50_ns", "p90_ns", "p99_ns", "p999_ns", "max_ns" };
	struct grid *g = table_start(cli, columns, sizeof columns / sizeof *columns);
	if (g == NULL)
		return;
	const bool gone = json_is_true(json_object_get(gateway, "gone"));
	json_int_t early = json_integer_value(json_object_get(hop, "negative"));
	grid_add(g, bc_str_of(json_text(gateway, "exchange")), PAINT_NONE);
	grid_addf(g, gone ? PAINT_BAD : PAINT_STRONG, "%s%s", json_text(gateway, "instance"),
		  gone ? " (gone)" : "");
	add_hop(g, json_text(hop, "hop"));
	for (size_t i = 0; i < sizeof delays / sizeof *delays; i++)
		add_delay(g, hop, delays[i], i == 0 ? PAINT_STRONG : PAINT_NONE);
	grid_addf(g, PAINT_NONE, "%lld",
		  (long long)json_integer_value(json_object_get(hop, "count")));
	grid_addf(g, early > 0 ? PAINT_DOUBT : PAINT_DIM, "%lld", (long long)early);
	table_add_age(g, json_integer_value(json_object_get(hop, "window_ns")), PAINT_DIM);
}
