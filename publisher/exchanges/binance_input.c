/* binance_input.c - the adapter's door: finds out what an object is, has it read and told.
 *
 * A combined frame in the order it usually comes in is read in one go. All else, REST too, is first
 * checked to be JSON as a whole, and then walked: nothing of a text that breaks off is told. */
#include "publisher/exchanges/binance.h"

/* ------------------------------------------------------------------ whose it is */

/* The symbol that the stream's name begins with, in upper case. Empty: it names none. */
static bc_str stream_symbol(struct binance *b)
{
	bc_str symbol, word, tail;

	if (!binance_split_stream(b->stream, &symbol, &word, &tail) || symbol.n == 0 ||
	    symbol.n > sizeof b->symbol_text || symbol.p[0] == '!')
		return (bc_str){ NULL, 0 };
	for (size_t i = 0; i < symbol.n; i++)
		b->symbol_text[i] = bc_ascii_upper(symbol.p[i]);
	return (bc_str){ b->symbol_text, symbol.n };
}

static bool is_of_stream(const struct binance *b)
{
	bc_str symbol, word, tail;

	if (bc_str_starts(b->stream, BC_STR("!")) ||
	    !binance_split_stream(b->stream, &symbol, &word, &tail))
		return true; /* a stream of all symbols, or none */
	if (symbol.n != b->m.symbol.n)
		return false;
	for (size_t i = 0; i < symbol.n; i++)
		if (bc_ascii_lower(symbol.p[i]) != bc_ascii_lower(b->m.symbol.p[i]))
			return false;
	return true;
}

/* Sets m.symbol, by the message, the request it answers, or the stream's name. */
static void find_symbol(struct binance *b, const struct bc_input *in)
{
	if (b->m.symbol.n > 0) {
		if (is_of_stream(b))
			return;
		/* One of two is wrong; both are in doubt. */
		bc_reader_next(&b->reader);
		bc_reader_refuse(&b->reader, BC_EPARSE, BC_STR("s is not its stream's"), b->stream);
		b->m.symbol.n = 0;
		return;
	}
	b->m.symbol = in->kind == BC_INPUT_REST ? in->symbol : stream_symbol(b);
	if (b->m.symbol.n == 0)
		bc_reader_refuse_words(&b->reader, "s", " is missing");
}

/* ------------------------------------------------------------------ what was read, told */

static bc_status tell(struct binance *b, const struct bc_input *in, const struct bc_feed_sink *sink)
{
	/* Streams of all symbols carry those of COIN-M, too. */
	if (b->market->dialect == BINANCE_USDM && bc_str_is(b->m.family, "2"))
		return BC_OK;
	if (b->kind->object == BINANCE_CONTROL)
		b->reader.problem.foreign = true; /* should it be refused */
	else
		find_symbol(b, in);
	if (!b->reader.refused)
		b->kind->tell(b, in, sink);
	return b->reader.refused ? bc_reader_reject(&b->reader, b->m.symbol, sink) : BC_OK;
}

static void forget_message(struct binance *b)
{
	bc_reader_next(&b->reader);
	b->m = (struct binance_message){
		.event_time = { BC_TIME_UNKNOWN },
		.trade_time = { BC_TIME_UNKNOWN },
		.opened = { BC_TIME_UNKNOWN },
		.first_seq = BC_SEQ_NONE,
		.last_seq = BC_SEQ_NONE,
		.prev_seq = BC_SEQ_NONE,
		.price = BC_DECIMAL_NONE,
		.quantity = BC_DECIMAL_NONE,
		.open = BC_DECIMAL_NONE,
		.high = BC_DECIMAL_NONE,
		.low = BC_DECIMAL_NONE,
		.change = BC_DECIMAL_NONE,
		.volume = BC_DECIMAL_NONE,
		.quote_volume = BC_DECIMAL_NONE,
		.tick = BC_DECIMAL_NONE,
		.lot = BC_DECIMAL_NONE,
	};
}

/* ------------------------------------------------------------------ the usual frame */

static const struct bc_json_name stream_name = BC_JSON_NAME("stream");
static const struct bc_json_name data_name = BC_JSON_NAME("data");

/* Enters the data of a combined frame of a kind we ask for. False: it is something else, and the
 * cursor stands anywhere. */
