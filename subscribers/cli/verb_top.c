/* top: the best prices of every symbol of an exchange, drawn again five times a second; --once (and
 * a pipe) waits until every book is there and prints them. */
#include "subscribers/cli/output.h"
#include "subscribers/cli/sources.h"
#include "subscribers/cli/top_table.h"
#include "subscribers/cli/verbs.h"

#include "common/clock.h"
#include "proto/codec.h"

#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define MAX_ROWS        5000
#define DRAW_EVERY      (200 * BC_NS_PER_MS)
#define MESSAGES_A_TURN 1000

struct top {
	struct cli *cli;
	const char *exchange;
	struct bc_sub *sub;
	struct cli_sources sources;
	struct top_table *table;
	bc_level *levels;
	char *screen, *painted; /* as drawn; with what a terminal needs at each line's end */
	size_t screen_cap;
	bool bus_failed;
};

static bool is_exchange(const void *self, const char *exchange)
{
	return strcmp(exchange, ((const struct top *)self)->exchange) == 0;
}

static void drain(struct top *t)
{
	bc_mono_time now = bc_mono_now();
	for (int i = 0; i < MESSAGES_A_TURN; i++) {
		bc_str topic, payload;
		struct bc_topic parts;
		struct bc_message m;
		bc_status rc = bc_sub_receive(t->sub, &topic, &payload);
		t->bus_failed = t->bus_failed || rc == BC_EBUS;
		if (rc == BC_EAGAIN || rc == BC_EBUS)
			return;
		if (rc == BC_OK && bc_topic_split(topic, &parts) == BC_OK &&
		    bc_message_decode(payload, &m, t->levels, ANSWER_MAX_LEVELS) == BC_OK)
			top_table_take(t->table, &parts, &m, now);
	}
}

static void draw(struct top *t, struct top_screen screen)
{
	struct bc_text text = bc_text_on(t->screen, t->screen_cap);
	screen.title = t->exchange;
	screen.color = t->cli->color;
	screen.now = bc_mono_now();
	top_table_draw(t->table, &screen, &text);
}

/* One frame in one write, so that it does not flicker: home, each line and the rest of it, the rest
 * of the screen. */
static enum cli_status draw_live(struct top *t)
{
	struct winsize size = { .ws_row = 24, .ws_col = 80 };
	ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
	draw(t, (struct top_screen){ .lines = size.ws_row, .columns = size.ws_col, .live = true });
	struct bc_text out = bc_text_on(t->painted, 2 * t->screen_cap);
	bc_text_add(&out, BC_STR("\033[H"));
	for (const char *line = t->screen; *line != '\0';) {
		size_t n = strcspn(line, "\n");
		bc_text_add(&out, (bc_str){ line, n });
		bc_text_add(&out, BC_STR("\033[K"));
		line += n;
		if (*line == '\n') {
			bc_text_add(&out, BC_STR("\n"));
			line++;
		}
	}
	bc_text_add(&out, BC_STR("\033[J"));
	if (fwrite(out.p, 1, out.n, stdout) != out.n || fflush(stdout) != 0)
		return CLI_ERROR;
	return CLI_OK;
}

static enum cli_status follow(struct top *t)
{
	enum cli_status status = CLI_OK;
	bc_mono_time next = { 0 };
	fputs("\033[?1049h\033[?25l", stdout); /* the other screen, without a cursor */
	while (status == CLI_OK && cli_signal() == 0 && !t->bus_failed) {
		status = cli_sources_wait(&t->sources, DRAW_EVERY / BC_NS_PER_MS / 2);
		drain(t);
		bc_mono_time now = bc_mono_now();
		cli_sources_look(&t->sources, now, top_table_n_listed(t->table, now) == 0);
		if (status != CLI_OK || now.ns < next.ns)
			continue;
		next.ns = now.ns + DRAW_EVERY;
		status = draw_live(t);
	}
	fputs("\033[?25h\033[?1049l", stdout);
	return fflush(stdout) != 0 || t->bus_failed ? CLI_ERROR : status;
}

/* For programs: what is on the screen, as bbo messages. */
static void tell(struct top *t, bc_mono_time now)
{
	struct top_best best;
	for (size_t i = 0; top_table_row(t->table, i, now, &best); i++) {
		const struct bc_message m = { .envelope = { .channel = BC_CHANNEL_BBO },
					      .body.book = { &best.bid, &best.ask,
							     bc_decimal_known(best.bid.price),
							     bc_decimal_known(best.ask.price) } };
		const struct bc_message_view view = { .exchange = bc_str_of(t->exchange),
						      .symbol = best.symbol,
						      .no_envelope = true,
						      .with_state = true,
						      .state = best.state,
						      .with_reason = true,
						      .reason = best.reason,
						      .since = { BC_TIME_UNKNOWN } };
		t->cli->output->heard(t->cli, &m, &view);
	}
}

