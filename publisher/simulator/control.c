/* control.c - POST /control: {"do":"pause"} and its like, answered in JSON. */
#include "publisher/simulator/sim_internal.h"

#include <string.h>

/* A verb: 0, or the reason why not. */
struct verb {
	const char *name;
	const char *(*run)(struct sim *sim, const json_t *request);
};

static const char *do_pause(struct sim *sim, const json_t *request)
{
	(void)request;
	if (!sim->paused) {
		sim_turn(sim, true);
		sim->paused = true;
	}
	return NULL;
}

static const char *do_resume(struct sim *sim, const json_t *request)
{
	(void)request;
	if (!sim->paused)
		return NULL;
	sim->paused = false;
	sim->advanced_to = sim_world_now(sim).now;
	market_skip(sim->market, sim->advanced_to);
	if (sim->replay != NULL)
		sim_player_seek(sim, sim->player.next);
	return NULL;
}

static const char *do_seek(struct sim *sim, const json_t *request)
{
	const json_t *frame = json_object_get(request, "frame");

	if (sim->replay == NULL)
		return "seek needs a capture";
	if (!json_is_integer(frame) || json_integer_value(frame) < 0)
		return "frame must be a whole number from 0";
	sim_player_seek(sim, (size_t)json_integer_value(frame));
	return NULL;
}

/* Every key but "do" and "name" is an argument; numbers are taken as they are written. */
static const char *do_fault(struct sim *sim, const json_t *request)
{
	const char *name = json_string_value(json_object_get(request, "name"));
	struct fault_args args = { .n = 0 };
	const char *key;
	json_t *value;

	if (name == NULL)
		return "name is missing: which fault?";
	json_object_foreach((json_t *)request, key, value)
	{
		char number[32] = "";
		const char *text = json_is_string(value) ? json_string_value(value) : number;

		if (strcmp(key, "do") == 0 || strcmp(key, "name") == 0)
			continue;
		if (json_is_number(value))
			snprintf(number, sizeof number, "%.17g", json_number_value(value));
		if (text[0] == '\0' || !fault_args_add(&args, bc_str_of(key), bc_str_of(text)))
			return "arguments are strings or numbers, and few";
	}
	return sim_fault(sim, name, &args);
}

static const char *do_status(struct sim *sim, const json_t *request)
{
	(void)sim;
	(void)request;
	return NULL;
}

static const struct verb verbs[] = {
	{ "pause", do_pause }, { "resume", do_resume }, { "seek", do_seek },
	{ "fault", do_fault }, { "status", do_status },
};

static void refuse(struct sim_reply *reply, const char *why)
{
	reply->status = 400;
	sim_buffer_text(&reply->body, "{\"ok\":false,\"error\":");
	sim_buffer_json(&reply->body, bc_str_of(why));
	sim_buffer_char(&reply->body, '}');
}

static size_t queued_bytes(const struct sim *sim)
{
	size_t sum = 0;

	for (const struct sim_session *s = sim->sessions; s != NULL; s = s->next)
		sum += sim_conn_queued(s->conn);
	return sum;
}

static void put_status(const struct sim *sim, struct sim_buffer *b)
{
	struct sim_server_counts counts = sim_server_counts(sim->server);
	size_t sessions = 0;

	for (const struct sim_session *s = sim->sessions; s != NULL; s = s->next)
		sessions++;
	sim_buffer_printf(b, "{\"ok\":true,\"paused\":%s,\"time_ns\":%lld,\"sessions\":%zu",
			  sim->paused ? "true" : "false", (long long)sim->advanced_to.ns, sessions);
	sim_buffer_printf(b, ",\"sessions_ever\":%llu,\"data_frames\":%llu,\"queued_bytes\":%zu",
			  (unsigned long long)sim->n_sessions, (unsigned long long)sim->data_frames,
			  queued_bytes(sim));
	if (sim->replay != NULL)
		sim_buffer_printf(b, ",\"frame\":%zu,\"frames\":%zu", sim->player.next,
				  sim_replay_n_frames(sim->replay));
	if (sim->recording != NULL)
		sim_buffer_printf(b, ",\"skipped\":%llu,\"unasked\":%llu",
				  (unsigned long long)sim->player.skipped,
				  (unsigned long long)sim->player.unasked);
	if (sim->player.awaits != NULL) {
		sim_buffer_text(b, ",\"awaits\":");
		sim_buffer_json(b, bc_str_of(sim->player.awaits));
	}
	if (sim->face->put_status != NULL)
		sim->face->put_status(sim->face_state, b);
	sim_buffer_printf(b, ",\"connections\":%zu,\"slow_closed\":%llu,\"protocol_errors\":%llu}",
			  counts.open, (unsigned long long)counts.slow,
			  (unsigned long long)counts.protocol_errors);
}

void sim_control(struct sim *sim, bc_str body, struct sim_reply *reply)
{
	json_t *request = json_loadb(body.p, body.n, JSON_REJECT_DUPLICATES, NULL);
	const char *word = json_string_value(json_object_get(request, "do"));
	const char *why =
		"expected a JSON object with \"do\": pause, resume, seek, fault or status";

	for (size_t i = 0; word != NULL && i < sizeof verbs / sizeof *verbs; i++)
		if (strcmp(verbs[i].name, word) == 0) {
			why = verbs[i].run(sim, request);
			break;
		}
	json_decref(request);
	if (why != NULL)
		refuse(reply, why);
	else
		put_status(sim, &reply->body);
}