static bool enter_usual(struct binance *b)
{
	struct bc_cursor *j = &b->reader.j;

	if (!bc_cursor_object(j) || !bc_cursor_key_is(j, &stream_name) ||
	    !bc_cursor_string(j, &b->stream) || j->escaped || !bc_cursor_key_is(j, &data_name))
		return false;
	b->kind = binance_stream_kind(b->stream);
	return b->kind != NULL && b->kind->object != BINANCE_NONE && bc_cursor_object(j);
}

static bc_status read_usual(struct binance *b, const struct bc_input *in,
			    const struct bc_feed_sink *sink)
{
	struct bc_reader *r = &b->reader;
	bc_str key;

	bc_fields_read(r, &binance_fields[b->kind->object], b->market->dialect, &b->m);
	while (bc_cursor_key(&r->j, &key)) {
		if (bc_cursor_is(key, BC_STR("stream")) || bc_cursor_is(key, BC_STR("data")))
			bc_reader_refuse_words(r, "stream or data", " comes twice");
		bc_cursor_skip(&r->j, NULL);
	}
	return bc_cursor_finish(&r->j) == BC_OK ? tell(b, in, sink)
						: bc_reader_reject_text(&b->reader, sink);
}

/* What was read in one go. False: not told, there is something to refuse. */
static bool tell_usual(struct binance *b, const struct bc_input *in,
		       const struct bc_feed_sink *sink)
{
	if (b->m.symbol.n == 0) {
		b->m.symbol = stream_symbol(b);
		if (b->m.symbol.n == 0)
			return false;
	}
	b->kind->tell(b, in, sink);
	return !b->reader.refused;
}

/* ------------------------------------------------------------------ any other text */

/* The keys that tell what an object is; of two the first one of this list does. */
enum mark { STREAM, EVENT, ERROR, CODE, RESULT, LAST_UPDATE, UPDATE, SYMBOLS, DATA, N_MARKS };

static const struct bc_json_name mark_names[N_MARKS] = {
	[STREAM] = BC_JSON_NAME("stream"), [EVENT] = BC_JSON_NAME("e"),
	[ERROR] = BC_JSON_NAME("error"),   [CODE] = BC_JSON_NAME("code"),
	[RESULT] = BC_JSON_NAME("result"), [LAST_UPDATE] = BC_JSON_NAME("lastUpdateId"),
	[UPDATE] = BC_JSON_NAME("u"),      [SYMBOLS] = BC_JSON_NAME("symbols"),
	[DATA] = BC_JSON_NAME("data"),
};

struct marks {                                   /* of one object that was walked through */
	struct bc_cursor first_key, at[N_MARKS]; /* bookmarks, of the values */
	unsigned seen, twice;
};

/* Walks through the object that was entered, and behind it. The text is known to be JSON. */
static void find_marks(struct bc_cursor *j, struct marks *marks)
{
	bc_str key;

	marks->seen = marks->twice = 0;
	marks->first_key = *j;
	while (bc_cursor_key(j, &key)) {
		for (size_t i = 0; i < N_MARKS; i++) {
			const struct bc_json_name *name = &mark_names[i];
			if (!bc_cursor_is(key, (bc_str){ name->quoted + 1, name->n - 3u }))
				continue;
			marks->twice |= marks->seen & 1u << i;
			marks->seen |= 1u << i;
			marks->at[i] = *j;
		}
		bc_cursor_skip(j, NULL);
	}
}

static bool has(const struct marks *marks, enum mark mark)
{
	return (marks->seen >> mark & 1) != 0;
}

static bc_status read_fields(struct binance *b, const struct marks *marks,
			     const struct binance_kind *kind, const struct bc_input *in,
			     const struct bc_feed_sink *sink)
{
	b->kind = kind;
	if (kind->object == BINANCE_NONE)
		return BC_OK;
	b->reader.j = marks->first_key;
	bc_fields_read(&b->reader, &binance_fields[kind->object], b->market->dialect, &b->m);
	return tell(b, in, sink);
}

static bc_status refuse_foreign(struct binance *b, const char *what, bc_str value,
				const struct bc_feed_sink *sink)
{
	bc_reader_refuse(&b->reader, BC_EPARSE, bc_str_of(what), value);
	b->reader.problem.foreign = true;
	return bc_reader_reject(&b->reader, (bc_str){ NULL, 0 }, sink);
}

static bc_status refuse_missing(struct binance *b, const char *what,
				const struct bc_feed_sink *sink)
{
	bc_reader_refuse_words(&b->reader, what, " is missing");
	return bc_reader_reject(&b->reader, stream_symbol(b), sink);
}