/* Waits until every listed symbol has a book, as long as --timeout says; prints what there is. */
static enum cli_status once(struct top *t)
{
	bc_mono_time now = bc_mono_now(), end = { now.ns + t->cli->timeout_ns };
	enum cli_status status = CLI_OK;
	bool whole = false;
	while (status == CLI_OK && !whole && now.ns < end.ns && cli_signal() == 0 &&
	       !t->bus_failed) {
		status = cli_sources_wait(&t->sources, 20);
		drain(t);
		now = bc_mono_now();
		size_t listed = top_table_n_listed(t->table, now);
		whole = listed > 0 && top_table_n_filled(t->table) >= listed;
	}
	if (status != CLI_OK || t->bus_failed)
		return CLI_ERROR;
	if (top_table_n_filled(t->table) == 0)
		return cli_complain(t->cli, CLI_NOT_FOUND, "no book of %s came in time",
				    t->exchange);
	if (bc_config_bool(t->cli->config, BC_KEY_JSON)) {
		tell(t, now);
	} else {
		draw(t, (struct top_screen){ .lines = 0 });
		fputs(t->screen, stdout);
	}
	if (fflush(stdout) != 0 || ferror(stdout))
		return CLI_ERROR;
	return whole && top_table_n_fit(t->table, now) == top_table_n_filled(t->table) ? CLI_OK
										       : CLI_UNFIT;
}

static enum cli_status start(struct top *t)
{
	char prefix[BC_TOPIC_MAX];
	const struct bc_sub_options options = { 0, 0 };
	int n = snprintf(prefix, sizeof prefix, "%s.", t->exchange);
	if (n < 0 || (size_t)n >= sizeof prefix || strchr(t->exchange, '.') != NULL)
		return cli_complain(t->cli, CLI_ERROR, "'%s' is not an exchange", t->exchange);
	enum cli_status status = cli_connect(t->cli);
	if (status != CLI_OK)
		return status;
	t->screen_cap = (MAX_ROWS + 8) * (size_t)BC_TOP_LINE_MAX;
	t->table = top_table_new(MAX_ROWS);
	t->levels = malloc(ANSWER_MAX_LEVELS * sizeof *t->levels);
	t->screen = malloc(t->screen_cap);
	t->painted = malloc(2 * t->screen_cap);
	if (t->table == NULL || t->levels == NULL || t->screen == NULL || t->painted == NULL ||
	    bc_sub_new(&t->sub, t->cli->zmq, &options) != BC_OK)
		return cli_complain(t->cli, CLI_ERROR, "%s", bc_status_text(BC_ENOMEM));
	if (bc_sub_prefix_add(t->sub, (bc_str){ prefix, (size_t)n }) != BC_OK)
		return cli_complain(t->cli, CLI_ERROR, "cannot subscribe");
	t->sources = (struct cli_sources){ t->cli, t->sub, is_exchange, t, { 0 } };
	return cli_sources_find(&t->sources);
}

static enum cli_status run_top(struct cli *cli)
{
	struct top t = { .cli = cli, .exchange = cli->args[0] };
	enum cli_status status = start(&t);
	if (status == CLI_OK) {
		cli_signals_catch();
		bool live = cli_flag(cli, "once") == NULL && isatty(STDOUT_FILENO) &&
			    !bc_config_bool(cli->config, BC_KEY_JSON);
		status = live ? follow(&t) : once(&t);
	}
	bc_sub_free(&t.sub);
	top_table_free(&t.table);
	free(t.levels);
	free(t.screen);
	free(t.painted);
	return status;
}

static struct bc_verb_flag flags[] = {
	{ "once", NULL, "print the books once and end; so it does in a pipe", NULL },
};

const struct cli_verb cli_verb_top = {
	.name = "top",
	.arguments = "EXCHANGE",
	.purpose = "the best prices of every symbol, live on the whole screen, until Ctrl-C",
	.examples = "  bookcast top upbit\n"
		    "  bookcast top upbit --once\n"
		    "  bookcast top upbit --json | jq .bids\n",
	.min_args = 1,
	.max_args = 1,
	.flags = flags,
	.n_flags = sizeof flags / sizeof *flags,
	.run = run_top,
};
