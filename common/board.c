#include "common/board_parts.h"

#include "proto/codec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bc_board *bc_board_new(const struct bc_board_limits *limits)
{
	struct bc_board *board = calloc(1, sizeof *board);
	if (board == NULL)
		return NULL;
	board->limits = *limits;
	board->version = board->lists_version = 1;
	if ((board->gateways = bc_gateways_new(BOARD_MAX_GATEWAYS)) == NULL) {
		free(board);
		return NULL;
	}
	return board;
}

void bc_board_on_forgotten(struct bc_board *board, bc_board_forgotten_fn *fn, void *self)
{
	board->on_forgotten = fn;
	board->forgotten_self = self;
}

/* ---- topics and their lines ---- */

struct board_entry *board_find(const struct bc_board *board, bc_str topic)
{
	struct board_entry *e = NULL;
	if (topic.n > 0 && topic.n <= BC_TOPIC_MAX)
		HASH_FIND(hh, board->entries, topic.p, topic.n, e);
	return e;
}

static void free_line(struct bc_board *board, struct board_line *line)
{
	line->gateway->n_users--;
	board->n_unlisted -= line->is_unlisted;
	board->n_bytes -= line->cap_payload;
	free(line->payload);
	free(line);
}

typedef bool line_test(const struct board_line *line, const void *what);

/* Frees the lines of one topic that pass the test, and the topic with its last line. */
static void forget_lines(struct bc_board *board, struct board_entry *e, line_test *test,
			 const void *what)
{
	struct board_line **at = &e->lines;
	while (*at != NULL) {
		struct board_line *line = *at;
		if (!test(line, what)) {
			at = &line->next;
			continue;
		}
		*at = line->next;
		free_line(board, line);
	}
	if (e->lines == NULL) {
		if (board->on_forgotten != NULL)
			board->on_forgotten(board->forgotten_self, board_topic(e));
		board_name_forget(board, e);
		HASH_DEL(board->entries, e);
		board->version++;
		if (board->taken == e)
			board->taken = NULL;
		free(e);
	}
}

static void forget(struct bc_board *board, line_test *test, const void *what)
{
	struct board_entry *e, *next;
	HASH_ITER (hh, board->entries, e, next)
		forget_lines(board, e, test, what);
}

static bool is_any(const struct board_line *line, const void *unused)
{
	(void)line;
	(void)unused;
	return true;
}

static bool is_of(const struct board_line *line, const void *gateway)
{
	return line->gateway == gateway;
}

static bool is_unlisted(const struct board_line *line, const void *unused)
{
	(void)unused;
	return line->is_unlisted;
}

void bc_board_free(struct bc_board **board)
{
	if (*board == NULL)
		return;
	(*board)->on_forgotten = NULL;
	forget(*board, is_any, NULL);
	bc_gateways_free(&(*board)->gateways);
	free(*board);
	*board = NULL;
}

/* Frees what is of least use: all of the gateway that is gone longest, else what is listed no
 * more. False: everything is in use. */
static bool make_room(struct bc_board *board, bc_mono_time now)
{
	struct bc_gateway *oldest = NULL;
	for (size_t i = 0; i < bc_gateways_count(board->gateways); i++) {
		struct bc_gateway *g = bc_gateways_at(board->gateways, i);
		if (g->n_users > 0 && bc_gateway_gone(g, now) &&
		    (oldest == NULL || g->heard.ns < oldest->heard.ns))
			oldest = g;
	}
	if (oldest == NULL && board->n_unlisted == 0)
		return false;
	forget(board, oldest != NULL ? is_of : is_unlisted, oldest);
	return true;
}

