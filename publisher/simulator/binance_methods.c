/* binance_methods.c - the JSON requests of a connection: SUBSCRIBE and its like. */
#include "publisher/simulator/binance.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define ID_TEXT_MAX 36

#define WANT_METHOD                                                          \
	"expected one of `SUBSCRIBE`, `UNSUBSCRIBE`, `LIST_SUBSCRIPTIONS`, " \
	"`SET_PROPERTY`, `GET_PROPERTY`"

/* A request while it is answered. */
struct request {
	struct binance_session *session;
	const struct sim_world *world;
	const struct sim_sink *sink;
	const json_t *params;
	char *id; /* as JSON */
};

/* ------------------------------------------------------------------ answers */

static void send_text(struct request *q)
{
	struct sim_buffer *b = &q->session->text;

	sim_buffer_text(b, ",\"id\":");
	sim_buffer_text(b, q->id != NULL ? q->id : "null");
	sim_buffer_char(b, '}');
	if (!b->failed)
		q->sink->reply(q->sink->self, (bc_str){ b->data, b->n });
	sim_buffer_clear(b);
}

static void send_result(struct request *q, const char *json)
{
	sim_buffer_text(&q->session->text, "{\"result\":");
	sim_buffer_text(&q->session->text, json);
	send_text(q);
}

/* Documented flat; on the wire inside "error", with the id. */
static void send_error(struct request *q, int code, const char *message)
{
	struct sim_buffer *b = &q->session->text;
	bool flat = q->session->state->flat_errors;

	sim_buffer_text(b, flat ? "{\"code\":" : "{\"error\":{\"code\":");
	sim_buffer_signed(b, code);
	sim_buffer_text(b, ",\"msg\":");
	sim_buffer_json(b, bc_str_of(message));
	if (!flat)
		sim_buffer_char(b, '}');
	send_text(q);
}

/* ------------------------------------------------------------------ streams */

static struct binance_stream *find(struct binance_session *s, bc_str name)
{
	for (size_t i = 0; i < s->n_streams; i++)
		if (bc_str_is(name, s->streams[i].name))
			return &s->streams[i];
	return NULL;
}

static bool grow(struct binance_session *s)
{
	size_t cap = s->cap_streams == 0 ? 16 : s->cap_streams * 2;
	struct binance_stream *streams;

	if (s->n_streams < s->cap_streams)
		return true;
	streams = realloc(s->streams, cap * sizeof *streams);
	if (streams == NULL)
		return false;
	s->streams = streams;
	s->cap_streams = cap;
	return true;
}

const char *binance_subscribe(struct binance_session *s, const struct sim_world *world, bc_str name)
{
	struct binance_stream stream;

	if (!binance_stream_parse(s->state, world->market, s->route, name, &stream))
		return "Invalid request: invalid stream";
	if (find(s, name) != NULL)
		return NULL;
	if (s->n_streams == BINANCE_STREAMS_MAX)
		ledger_count(world->ledger, LEDGER_STREAMS, NULL, BINANCE_STREAMS_MAX + 1);
	if (s->n_streams == BINANCE_STREAMS_MAX || !grow(s))
		return "Invalid request: too many streams";
	binance_stream_begin(&stream, world);
	s->streams[s->n_streams++] = stream;
	return NULL;
}

static bool params_are_names(struct request *q)
{
	const json_t *name;
	size_t i;

	if (!json_is_array(q->params)) {
		send_error(q, 2, "Invalid request: missing field `params`");
		return false;
	}
	json_array_foreach(q->params, i, name) if (!json_is_string(name))
	{
		send_error(q, 2, "Invalid request: stream name must be a string");
		return false;
	}
	return true;
}

static bc_str text_of(const json_t *string)
{
	return (bc_str){ json_string_value(string), json_string_length(string) };
}

/* All or nothing: an invalid name leaves the streams as they were. */
static void subscribe(struct request *q)
{
	struct binance_session *s = q->session;
	size_t before = s->n_streams, i;
	const json_t *name;
	const char *why = NULL;

	if (!params_are_names(q))
		return;
	json_array_foreach(q->params, i, name) if (why == NULL) why =
		binance_subscribe(s, q->world, text_of(name));
	if (why == NULL) {
		send_result(q, "null");
		return;
	}
	s->n_streams = before;
	send_error(q, 2, why);
}