/* An object that says by itself what it is. */
static bc_status read_named(struct binance *b, const struct marks *marks, const struct bc_input *in,
			    const struct bc_feed_sink *sink)
{
	const struct binance_kind *kind;
	bc_str event;

	b->reader.j = marks->at[EVENT];
	if (!bc_cursor_string(&b->reader.j, &event)) {
		bc_cursor_skip(&b->reader.j, &event);
		bc_reader_refuse(&b->reader, BC_EPARSE, BC_STR("e"), event);
		return bc_reader_reject(&b->reader, stream_symbol(b), sink);
	}
	kind = binance_event_kind(event);
	if (kind == NULL)
		return refuse_foreign(b, "e", event, sink);
	return read_fields(b, marks, kind, in, sink);
}

static bc_status read_unnamed(struct binance *b, const struct marks *marks,
			      const struct bc_input *in, const struct bc_feed_sink *sink)
{
	if (has(marks, ERROR) || has(marks, CODE) || has(marks, RESULT))
		return read_fields(b, marks, &binance_control_kind, in, sink);
	if (has(marks, UPDATE))
		return read_fields(b, marks, &binance_bare_bbo_kind, in, sink);
	return refuse_missing(b, has(marks, LAST_UPDATE) ? "stream" : "e", sink);
}

/* One object at the cursor, which then stands behind it. `stream`: what its stream carries, NULL
 * where that does not follow from its name. */
static bc_status read_data(struct binance *b, const struct binance_kind *stream,
			   const struct bc_input *in, const struct bc_feed_sink *sink)
{
	struct bc_cursor *j = &b->reader.j, behind;
	struct marks marks;
	bc_status status;
	bc_str value;

	forget_message(b);
	if (!bc_cursor_object(j)) {
		bc_cursor_skip(j, &value);
		bc_reader_refuse(&b->reader, BC_EPARSE, BC_STR("not an object"), value);
		return bc_reader_reject(&b->reader, stream_symbol(b), sink);
	}
	find_marks(j, &marks);
	behind = *j;
	if (stream != NULL)
		status = read_fields(b, &marks, stream, in, sink);
	else if (has(&marks, EVENT))
		status = read_named(b, &marks, in, sink);
	else
		status = read_unnamed(b, &marks, in, sink);
	*j = behind;
	return status;
}

/* One object, or a list of them; one that is refused does not take the others with it. */
static bc_status read_each(struct binance *b, const struct binance_kind *stream,
			   const struct bc_input *in, const struct bc_feed_sink *sink)
{
	struct bc_cursor *j = &b->reader.j;
	bc_status worst = BC_OK;

	if (!bc_cursor_array(j))
		return read_data(b, stream, in, sink);
	while (bc_cursor_item(j)) {
		bc_status status = read_data(b, stream, in, sink);
		if (worst == BC_OK)
			worst = status;
	}
	return worst;
}

static bc_status read_envelope(struct binance *b, const struct marks *marks,
			       const struct bc_input *in, const struct bc_feed_sink *sink)
{
	struct bc_cursor *j = &b->reader.j;
	const struct binance_kind *kind;
	bc_str value;

	*j = marks->at[STREAM];
	if (bc_cursor_text(j, b->stream_text, sizeof b->stream_text, &b->stream) != BC_OK) {
		*j = marks->at[STREAM];
		bc_cursor_skip(j, &value);
		bc_reader_refuse(&b->reader, BC_EPARSE, BC_STR("stream"), value);
		b->stream.n = 0;
		return bc_reader_reject(&b->reader, b->stream, sink);
	}
	if ((marks->twice & (1u << STREAM | 1u << DATA)) != 0) {
		bc_reader_refuse_words(&b->reader, "stream or data", " comes twice");
		return bc_reader_reject(&b->reader, (bc_str){ NULL, 0 }, sink);
	}
	if (!has(marks, DATA))
		return refuse_missing(b, "data", sink);
	kind = binance_stream_kind(b->stream);
	if (kind == NULL && !bc_str_starts(b->stream, BC_STR("!")))
		return refuse_foreign(b, "stream", b->stream, sink);
	*j = marks->at[DATA];
	return read_each(b, kind, in, sink);
}

/* ------------------------------------------------------------------ REST */