/* NOLINTNEXTLINE(readability-function-size): uthash is macros */
static struct board_entry *add_entry(struct bc_board *board, bc_str text,
				     const struct bc_topic *topic, enum bc_channel channel,
				     bc_mono_time now)
{
	if (HASH_COUNT(board->entries) >= board->limits.max_topics && !make_room(board, now))
		return NULL;
	struct board_entry *e = calloc(1, sizeof *e);
	if (e == NULL)
		return NULL;
	memcpy(e->topic, text.p, text.n);
	e->n_topic = text.n;
	e->n_exchange = topic->exchange.n;
	e->n_symbol = topic->symbol.n;
	e->channel = channel;
	HASH_ADD_KEYPTR(hh, board->entries, e->topic, e->n_topic, e);
	if (e->hh.tbl == NULL) { /* no memory for the table */
		free(e);
		return NULL;
	}
	board->version++;
	return e;
}

/* The line of a gateway. A newer epoch of an instance takes over the older one's line, and so its
 * sequence, which tells whether its first messages arrived. */
static struct board_line *need_line(struct board_entry *e, struct bc_gateway *gateway)
{
	for (struct board_line *line = e->lines; line != NULL; line = line->next)
		if (line->gateway == gateway)
			return line;
	for (struct board_line *line = e->lines; line != NULL; line = line->next)
		if (bc_gateway_same_instance(line->gateway, gateway)) {
			line->gateway->n_users--;
			gateway->n_users++;
			line->gateway = gateway;
			return line;
		}
	struct board_line *line = calloc(1, sizeof *line);
	if (line == NULL)
		return NULL;
	line->gateway = gateway;
	gateway->n_users++;
	line->next = e->lines;
	e->lines = line;
	return line;
}

static bool keep_payload(struct bc_board *board, struct board_line *line, bc_str payload)
{
	if (payload.n > line->cap_payload) {
		size_t cap = (payload.n + payload.n / 4 + 63) & ~(size_t)63;
		if (board->n_bytes - line->cap_payload + cap > board->limits.max_bytes)
			return false;
		char *bytes = realloc(line->payload, cap);
		if (bytes == NULL)
			return false;
		board->n_bytes += cap - line->cap_payload;
		line->payload = bytes;
		line->cap_payload = cap;
	}
	if (payload.n > 0)
		memcpy(line->payload, payload.p, payload.n);
	line->n_payload = payload.n;
	return true;
}

/* ---- news of gateways ---- */

static void want(struct bc_board *board, const struct bc_gateway *g, bool whole_exchange)
{
	char prefix[BC_TOPIC_MAX + 1];
	if (whole_exchange)
		snprintf(prefix, sizeof prefix, "%s.", g->exchange);
	else
		snprintf(prefix, sizeof prefix, "%s.@%s.state", g->exchange, g->instance);
	for (size_t i = 0; i < board->n_wants; i++)
		if (strcmp(board->wants[i], prefix) == 0)
			return;
	if (board->n_wants == BOARD_MAX_WANTS) { /* so many: everything, then */
		board->n_wants = 0;
		prefix[0] = '\0';
	}
	memcpy(board->wants[board->n_wants++], prefix, sizeof prefix);
}

bool bc_board_wants(struct bc_board *board, char prefix[BC_TOPIC_MAX + 1])
{
	if (board->n_wants == 0)
		return false;
	memcpy(prefix, board->wants[--board->n_wants], sizeof board->wants[0]);
	return true;
}

static void freeze_lines(struct bc_board *board, const struct bc_gateway *g, bc_mono_time heard,
			 bool doubt)
{
	struct board_entry *e, *next;
	HASH_ITER (hh, board->entries, e, next)
		for (struct board_line *line = e->lines; line != NULL; line = line->next)
			if (line->gateway == g) {
				board_freeze(line, heard);
				line->doubted |= doubt;
			}
}

static void set_listed(struct bc_board *board, struct board_line *line, bool listed,
		       bc_mono_time now)
{
	if (listed == !line->is_unlisted)
		return;
	if (!listed)
		board_freeze(line, line->gateway->heard);
	line->is_unlisted = !listed;
	line->unlisted = now;
	if (listed)
		board->n_unlisted--;
	else
		board->n_unlisted++;
}

