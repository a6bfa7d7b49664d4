#include "subscribers/cli/top_table.h"
#include "subscribers/cli/grid.h"

#include "common/gateways.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define TOP_GATEWAYS   64
#define TOP_NAME_MAX   64
#define TOP_CHANGED_NS (400 * BC_NS_PER_MS) /* how long a change is shown as one */

struct top_row {
	char name[TOP_NAME_MAX];    /* of the symbol, escaped, perhaps cut */
	struct bc_gateway *gateway; /* who spoke of it last; counted in its n_users */
	enum bc_state state;
	enum bc_reason reason;
	bc_level bid, ask; /* BC_DECIMAL_NONE: that side is empty */
	bc_mono_time changed;
	int direction; /* of the last change of the middle: -1, 0, 1 */
	bool filled;
};

struct top_table {
	struct top_row *rows;
	size_t n_rows, max_rows;
	uint64_t n_messages, n_counted;
	bool left_out; /* there were more symbols than rows */
	bc_mono_time counted;
	double per_s;
	struct bc_gateways *gateways;
};

static const bc_level no_level = { { 0, BC_EXPONENT_NONE }, { 0, BC_EXPONENT_NONE } };

struct top_table *top_table_new(size_t max_rows)
{
	struct top_table *table = calloc(1, sizeof *table);
	if (table == NULL)
		return NULL;
	table->max_rows = max_rows;
	table->rows = calloc(max_rows, sizeof *table->rows);
	table->gateways = bc_gateways_new(TOP_GATEWAYS);
	if (table->rows == NULL || table->gateways == NULL)
		top_table_free(&table);
	return table;
}

void top_table_free(struct top_table **table)
{
	if (*table == NULL)
		return;
	bc_gateways_free(&(*table)->gateways);
	free((*table)->rows);
	free(*table);
	*table = NULL;
}

static void name_of(const struct bc_topic *topic, char name[TOP_NAME_MAX])
{
	struct bc_text t = bc_text_on(name, TOP_NAME_MAX);
	bc_text_add_escaped(&t, topic->symbol, TOP_NAME_MAX);
}

/* The row of that name, made where it belongs if it is new; NULL: no room. */
static struct top_row *row_of(struct top_table *table, const struct bc_topic *topic)
{
	char name[TOP_NAME_MAX];
	name_of(topic, name);
	size_t from = 0, to = table->n_rows;
	while (from < to) {
		size_t middle = from + (to - from) / 2;
		int order = strcmp(name, table->rows[middle].name);
		if (order == 0)
			return &table->rows[middle];
		if (order < 0)
			to = middle;
		else
			from = middle + 1;
	}
	if (table->n_rows == table->max_rows) {
		table->left_out = true;
		return NULL;
	}
	struct top_row *row = &table->rows[from];
	memmove(row + 1, row, (table->n_rows++ - from) * sizeof *row);
	*row = (struct top_row){ .bid = no_level, .ask = no_level };
	memcpy(row->name, name, sizeof name);
	return row;
}

static void take_levels(struct top_row *row, const struct bc_book *book, bc_mono_time now)
{
	bc_level bid = book->n_bids > 0 ? book->bids[0] : no_level;
	bc_level ask = book->n_asks > 0 ? book->asks[0] : no_level;
	if (row->filled && bc_decimal_known(bid.price) && bc_decimal_known(row->bid.price)) {
		int direction = bc_decimal_compare(bid.price, row->bid.price);
		if (direction != 0) {
			row->direction = direction;
			row->changed = now;
		}
	}
	row->bid = bid;
	row->ask = ask;
	row->filled = true;
}

void top_table_take(struct top_table *table, const struct bc_topic *topic,
		    const struct bc_message *m, bc_mono_time now)
{
	struct bc_gateway_news news;
	table->n_messages++;
	if (bc_gateways_hear(table->gateways, topic, m, now, &news) != BC_OK)
		return; /* a straggler of a gateway that has been replaced, or one too many */
	bool shown = m->envelope.channel == BC_CHANNEL_BOOK ||
		     m->envelope.channel == BC_CHANNEL_BBO ||
		     m->envelope.channel == BC_CHANNEL_STATE;
	if (!shown || topic->symbol.p[0] == '@')
		return;
	struct top_row *row = row_of(table, topic);
	if (row == NULL)
		return;
	/* A bbo may run ahead of its book: whichever came last is the newest that is known. */
	if (m->envelope.channel != BC_CHANNEL_STATE)
		take_levels(row, &m->body.book, now);
	if (row->gateway != NULL)
		row->gateway->n_users--;
	row->gateway = news.gateway;
	row->gateway->n_users++;
	row->state = m->envelope.state;
	row->reason = m->envelope.reason;
}

size_t top_table_n_filled(const struct top_table *table)
{
	size_t n = 0;
	for (size_t i = 0; i < table->n_rows; i++)
		n += table->rows[i].filled;
	return n;
}

