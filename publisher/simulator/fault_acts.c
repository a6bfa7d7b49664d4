/* fault_acts.c - faults of connections, of the door and of the market. */
#include "publisher/simulator/sim_internal.h"

#include "common/clock.h"

#include <string.h>

/* ------------------------------------------------------------------ connections */

const char *fault_stall(struct sim *sim, const struct fault_args *args)
{
	double seconds;

	if (!fault_number(args, "for", 0, 1e6, 1e6, &seconds))
		return "for must be seconds";
	for (struct sim_session *s = sim->sessions; s != NULL; s = s->next)
		s->stalled_until_ns = bc_mono_now().ns + (int64_t)(seconds * (double)BC_NS_PER_S);
	return NULL;
}

static const char *each_conn(struct sim *sim, void (*act)(struct sim_conn *conn))
{
	struct sim_session *next;

	for (struct sim_session *s = sim->sessions; s != NULL; s = next) {
		next = s->next;
		act(s->conn);
	}
	return NULL;
}

const char *fault_half_open(struct sim *sim, const struct fault_args *args)
{
	(void)args;
	return each_conn(sim, sim_conn_silence);
}

const char *fault_hang_up(struct sim *sim, const struct fault_args *args)
{
	(void)args;
	return each_conn(sim, sim_conn_end);
}

const char *fault_reset(struct sim *sim, const struct fault_args *args)
{
	(void)args;
	return each_conn(sim, sim_conn_reset);
}

const char *fault_close(struct sim *sim, const struct fault_args *args)
{
	struct sim_session *next;
	double code;

	if (!fault_number(args, "code", 0, 65535, 1000, &code))
		return "code must be from 0 to 65535";
	for (struct sim_session *s = sim->sessions; s != NULL; s = next) {
		next = s->next;
		sim_conn_close(s->conn, (uint16_t)code);
	}
	return NULL;
}

const char *fault_shutdown(struct sim *sim, const struct fault_args *args)
{
	struct sim_world world = sim_world_now(sim);
	double seconds;

	if (sim->face->shutdown == NULL)
		return "this exchange announces nothing before it closes";
	if (!fault_number(args, "in", 0, 1e6, 10, &seconds))
		return "in must be seconds";
	for (struct sim_session *s = sim->sessions; s != NULL; s = s->next) {
		struct sim_sink sink = sim_session_sink(s);

		sim->face->shutdown(s->state, &world, (int64_t)(seconds * (double)BC_NS_PER_S),
				    &sink);
	}
	return NULL;
}

const char *fault_exchange(struct sim *sim, const struct fault_args *args)
{
	double value;

	if (sim->face->set == NULL)
		return "nothing can be set of this exchange";
	if (!fault_number(args, "value", -1e12, 1e12, 1, &value))
		return "value must be a number";
	return sim->face->set(sim->face_state, fault_text(args, "set", ""), value);
}

/* ------------------------------------------------------------------ the door */

static const char *count_of(const struct fault_args *args, uint64_t *out)
{
	double n;

	if (!fault_number(args, "n", 1, 1e15, 1, &n))
		return "n must be 1 or more";
	*out = (uint64_t)n;
	return NULL;
}

const char *fault_refuse(struct sim *sim, const struct fault_args *args)
{
	double status, retry;

	if (!fault_number(args, "status", 300, 599, 503, &status) ||
	    !fault_number(args, "retry_after", 0, 1e6, -1, &retry))
		return "status must be from 300 to 599, retry_after seconds";
	sim->door.refuse_status = (int)status;
	sim->door.refuse_retry_s = (long)retry;
	return count_of(args, &sim->door.refuse);
}

const char *fault_mute(struct sim *sim, const struct fault_args *args)
{
	return count_of(args, &sim->door.mute);
}

const char *fault_mute_connect(struct sim *sim, const struct fault_args *args)
{
	uint64_t n = 0;
	const char *why = count_of(args, &n);

	if (why == NULL)
		sim_server_mute(sim->server, n > UINT32_MAX ? UINT32_MAX : (uint32_t)n);
	return why;
}