/* The list of an instance speaks for all its epochs: what a restart dropped is gone, too. But a
 * list that is not whole drops nobody: until it is, what a restart has not said yet is stale, no
 * more. */
static void apply_list(struct bc_board *board, const struct bc_gateway *g, bc_mono_time now)
{
	const bool whole = bc_gateway_lists_all(g);
	struct board_entry *e, *next;
	HASH_ITER (hh, board->entries, e, next)
		for (struct board_line *line = e->lines; line != NULL; line = line->next)
			if (board_symbol(e).p[0] != '@' &&
			    (line->gateway == g || bc_gateway_same_instance(line->gateway, g)))
				if (whole || bc_gateway_lists(g, board_symbol(e)))
					set_listed(board, line,
						   bc_gateway_lists(g, board_symbol(e)), now);
}

static void apply_news(struct bc_board *board, const struct bc_gateway_news *news, bc_mono_time now)
{
	board->lists_version += news->symbols_changed || news->replaced != NULL;
	if (news->replaced != NULL)
		freeze_lines(board, news->replaced, news->replaced->heard, false);
	if (news->revived) {
		freeze_lines(board, news->gateway, news->heard_before, true);
		want(board, news->gateway, true);
	}
	if (news->symbols_changed)
		apply_list(board, news->gateway, now);
	else if (news->symbols_wanted && !news->appeared)
		want(board, news->gateway, false);
}

/* ---- messages ---- */

/* Its message has just said so; never back in time, since an answer of a cache is a bit old. */
static void prove(struct board_line *line, bc_mono_time now)
{
	if (!bc_state_fit_if_rest(line->word.state))
		return;
	if (!line->was_proven || now.ns > line->proven.ns)
		line->proven = now;
	line->was_proven = true;
}

static void note_state(struct board_line *line, const struct bc_envelope *env, bc_mono_time now)
{
	if (bc_state_fit(line->word.state) && !bc_state_fit(env->state))
		board_freeze(line, line->gateway->heard);
	line->word = (struct bc_word){ env->state, env->reason, env->since };
	line->doubted = false;
	prove(line, now);
}

/* The message is its symbol's state, and not noted yet. */
static void note_fitness(struct board_line *line, const struct bc_envelope *env, bool new_epoch,
			 bc_mono_time now)
{
	if (bc_state_fit(env->state) &&
	    (!bc_state_fit(line->word.state) || line->doubted || new_epoch))
		line->fit_since = now;
}

static void note_data(struct board_line *line, const struct bc_message *m)
{
	const struct bc_envelope *env = &m->envelope;
	line->at = (struct bc_place_in_time){ env->exchange_seq, env->ts_exchange, env->ts_recv };
	if (env->channel == BC_CHANNEL_CANDLE)
		line->ts_open = m->body.candle.ts_open;
}

/* The id of the trade that is kept, which points into its payload. */
static bc_str kept_id(const struct board_line *line)
{
	struct bc_message kept;
	bc_str payload = { line->payload, line->n_payload };
	if (bc_message_decode(payload, &kept, NULL, 0) != BC_OK)
		return BC_STR("");
	return kept.body.trade.trade_id;
}

static bool is_history(const struct board_line *line, const struct bc_message *m)
{
	const struct bc_envelope *env = &m->envelope;
	struct bc_happened one = { .ts_exchange = env->ts_exchange };
	struct bc_happened kept = { .ts_exchange = line->at.ts_exchange, .ts_open = line->ts_open };
	if (line->n_payload == 0 || (env->flags & BC_FLAG_REST) == 0)
		return false;
	if (env->channel == BC_CHANNEL_CANDLE)
		one.ts_open = m->body.candle.ts_open;
	if (env->channel == BC_CHANNEL_TRADE) {
		one.trade_id = m->body.trade.trade_id;
		kept.trade_id = kept_id(line);
	}
	return bc_is_history(env->channel, env->flags, &one, &kept);
}

