/* truth_log.c - every change of every book in a file, so that each message can be held against the
 * book as it was at its number. A line of numbers a change:
 *
 *   S symbol-index price_exp qty_exp tick NAME      first, one a symbol
 *   index number time_ns b|a price quantity         then: price in ticks, quantity 0 deletes
 *
 * The levels at the start are changes, too. The number is the exchange's own id of the book, or,
 * where it has none, the count of changes. */
#include "publisher/simulator/sim_internal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static void write_change(const struct sim *sim, size_t symbol, enum market_side side, int64_t price,
			 int64_t quantity)
{
	const struct market *m = sim->market;
	uint64_t number =
		sim->face->book_id != NULL ? sim->face->book_id(m, symbol) : market_seq(m, symbol);

	fprintf(sim->truth_log, "%zu %llu %lld %c %lld %lld\n", symbol, (unsigned long long)number,
		(long long)market_changed(m, symbol).ns, side == MARKET_BID ? 'b' : 'a',
		(long long)price, (long long)quantity);
}

static void on_level(void *self, size_t symbol, enum market_side side, int64_t price,
		     int64_t quantity)
{
	write_change(self, symbol, side, price, quantity);
}

static void write_book(const struct sim *sim, size_t symbol)
{
	const struct market_spec *spec = market_spec(sim->market, symbol);

	fprintf(sim->truth_log, "S %zu %d %d %lld %s\n", symbol, spec->price_exp, spec->qty_exp,
		(long long)spec->tick, spec->name);
	for (int side = MARKET_BID; side <= MARKET_ASK; side++) {
		size_t n = market_depth(sim->market, symbol, (enum market_side)side);

		for (size_t k = 0; k < n; k++) {
			int64_t price, quantity;

			market_raw_level(sim->market, symbol, (enum market_side)side, k, &price,
					 &quantity);
			write_change(sim, symbol, (enum market_side)side, price, quantity);
		}
	}
}

bc_status sim_truth_log_open(struct sim *sim, char *why, size_t cap)
{
	const char *path = sim->options.truth_log;

	if (sim->market == NULL) {
		snprintf(why, cap, "--truth-log: a capture knows no true books");
		return BC_EINVAL;
	}
	sim->truth_log = fopen(path, "we");
	if (sim->truth_log == NULL) {
		snprintf(why, cap, "--truth-log %s: %s", path, strerror(errno));
		return BC_EINVAL;
	}
	for (size_t i = 0; i < market_n_symbols(sim->market); i++)
		write_book(sim, i);
	market_listen(sim->market, (struct market_listener){ .self = sim, .level = on_level });
	return BC_OK;
}

void sim_truth_log_turn(struct sim *sim)
{
	if (sim->truth_log != NULL)
		fflush(sim->truth_log);
}

void sim_truth_log_close(struct sim *sim)
{
	bool good;

	if (sim->truth_log == NULL)
		return;
	good = ferror(sim->truth_log) == 0;
	if (fclose(sim->truth_log) != 0 || !good)
		fprintf(stderr, "bookcast-sim: --truth-log %s: not all of it could be written\n",
			sim->options.truth_log);
	sim->truth_log = NULL;
}