static void unsubscribe(struct request *q)
{
	struct binance_session *s = q->session;
	const json_t *name;
	size_t i;

	if (!params_are_names(q))
		return;
	json_array_foreach(q->params, i, name)
	{
		struct binance_stream *stream = find(s, text_of(name));

		if (stream == NULL)
			continue;
		s->n_streams--;
		memmove(stream, stream + 1,
			(size_t)(s->streams + s->n_streams - stream) * sizeof *stream);
	}
	send_result(q, "null");
}

static void list_subscriptions(struct request *q)
{
	struct binance_session *s = q->session;

	sim_buffer_text(&s->text, "{\"result\":[");
	for (size_t i = 0; i < s->n_streams; i++) {
		if (i > 0)
			sim_buffer_char(&s->text, ',');
		sim_buffer_json(&s->text, bc_str_of(s->streams[i].name));
	}
	sim_buffer_char(&s->text, ']');
	send_text(q);
}

/* ------------------------------------------------------------------ properties */

/* False: the refusal is sent. */
static bool names_property(struct request *q)
{
	const json_t *name = json_array_get(q->params, 0);

	if (!json_is_string(name)) {
		send_error(q, 2, "Invalid request: property name must be a string");
		return false;
	}
	if (strcmp(json_string_value(name), "combined") == 0)
		return true;
	send_error(q, 0, "Unknown property");
	return false;
}

static void set_property(struct request *q)
{
	const json_t *value = json_array_get(q->params, 1);

	if (!names_property(q))
		return;
	if (!json_is_boolean(value)) {
		send_error(q, 1, "Invalid value type: expected Boolean");
		return;
	}
	q->session->combined = json_is_true(value);
	send_result(q, "null");
}

static void get_property(struct request *q)
{
	if (names_property(q))
		send_result(q, q->session->combined ? "true" : "false");
}

/* ------------------------------------------------------------------ a request */

static const struct {
	const char *name;
	void (*run)(struct request *q);
} methods[] = {
	{ "SUBSCRIBE", subscribe },
	{ "UNSUBSCRIBE", unsubscribe },
	{ "LIST_SUBSCRIPTIONS", list_subscriptions },
	{ "SET_PROPERTY", set_property },
	{ "GET_PROPERTY", get_property },
};

/* NULL, or what is wrong with it. Spot takes signed numbers, short texts and null; USD-M only
 * unsigned numbers. */
static const char *check_id(const struct binance_dialect *d, const json_t *id)
{
	if (d->usdm)
		return json_is_integer(id) && json_integer_value(id) >= 0
			       ? NULL
			       : "Invalid request: request ID must be an unsigned integer";
	if (id == NULL || json_is_null(id) || json_is_integer(id) ||
	    (json_is_string(id) && json_string_length(id) <= ID_TEXT_MAX))
		return NULL;
	return "Invalid request: request ID must be an integer, a string or null";
}

static void run(struct request *q, const json_t *object)
{
	const char *method = json_string_value(json_object_get(object, "method"));
	const char *why = check_id(q->session->state->dialect, json_object_get(object, "id"));
	struct sim_buffer text = { NULL, 0, 0, false };

	if (why != NULL) {
		send_error(q, 2, why);
		return;
	}
	q->id = json_dumps(json_object_get(object, "id"), JSON_ENCODE_ANY | JSON_COMPACT);
	if (method == NULL) {
		send_error(q, 2, "Invalid request: missing field `method` at line 1 column 1");
		return;
	}
	for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
		if (strcmp(methods[i].name, method) == 0) {
			methods[i].run(q);
			return;
		}
	sim_buffer_text(&text, "Invalid request: unknown variant `");
	sim_buffer_text(&text, method);
	sim_buffer_add(&text, "`, " WANT_METHOD, sizeof "`, " WANT_METHOD);
	if (!text.failed)
		send_error(q, 2, text.data);
	sim_buffer_free(&text);
}

void binance_answer(struct binance_session *s, const struct sim_world *world, bc_str text,
		    const struct sim_sink *sink)
{
	struct request q = { s, world, sink, NULL, NULL };
	json_error_t error;
	json_t *object = json_loadb(text.p, text.n, 0, &error);

	if (json_is_object(object)) {
		q.params = json_object_get(object, "params");
		run(&q, object);
	} else if (object != NULL) {
		send_error(&q, 2, "Invalid request: expected an object");
	} else {
		struct sim_buffer why = { NULL, 0, 0, false };

		sim_buffer_printf(&why, "Invalid JSON: expected value at line %d column %d",
				  error.line, error.column);
		sim_buffer_char(&why, '\0');
		if (!why.failed)
			send_error(&q, 3, why.data);
		sim_buffer_free(&why);
	}
	json_decref(object);
	free(q.id);
}