const char *fault_extension(struct sim *sim, const struct fault_args *args)
{
	return count_of(args, &sim->door.extension);
}

const char *fault_bad_accept(struct sim *sim, const struct fault_args *args)
{
	return count_of(args, &sim->door.bad_accept);
}

const char *fault_rest_fail(struct sim *sim, const struct fault_args *args)
{
	double status, retry;

	if (!fault_number(args, "status", 300, 599, 503, &status) ||
	    !fault_number(args, "retry_after", 0, 1e6, -1, &retry))
		return "status must be from 300 to 599, retry_after seconds";
	sim->door.rest_status = (int)status;
	sim->door.rest_retry_s = (long)retry;
	return count_of(args, &sim->door.rest_fail);
}

const char *fault_rest_garbage(struct sim *sim, const struct fault_args *args)
{
	return count_of(args, &sim->door.rest_garbage);
}

const char *fault_rest_slow(struct sim *sim, const struct fault_args *args)
{
	double ms;

	if (!fault_number(args, "ms", 1, 1e9, 1000, &ms))
		return "ms must be 1 or more";
	sim->door.rest_slow_ns = (int64_t)(ms * (double)BC_NS_PER_MS);
	return count_of(args, &sim->door.rest_slow);
}

const char *fault_old_snapshot(struct sim *sim, const struct fault_args *args)
{
	struct sim_old_snapshots *old = &sim->old_snapshots;
	const char *symbol = fault_text(args, "symbol", "");
	double changes;

	if (sim->face->book_id == NULL)
		return "this exchange sends whole books";
	if (!fault_number(args, "changes", 1, MARKET_JOURNAL - 1, 1000, &changes))
		return "changes must be from 1 to 16383";
	if (strlen(symbol) >= sizeof old->symbol)
		return "symbol must be one of the market's";
	strcpy(old->symbol, symbol);
	old->changes = (uint64_t)changes;
	return count_of(args, &old->n);
}

/* ------------------------------------------------------------------ the market */

const char *fault_skew(struct sim *sim, const struct fault_args *args)
{
	double ms;

	if (!fault_number(args, "ms", -1e12, 1e12, 0, &ms))
		return "ms must be a number";
	sim->skew_ns = (int64_t)(ms * (double)BC_NS_PER_MS);
	return NULL;
}

const char *fault_delist(struct sim *sim, const struct fault_args *args)
{
	size_t symbol;

	if (!market_find(sim->market, bc_str_of(fault_text(args, "symbol", "")), &symbol))
		return "symbol must be one of the market's";
	market_delist(sim->market, symbol);
	return NULL;
}

const char *fault_list(struct sim *sim, const struct fault_args *args)
{
	size_t symbol;

	if (!market_find(sim->market, bc_str_of(fault_text(args, "symbol", "")), &symbol))
		return "symbol must be one of the market's";
	market_list(sim->market, symbol);
	return NULL;
}

const char *fault_burst(struct sim *sim, const struct fault_args *args)
{
	double times, seconds;

	if (!fault_number(args, "x", 0.001, 1e6, 100, &times) ||
	    !fault_number(args, "for", 0, 1e6, 10, &seconds))
		return "x and for must be numbers above 0";
	market_set_rate(sim->market, sim->options.rate * times);
	sim->burst_until_ns = bc_mono_now().ns + (int64_t)(seconds * (double)BC_NS_PER_S);
	return NULL;
}

const char *fault_clear(struct sim *sim, const struct fault_args *args)
{
	(void)args;
	memset(sim->armed, 0, sizeof sim->armed);
	sim->door = (struct fault_door){ .refuse = 0 };
	sim->crossed = 0;
	sim->old_snapshots.n = 0;
	if (sim->face->set != NULL)
		sim->face->set(sim->face_state, NULL, 0);
	sim->skew_ns = 0;
	sim_server_mute(sim->server, 0);
	market_set_rate(sim->market, sim->options.rate);
	for (struct sim_session *s = sim->sessions; s != NULL; s = s->next) {
		s->stalled_until_ns = 0;
		s->stream.left = 0;
	}
	return NULL;
}