void top_table_gateways(const struct top_table *table, bc_mono_time now, size_t *known,
			size_t *gone)
{
	*known = *gone = 0;
	for (size_t i = 0; i < bc_gateways_count(table->gateways); i++) {
		const struct bc_gateway *gateway = bc_gateways_at(table->gateways, i);
		*known += !gateway->replaced;
		*gone += !gateway->replaced && bc_gateway_gone(gateway, now);
	}
}

size_t top_table_n_listed(const struct top_table *table, bc_mono_time now)
{
	size_t n = 0;
	for (size_t i = 0; i < bc_gateways_count(table->gateways); i++) {
		const struct bc_gateway *gateway = bc_gateways_at(table->gateways, i);
		n += bc_gateway_gone(gateway, now) ? 0 : gateway->n_symbols;
	}
	return n;
}

bool top_table_row(const struct top_table *table, size_t i, bc_mono_time now, struct top_best *out)
{
	if (i >= table->n_rows)
		return false;
	const struct top_row *row = &table->rows[i];
	bool gone = bc_gateway_gone(row->gateway, now);
	*out = (struct top_best){ .symbol = bc_str_of(row->name),
				  .bid = row->bid,
				  .ask = row->ask,
				  .state = gone ? BC_STATE_STALE : row->state,
				  .reason = gone ? BC_REASON_GATEWAY : row->reason };
	return true;
}

size_t top_table_n_fit(const struct top_table *table, bc_mono_time now)
{
	size_t n = 0;
	struct top_best best;
	for (size_t i = 0; top_table_row(table, i, now, &best); i++)
		n += bc_state_fit(best.state);
	return n;
}

/* A number at the right of `width` columns, after a space. What is too long is cut behind its point
 * and marked: "1234567.8~". Where the digits before the point alone are too many, a cut would make
 * it another number; they are told in thousands, millions and so on: "1234567e3~". */
static void put_number(struct bc_text *out, bc_decimal d, int width)
{
	char text[BC_DECIMAL_TEXT_MAX] = "-", cut[BC_DECIMAL_TEXT_MAX + 4];
	if (bc_decimal_known(d))
		bc_decimal_format(d, text);
	int whole = (int)strcspn(text, "."), room = width - 2;
	if (strlen(text) < (size_t)width) {
		bc_text_addf(out, "%*s", width, text);
		return;
	}
	int n = snprintf(cut, sizeof cut, "%.*s", whole > room ? whole : room, text);
	for (int power = 3; n > room && power < whole; power += 3)
		n = snprintf(cut, sizeof cut, "%.*se%d", whole - power, text, power);
	bc_text_addf(out, " %*s~", room, cut);
}

static void put_spread(struct bc_text *out, const struct top_row *row, int width)
{
	bc_decimal spread = BC_DECIMAL_NONE;
	if (bc_decimal_known(row->bid.price) && bc_decimal_known(row->ask.price) &&
	    bc_decimal_sub(row->ask.price, row->bid.price, &spread) != BC_OK)
		spread = BC_DECIMAL_NONE;
	put_number(out, spread, width);
}

struct top_paint {
	const char *good, *bad, *up, *down, *strong, *end;
};

static const struct top_paint plain = { "", "", "", "", "", "" };
static const struct top_paint colors = { "\033[32m", "\033[1;31m", "\033[32m",
					 "\033[31m", "\033[1m",    "\033[0m" };

/* Columns: symbol, quantity, bid, ask, quantity, spread, a gap, the state. */
#define TOP_SYMBOL     12 /* at least, and at most; a narrow window makes the most less */
#define TOP_SYMBOL_MAX 40
#define TOP_QUANTITY   11
#define TOP_PRICE      12
#define TOP_SPREAD     11
#define TOP_ALWAYS     (2 * TOP_PRICE + 2)
#define TOP_STATE      5 /* of which so many must be seen: "stale" */

/* What there is room for. */
struct layout {
	size_t symbol; /* columns */
	size_t fixed;  /* from the symbol to the state */
	bool quantities, spread;
};

/* A narrow window goes without the spread, a narrower one without the quantities: a price is never
 * without its state. Symbols are as wide as the longest name, as far as there is room. */
static struct layout lay_out(const struct top_table *table, size_t columns)
{
	size_t room = columns == 0 ? SIZE_MAX : columns, symbol = TOP_SYMBOL;
	size_t narrow = TOP_SYMBOL + TOP_ALWAYS + 2 * TOP_QUANTITY + TOP_STATE;
	struct layout l = { .fixed = TOP_ALWAYS };
	l.quantities = room >= narrow;
	l.spread = room >= narrow + TOP_SPREAD;
	if (l.quantities)
		l.fixed += 2 * (size_t)TOP_QUANTITY;
	if (l.spread)
		l.fixed += TOP_SPREAD;
	size_t most =
		room > TOP_SYMBOL + l.fixed + TOP_STATE ? room - l.fixed - TOP_STATE : TOP_SYMBOL;
	for (size_t i = 0; i < table->n_rows; i++) {
		size_t wants = text_columns(table->rows[i].name);
		symbol = wants > symbol ? wants : symbol;
	}
	most = most < TOP_SYMBOL_MAX ? most : TOP_SYMBOL_MAX;
	l.symbol = symbol < most ? symbol : most;
	return l;
}