/* The row is closed if a later one follows it: the clock of this machine is not asked. */
static void look_ahead(struct binance *b)
{
	struct bc_reader *r = &b->reader;
	struct bc_cursor here = r->j;
	bc_wall_time next;

	b->m.closed = bc_cursor_item(&r->j) && bc_cursor_array(&r->j) && bc_cursor_item(&r->j) &&
		      bc_read_ms(r, &next) == BC_OK && next.ns > b->m.opened.ns;
	r->j = here;
}

static void read_item(struct binance *b)
{
	struct bc_reader *r = &b->reader;
	bool row = b->kind->object == BINANCE_CANDLE_ROW;
	bc_str value;

	forget_message(b);
	if (row ? !bc_cursor_array(&r->j) : !bc_cursor_object(&r->j)) {
		bc_cursor_skip(&r->j, &value);
		bc_reader_refuse(r, BC_EPARSE, BC_STR("not a row"), value);
	} else if (row) {
		binance_read_candle_row(r);
		look_ahead(b);
	} else {
		bc_fields_read(r, &binance_fields[b->kind->object], b->market->dialect, &b->m);
	}
}

static bc_status read_items(struct binance *b, const struct bc_input *in,
			    const struct bc_feed_sink *sink)
{
	bc_status worst = BC_OK;

	while (bc_cursor_item(&b->reader.j)) {
		bc_status status;
		read_item(b);
		status = tell(b, in, sink);
		if (worst == BC_OK)
			worst = status;
	}
	return worst;
}

static bc_status read_body(struct binance *b, const struct bc_input *in,
			   const struct bc_feed_sink *sink)
{
	struct bc_cursor *j = &b->reader.j;
	struct marks marks;

	b->kind = &binance_body_kinds[in->rest];
	if (in->rest == BC_REST_TRADES && b->aggregated)
		b->kind = &binance_aggregated_kind;
	if (b->kind->tell == NULL)
		return refuse_foreign(b, "not asked for", (bc_str){ NULL, 0 }, sink);
	if (in->rest != BC_REST_SNAPSHOT && bc_cursor_array(j))
		return read_items(b, in, sink);
	if (!bc_cursor_object(j))
		return refuse_missing(b, "the answer", sink);
	find_marks(j, &marks);
	if (has(&marks, CODE))
		return read_fields(b, &marks, &binance_control_kind, in, sink);
	if (in->rest == BC_REST_SNAPSHOT || in->rest == BC_REST_TICKERS)
		return read_fields(b, &marks, b->kind, in, sink);
	if (in->rest != BC_REST_INSTRUMENTS || !has(&marks, SYMBOLS))
		return refuse_missing(b, "the list", sink);
	*j = marks.at[SYMBOLS];
	return bc_cursor_array(j) ? read_items(b, in, sink) : refuse_missing(b, "the list", sink);
}

/* ------------------------------------------------------------------ the door */

static bc_status read_checked(struct binance *b, const struct bc_input *in,
			      const struct bc_feed_sink *sink)
{
	struct bc_cursor *j = &b->reader.j;
	struct marks marks;

	b->stream = (bc_str){ NULL, 0 };
	forget_message(b);
	bc_cursor_open(j, in->bytes, in->n_bytes);
	bc_cursor_skip(j, NULL);
	if (bc_cursor_finish(j) != BC_OK)
		return bc_reader_reject_text(&b->reader, sink);
	bc_cursor_open(j, in->bytes, in->n_bytes);
	if (in->kind == BC_INPUT_REST)
		return read_body(b, in, sink);
	if (bc_cursor_object(j)) {
		find_marks(j, &marks);
		if (has(&marks, STREAM))
			return read_envelope(b, &marks, in, sink);
		bc_cursor_open(j, in->bytes, in->n_bytes);
	}
	return read_each(b, NULL, in, sink);
}

bc_status binance_on_input(void *state, const struct bc_input *in, const struct bc_feed_sink *sink)
{
	struct binance *b = state;

	if (in->kind == BC_INPUT_OPEN || in->kind == BC_INPUT_CLOSED)
		return BC_OK; /* a connection has no memory here */
	bc_reader_open(&b->reader, in->bytes, in->n_bytes, b);
	if (in->kind != BC_INPUT_REST) {
		if (b->read_usual(b, in->bytes, in->n_bytes) && tell_usual(b, in, sink))
			return BC_OK;
		forget_message(b);
		if (enter_usual(b))
			return read_usual(b, in, sink);
	}
	return read_checked(b, in, sink);
}
