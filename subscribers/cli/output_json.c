/* One JSON object a line, with the keys that every program of bookcast uses. */
#include "subscribers/cli/output.h"

#include <stdlib.h>

struct json_state {
	struct bc_json_writer writer;
	enum bc_json_times times;
	uint32_t depth;
	char buffer[65536];
};

static void *json_open(const struct cli *cli)
{
	struct json_state *s = calloc(1, sizeof *s);
	if (s == NULL)
		return NULL;
	s->times = bc_config_word(cli->config, BC_KEY_TIMES) == 1 ? BC_JSON_TIMES_ISO
								  : BC_JSON_TIMES_NS;
	bc_json_start(&s->writer, s->buffer, sizeof s->buffer, bc_json_to_file, stdout);
	return s;
}

static enum cli_status json_close(struct cli *cli)
{
	free(cli->output_state);
	return fflush(stdout) == 0 && !ferror(stdout) ? CLI_OK : CLI_ERROR;
}

static void json_message(struct cli *cli, const struct bc_message *m, struct bc_message_view view)
{
	struct json_state *s = cli->output_state;
	view.times = s->times;
	view.depth = s->depth;
	bc_message_json(&s->writer, m, &view); /* a failed write shows in json_close() */
}

static void json_answers(struct cli *cli, const struct cli_answers_shape *shape)
{
	((struct json_state *)cli->output_state)->depth = shape->depth;
}

static void json_answer(struct cli *cli, const struct answer *a, enum cli_status fitness)
{
	(void)fitness;
	json_message(cli, &a->message, a->view);
}

static void json_history(struct cli *cli, const struct answer *standing,
			 const struct cli_answers_shape *shape)
{
	(void)cli; /* every event says it */
	(void)standing;
	(void)shape;
}

static void json_event(struct cli *cli, const struct answer *a)
{
	json_message(cli, &a->message, a->view);
}

static void json_history_end(struct cli *cli, const struct answer *standing,
			     enum cli_status fitness)
{
	(void)cli;
	(void)standing;
	(void)fitness;
}

static void json_heard(struct cli *cli, const struct bc_message *m,
		       const struct bc_message_view *view)
{
	json_message(cli, m, *view);
}

static void json_listed(struct cli *cli, const struct cli_listed *l)
{
	struct bc_json_writer *w = &((struct json_state *)cli->output_state)->writer;
	bc_json_object(w);
	bc_json_put_string(w, "exchange", l->exchange);
	bc_json_put_string(w, "symbol", l->symbol);
	bc_json_put_array(w, "channels");
	for (size_t i = 0; i < l->n_channels; i++)
		bc_json_string(w, l->channels[i]);
	bc_json_array_end(w);
	bc_json_put_text(w, "state", l->state);
	bc_json_object_end(w);
	bc_json_end(w, "\n");
}

static void json_report(struct cli *cli, const json_t *object)
{
	(void)cli;
	json_dumpf(object, stdout, JSON_COMPACT);
	putchar('\n');
}

static void json_latency(struct cli *cli, const json_t *gateway, const json_t *hop)
{
	static const char *const of_gateway[] = { "exchange", "instance", "gone", "heard_ns" };
	json_t *line = json_object(), *copy = json_copy((json_t *)(uintptr_t)hop);
	for (size_t i = 0; i < sizeof of_gateway / sizeof *of_gateway; i++)
		json_object_set(line, of_gateway[i], json_object_get(gateway, of_gateway[i]));
	json_object_update(line, copy);
	json_report(cli, line);
	json_decref(copy);
	json_decref(line);
}

const struct cli_output cli_output_json = {
	.open = json_open,
	.close = json_close,
	.answers = json_answers,
	.answer = json_answer,
	.history = json_history,
	.event = json_event,
	.history_end = json_history_end,
	.heard = json_heard,
	.listed = json_listed,
	.gateway = json_report,
	.health = json_report,
	.account = json_report,
	.latency = json_latency,
};