/* Seen before: it still proves what it says. */
static bc_status take_again(struct bc_board *board, struct board_line *line,
			    const struct bc_envelope *env, enum bc_sequence_verdict verdict,
			    bc_mono_time now)
{
	if (verdict == BC_SEQUENCE_OLDER_EPOCH) {
		board->stats.stragglers++;
		return BC_EGAP;
	}
	board->stats.duplicates++;
	if (env->seq == line->sequence.last) {
		line->doubted = false;
		prove(line, now);
	}
	return BC_EDUPLICATE;
}

static bool is_line(const struct board_line *line, const void *which)
{
	return line == which;
}

static bool is_replaced_by(const struct board_line *line, const void *newer)
{
	const struct board_line *by = newer;
	return line->gateway->replaced && bc_gateway_same_instance(line->gateway, by->gateway);
}

/* Where one topic lost messages others may have, too, and one that is quiet now would not show it:
 * the gateway is asked for its current state, but not more than once a second. */
static void note_loss(struct bc_board *board, struct bc_gateway *g, uint64_t n_lost,
		      bc_mono_time now)
{
	board->stats.gaps++;
	board->stats.lost += n_lost;
	if (g->renewed.ns != 0 && now.ns - g->renewed.ns < BC_NS_PER_S)
		return;
	g->renewed = now;
	want(board, g, true);
}

static bc_status take_line(struct bc_board *board, struct board_entry *e, struct board_line *line,
			   bc_str payload, bc_mono_time now, struct bc_board_taken *taken)
{
	const struct bc_message *m = &board->message;
	const struct bc_envelope *env = &m->envelope;
	const uint64_t epoch_before = line->sequence.epoch;
	struct bc_sequence_step step = bc_sequence_next(&line->sequence, env->epoch, env->seq);
	if (step.verdict == BC_SEQUENCE_DUPLICATE || step.verdict == BC_SEQUENCE_OLDER_EPOCH)
		return take_again(board, line, env, step.verdict, now);
	taken->n_lost = step.n_lost;
	if (step.verdict == BC_SEQUENCE_NEWER_EPOCH)
		taken->heir_of = epoch_before;
	if (step.n_lost > 0)
		note_loss(board, line->gateway, step.n_lost, now);
	bool history = step.verdict != BC_SEQUENCE_NEWER_EPOCH && is_history(line, m);
	if (!history && !keep_payload(board, line, payload)) {
		forget_lines(board, e, is_line, line); /* better nothing than the one before */
		make_room(board, now);                 /* for its next message */
		board->stats.refused++;
		return BC_ERANGE;
	}
	if (!history && (step.verdict != BC_SEQUENCE_NEXT || (env->flags & BC_FLAG_STATE) == 0))
		line->changed = now;
	if (env->channel == BC_CHANNEL_STATE)
		note_fitness(line, env, step.verdict == BC_SEQUENCE_NEWER_EPOCH, now);
	note_state(line, env, now);
	if (!history)
		note_data(line, m);
	if (env->state != BC_STATE_DOWN && env->state != BC_STATE_HALTED)
		set_listed(board, line, true, now); /* its list is on its way */
	if (env->channel == BC_CHANNEL_INSTRUMENT)
		board_name_learn(board, e, m->body.instrument.unified);
	if (e->lines->next != NULL)
		forget_lines(board, e, is_replaced_by, line);
	return BC_OK;
}

/* Do two gateways serve the symbol? Then what only one of them has said yet, both will. */
static bool is_listed_twice(const struct bc_board *board, struct board_entry *e)
{
	uint32_t n = 0;
	if (e->lists_version == board->lists_version)
		return e->listed_twice;
	for (size_t i = 0; i < bc_gateways_count(board->gateways); i++) {
		const struct bc_gateway *g = bc_gateways_at(board->gateways, i);
		n += !g->replaced && bc_str_is(board_exchange(e), g->exchange) &&
		     bc_gateway_lists(g, board_symbol(e));
	}
	e->lists_version = board->lists_version;
	return e->listed_twice = n > 1;
}

