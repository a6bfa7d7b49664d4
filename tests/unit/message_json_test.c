/* The keys are a contract with programs outside of this project: all common ones, always. */
#include "common/message_json.h"
#include "tests/support/sample_messages.h"

#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>

#define CAP 8192

static const char *const common_keys[] = {
	"channel", "exchange",   "symbol", "epoch",  "seq",   "exchange_seq", "ts_exchange",
	"ts_recv", "ts_publish", "state",  "reason", "since", "flags",
};

#define N_COMMON (sizeof common_keys / sizeof *common_keys)

static const struct sample *sample_named(const struct samples *samples, const char *name)
{
	for (size_t i = 0; i < samples->n; i++)
		if (strcmp(samples->of[i].name, name) == 0)
			return &samples->of[i];
	cr_assert_fail("no sample %s", name);
	return NULL;
}

static json_t *object_of(const struct bc_message *m, const struct bc_message_view *view)
{
	char text[CAP];
	struct bc_json_writer w;
	json_error_t error;
	bc_json_start(&w, text, sizeof text, NULL, NULL);
	cr_assert_eq(bc_message_json(&w, m, view), BC_OK);
	cr_assert_eq(text[w.n - 1], '\n');
	cr_assert_null(memchr(text, '\n', w.n - 1), "not one line: %s", text);
	json_t *object = json_loads(text, JSON_REJECT_DUPLICATES, &error);
	cr_assert_not_null(object, "%s in %s", error.text, text);
	return object;
}

static const char *text_at(json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text == NULL ? "(no text)" : text;
}

static bool null_at(json_t *object, const char *key)
{
	return json_is_null(json_object_get(object, key));
}

Test(message_json, every_message_has_all_common_keys_first)
{
	struct samples samples;
	samples_make(&samples);
	cr_assert_gt(samples.n, 0);
	for (size_t i = 0; i < samples.n; i++) {
		const struct sample *s = &samples.of[i];
		struct bc_message_view view = { .exchange = s->exchange, .symbol = s->symbol };
		json_t *object = object_of(&s->message, &view);
		void *at = json_object_iter(object);
		for (size_t k = 0; k < N_COMMON; k++, at = json_object_iter_next(object, at))
			cr_expect_str_eq(json_object_iter_key(at), common_keys[k], "%s", s->name);
		cr_expect_str_eq(text_at(object, "exchange"), "upbit");
		json_decref(object);
	}
}

Test(message_json, an_event_of_an_adapter_has_nulls_for_what_the_bus_adds)
{
	static const char *const nulls[] = { "epoch", "seq",    "ts_publish",
					     "state", "reason", "since" };
	struct samples samples;
	samples_make(&samples);
	const struct sample *s = sample_named(&samples, "book-plain");
	struct bc_message_view view = { .exchange = s->exchange, .symbol = s->symbol };
	view.no_envelope = true;
	json_t *object = object_of(&s->message, &view);
	for (size_t i = 0; i < sizeof nulls / sizeof *nulls; i++)
		cr_expect(null_at(object, nulls[i]), "%s", nulls[i]);
	cr_expect_not(null_at(object, "exchange_seq"));
	cr_expect_not(null_at(object, "ts_exchange"));
	cr_expect_eq(json_array_size(json_object_get(object, "bids")), 3);
	json_decref(object);
}

Test(message_json, depth_cuts_both_sides)
{
	struct samples samples;
	samples_make(&samples);
	const struct sample *s = sample_named(&samples, "book-plain");
	for (uint32_t depth = 0; depth < 5; depth++) {
		struct bc_message_view view = { .exchange = s->exchange, .symbol = s->symbol };
		view.depth = depth;
		json_t *object = object_of(&s->message, &view);
		size_t bids = depth == 0 || depth > 3 ? 3 : depth;
		size_t asks = depth == 0 || depth > 2 ? 2 : depth;
		cr_expect_eq(json_array_size(json_object_get(object, "bids")), bids);
		cr_expect_eq(json_array_size(json_object_get(object, "asks")), asks);
		json_decref(object);
	}
}

Test(message_json, the_state_of_a_cache_answer_is_the_state_now)
{
	struct samples samples;
	samples_make(&samples);
	const struct sample *s = sample_named(&samples, "book-plain");
	struct bc_message_view view = { .exchange = s->exchange, .symbol = s->symbol };
	view.with_ages = true;
	view.age_ns = 1234;
	view.proven_ns = -1;
	view.with_state = true;
	view.state = BC_STATE_STALE;
	json_t *object = object_of(&s->message, &view);
	cr_expect_str_eq(text_at(object, "state"), "stale");
	cr_expect(null_at(object, "reason"), "the message's reason is not that of this state");
	cr_expect(null_at(object, "since"));
	cr_expect_eq(json_integer_value(json_object_get(object, "age_ns")), 1234);
	cr_expect(null_at(object, "proven_ns"));
	json_decref(object);

	view.with_reason = true;
	view.reason = BC_REASON_GATEWAY;
	view.since = (bc_wall_time){ 77 };
	object = object_of(&s->message, &view);
	cr_expect_str_eq(text_at(object, "reason"), "gateway");
	cr_expect_eq(json_integer_value(json_object_get(object, "since")), 77);
	json_decref(object);

	view.with_reason = false;
	view.state = BC_STATE_LIVE;
	object = object_of(&s->message, &view);
	cr_expect_str_eq(text_at(object, "reason"), "none");
	cr_expect_not(null_at(object, "since"));
	json_decref(object);
}