static void put_symbol(struct bc_text *out, const char *name, size_t width)
{
	bool cut = text_columns(name) > width;
	size_t n = text_fits(name, cut ? width - 1 : width);
	bc_text_add(out, (bc_str){ name, n });
	bc_text_addf(out, "%s", cut ? "~" : "");
	char shown[TOP_NAME_MAX];
	snprintf(shown, sizeof shown, "%.*s", (int)n, name);
	bc_text_addf(out, "%*s", (int)(width - text_columns(shown) - cut), "");
}

static const char *paint_price(const struct top_row *row, bc_mono_time now,
			       const struct top_paint *paint)
{
	if (row->direction == 0 || now.ns - row->changed.ns >= TOP_CHANGED_NS)
		return "";
	return row->direction > 0 ? paint->up : paint->down;
}

/* The reason too, where there is room for all of it. */
static void put_state(struct bc_text *out, const struct top_best *best, size_t columns,
		      size_t before, const struct top_paint *paint)
{
	const char *state = bc_state_word(best->state), *reason = bc_reason_word(best->reason);
	bool why = best->reason != BC_REASON_NONE &&
		   (columns == 0 || before + strlen(state) + 1 + strlen(reason) <= columns);
	bc_text_addf(out, "  %s%s%s%s%s", bc_state_fit(best->state) ? paint->good : paint->bad,
		     state, why ? " " : "", why ? reason : "", paint->end);
}

static void put_row(const struct top_table *table, size_t i, const struct top_screen *screen,
		    const struct layout *l, const struct top_paint *paint, struct bc_text *out)
{
	struct top_best best;
	if (!top_table_row(table, i, screen->now, &best))
		return;
	const struct top_row *row = &table->rows[i];
	const char *price = paint_price(row, screen->now, paint);

	put_symbol(out, row->name, l->symbol);
	if (l->quantities)
		put_number(out, row->bid.quantity, TOP_QUANTITY);
	bc_text_addf(out, "%s", price);
	put_number(out, row->bid.price, TOP_PRICE);
	put_number(out, row->ask.price, TOP_PRICE);
	bc_text_addf(out, "%s", *price != '\0' ? paint->end : "");
	if (l->quantities)
		put_number(out, row->ask.quantity, TOP_QUANTITY);
	if (l->spread)
		put_spread(out, row, TOP_SPREAD);

	put_state(out, &best, screen->columns, l->symbol + l->fixed, paint);
	bc_text_add(out, BC_STR("\n"));
}

static void count_rate(struct top_table *table, bc_mono_time now)
{
	int64_t passed = now.ns - table->counted.ns;
	if (table->counted.ns != 0 && passed < BC_NS_PER_S)
		return;
	if (table->counted.ns != 0)
		table->per_s =
			(double)(table->n_messages - table->n_counted) * 1e9 / (double)passed;
	table->n_counted = table->n_messages;
	table->counted = now;
}

static void put_head(const struct top_table *table, const struct top_screen *screen,
		     const struct layout *l, const struct top_paint *paint, struct bc_text *out)
{
	bc_text_addf(out, "%s%s%s  %zu symbols, %zu fit to trade on", paint->strong, screen->title,
		     paint->end, table->n_rows, top_table_n_fit(table, screen->now));
	if (screen->live)
		bc_text_addf(out, ", %.0f messages/s", table->per_s);
	if (screen->lost > 0)
		bc_text_addf(out, ", %" PRIu64 " lost on the way here", screen->lost);
	const int quantity = l->quantities ? TOP_QUANTITY : 0, spread = l->spread ? TOP_SPREAD : 0;
	const char *title = l->quantities ? "quantity" : "";
	bc_text_addf(out, "\n%s%-*s%*s%*s%*s%*s%*s  %s%s\n", paint->strong, (int)l->symbol,
		     "symbol", quantity, title, TOP_PRICE, "bid", TOP_PRICE, "ask", quantity, title,
		     spread, l->spread ? "spread" : "", "state", paint->end);
}

void top_table_draw(struct top_table *table, const struct top_screen *screen, struct bc_text *out)
{
	const struct top_paint *paint = screen->color ? &colors : &plain;
	size_t room = table->n_rows, taken = screen->live ? 5 : 3; /* lines that are not rows */

	if (screen->lines != 0 && screen->lines < room + taken)
		room = screen->lines > taken ? screen->lines - taken : 1;
	struct layout l = lay_out(table, screen->columns);
	count_rate(table, screen->now);
	put_head(table, screen, &l, paint, out);
	for (size_t i = 0; i < room; i++)
		put_row(table, i, screen, &l, paint, out);
	if (table->n_rows > room)
		bc_text_addf(out, "... and %zu more: a taller window shows them\n",
			     table->n_rows - room);
	if (table->left_out)
		bc_text_addf(out, "... and others: there is room for %zu\n", table->max_rows);
	if (screen->live)
		bc_text_addf(out, "%sCtrl-C ends this.%s", paint->strong, paint->end);
}
