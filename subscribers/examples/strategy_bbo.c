/* strategy_bbo.c - follows the best bid and ask of one symbol and acts only on what is true.
 *
 *   cc strategy_bbo.c $(pkg-config --cflags --libs bookcast) -o strategy_bbo
 *   ./strategy_bbo upbit KRW-BTC            or BTC/KRW */
#include <bookcast.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
	(void)number;
	stop = 1;
}

/* Your idea goes here. Prices are exact; double is for thinking, never for the order. */
static void decide(const bookcast_book *book)
{
	char bid[BOOKCAST_DECIMAL_MAX], ask[BOOKCAST_DECIMAL_MAX];
	if (book->n_bids == 0 || book->n_asks == 0)
		return;
	double spread = bookcast_decimal_double(book->asks[0].price) -
			bookcast_decimal_double(book->bids[0].price);
	printf("%s / %s  spread %g\n", bookcast_decimal_text(book->bids[0].price, bid),
	       bookcast_decimal_text(book->asks[0].price, ask), spread);
}

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: %s EXCHANGE SYMBOL\n", argv[0]);
		return EXIT_FAILURE;
	}
	bookcast *bus = bookcast_connect(NULL);
	if (bus == NULL) {
		perror("bookcast_connect");
		return EXIT_FAILURE;
	}
	int rc = bookcast_subscribe(bus, argv[1], argv[2], "bbo");
	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	while (rc >= 0 && !stop) {
		const bookcast_message *m;
		rc = bookcast_recv(bus, 1000, &m);
		if (rc != BOOKCAST_MESSAGE)
			continue;
		/* Fit now, and known to be true within the last two seconds? */
		if (bookcast_fit(bus, m->exchange, m->symbol, "bbo", 2000))
			decide(&m->body.book);
		else
			printf("hands off: %s (%s)\n", bookcast_state_word(m->state),
			       bookcast_reason_word(m->reason));
		fflush(stdout);
	}
	if (rc < 0)
		fprintf(stderr, "%s\n", bookcast_error(bus));
	bookcast_close(&bus);
	return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