static const struct {
	int64_t ns;
	const char *text;
} times[] = {
	{ 0, "\"1970-01-01T00:00:00.000000000Z\"" },
	{ 1, "\"1970-01-01T00:00:00.000000001Z\"" },
	{ -1, "\"1969-12-31T23:59:59.999999999Z\"" },
	{ INT64_C(1763697601234000000), "\"2025-11-21T04:00:01.234000000Z\"" },
	{ INT64_MAX, "\"2262-04-11T23:47:16.854775807Z\"" },
	{ -INT64_MAX, "\"1677-09-21T00:12:43.145224193Z\"" },
	{ BC_TIME_UNKNOWN, "null" },
};

Test(message_json, times_are_ns_or_iso)
{
	for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
		char text[64];
		struct bc_json_writer w;
		bc_json_start(&w, text, sizeof text, NULL, NULL);
		bc_json_time(&w, (bc_wall_time){ times[i].ns }, BC_JSON_TIMES_ISO);
		bc_json_end(&w, "");
		cr_expect_str_eq(text, times[i].text);
	}
	struct samples samples;
	samples_make(&samples);
	const struct sample *s = sample_named(&samples, "candle-open");
	struct bc_message_view view = { .exchange = s->exchange, .symbol = s->symbol };
	view.times = BC_JSON_TIMES_ISO;
	json_t *object = object_of(&s->message, &view);
	cr_expect_str_eq(text_at(object, "ts_open"), "2025-11-21T04:00:00.000000000Z");
	cr_expect_str_eq(text_at(object, "ts_exchange"), "2025-11-21T04:00:01.234000000Z");
	cr_expect_str_eq(text_at(object, "interval"), "1m");
	cr_expect_str_eq(text_at(object, "channel"), "candle");
	json_decref(object);
}

Test(message_json, a_control_line_has_all_common_keys)
{
	char text[CAP];
	struct bc_json_writer w;
	struct bc_control_view view = { .exchange = BC_STR("upbit"),
					.ts_recv = { BC_TIME_UNKNOWN },
					.kind = "error",
					.code = BC_STR("WRONG_FORMAT") };
	bc_json_start(&w, text, sizeof text, NULL, NULL);
	cr_assert_eq(bc_control_json(&w, &view), BC_OK);
	cr_expect_str_eq(text, "{\"channel\":\"control\",\"exchange\":\"upbit\",\"symbol\":null,"
			       "\"epoch\":null,\"seq\":null,\"exchange_seq\":null,"
			       "\"ts_exchange\":null,\"ts_recv\":null,\"ts_publish\":null,"
			       "\"state\":null,\"reason\":null,\"since\":null,\"flags\":[],"
			       "\"kind\":\"error\",\"id\":null,\"code\":\"WRONG_FORMAT\","
			       "\"message\":null}\n");
}

Test(message_json, changes_have_their_numbers_and_quantities_of_zero)
{
	static const bc_level bid = { { 5, -1 }, { 0, 0 } }, ask = { { 7, -1 }, { 12, 0 } };
	struct bc_message m = { .envelope = { .channel = BC_CHANNEL_DELTA, .exchange_seq = 9 } };
	struct bc_message_view view = { .exchange = BC_STR("x"), .symbol = BC_STR("Y") };
	struct bc_json_writer w;
	char text[1024];
	m.body.delta = (struct bc_delta){ &bid, &ask, 1, 1, 7, 9, BC_SEQ_NONE };
	bc_json_start(&w, text, sizeof text, NULL, NULL);
	cr_assert_eq(bc_message_json(&w, &m, &view), BC_OK);
	cr_expect(strstr(text, "\"first_seq\":7,\"last_seq\":9,\"prev_seq\":null,"
			       "\"bids\":[[\"0.5\",\"0\"]],\"asks\":[[\"0.7\",\"12\"]]}") != NULL,
		  "%s", text);
}

Test(message_json, a_buffer_too_small_or_a_channel_unknown_is_told)
{
	char text[64];
	struct samples samples;
	struct bc_json_writer w;
	samples_make(&samples);
	struct bc_message m = samples.of[0].message;
	struct bc_message_view view = { .exchange = BC_STR("upbit"), .symbol = BC_STR("X") };
	bc_json_start(&w, text, sizeof text, NULL, NULL);
	cr_expect_eq(bc_message_json(&w, &m, &view), BC_ERANGE);
	bc_json_start(&w, text, sizeof text, NULL, NULL);
	m.envelope.channel = BC_N_CHANNELS;
	cr_expect_eq(bc_message_json(&w, &m, &view), BC_EINVAL);
	cr_expect_eq(w.n, 0);
}