/* What a topic's newest message says could not be read: what is kept of it may be old. */
static bc_status refuse(struct bc_board *board, bc_str topic, bc_status why)
{
	struct board_entry *e = board_find(board, topic);
	board->stats.bad++;
	board->stats.newer_version += why == BC_EVERSION;
	for (struct board_line *line = e == NULL ? NULL : e->lines; line != NULL;
	     line = line->next) {
		board_freeze(line, line->gateway->heard);
		line->doubted = true;
	}
	return why;
}

/* Reads it into board->message. */
static bc_status read_message(struct bc_board *board, bc_str text, bc_str payload,
			      struct bc_topic *topic)
{
	bc_status rc = bc_topic_split(text, topic);
	if (rc == BC_OK)
		rc = bc_message_decode(payload, &board->message, board->levels, BOARD_MAX_LEVELS);
	if (rc == BC_ENOTFOUND) {
		board->stats.unknown++;
		return rc;
	}
	if (rc == BC_OK && bc_channel_of(topic->channel) != (int)board->message.envelope.channel)
		rc = BC_EPARSE;
	return rc == BC_OK ? BC_OK : refuse(board, text, rc);
}

static bc_status hear_gateway(struct bc_board *board, const struct bc_topic *topic,
			      bc_mono_time now, struct bc_gateway_news *news)
{
	bc_status rc = bc_gateways_hear(board->gateways, topic, &board->message, now, news);
	if (rc == BC_EGAP)
		board->stats.stragglers++;
	else if (rc != BC_OK)
		board->stats.refused++;
	else
		apply_news(board, news, now);
	return rc;
}

bc_status bc_board_take(struct bc_board *board, bc_str text, bc_str payload, bc_mono_time now,
			struct bc_board_taken *taken)
{
	struct bc_topic topic;
	struct bc_gateway_news news;
	struct bc_board_taken unused;
	taken = taken == NULL ? &unused : taken;
	board->stats.messages++;
	board->stats.bytes += text.n + 1 + payload.n;
	bc_status rc = read_message(board, text, payload, &topic);
	if (rc != BC_OK || (rc = hear_gateway(board, &topic, now, &news)) != BC_OK)
		return rc;
	struct board_entry *e = board_find(board, text);
	if (e == NULL)
		e = add_entry(board, text, &topic, board->message.envelope.channel, now);
	struct board_line *line = e == NULL ? NULL : need_line(e, news.gateway);
	if (line == NULL) {
		board->stats.refused++;
		if (e != NULL && e->lines == NULL)
			forget_lines(board, e, is_any, NULL);
		return BC_ERANGE;
	}
	*taken = (struct bc_board_taken){ .message = &board->message,
					  .gateway = news.gateway,
					  .mark = &e->mark };
	rc = take_line(board, e, line, payload, now, taken);
	board->taken = rc == BC_OK ? e : NULL;
	if (rc == BC_OK)
		taken->doubled = e->lines->next != NULL ||
				 (e->channel == BC_CHANNEL_TRADE && is_listed_twice(board, e));
	return rc;
}

void bc_board_bad_frame(struct bc_board *board)
{
	board->stats.messages++;
	board->stats.bad++;
}

struct deadline {
	bc_mono_time now;
	int64_t retain_ns;
};

static bool is_due(const struct board_line *line, const void *what)
{
	const struct deadline *d = what;
	return line->is_unlisted && d->now.ns - line->unlisted.ns > d->retain_ns;
}

void bc_board_tick(struct bc_board *board, bc_mono_time now)
{
	const struct deadline d = { now, board->limits.retain_ns };
	if (board->n_unlisted > 0)
		forget(board, is_due, &d);
}
