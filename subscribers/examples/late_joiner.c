/* late_joiner.c - joins in mid-stream: how it stands now, then every change, and what was missed.
 *
 *   cc late_joiner.c $(pkg-config --cflags --libs bookcast) -o late_joiner
 *   ./late_joiner upbit KRW-BTC 20          ends after 20 messages */
#include <bookcast.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static const char *const sources[] = { "gateway", "cache", "here" };

static void print(const bookcast_message *m)
{
	char price[BOOKCAST_DECIMAL_MAX] = "-", quantity[BOOKCAST_DECIMAL_MAX] = "-";
	if (m->channel == BOOKCAST_BOOK && m->body.book.n_bids > 0) {
		bookcast_decimal_text(m->body.book.bids[0].price, price);
		bookcast_decimal_text(m->body.book.bids[0].quantity, quantity);
	}
	printf("%s #%" PRIu64 " from %s, %s: best bid %s x %s\n", m->topic, m->seq,
	       sources[m->source], bookcast_state_word(m->state), price, quantity);
	if (m->n_lost > 0)
		printf("  %" PRIu64 " messages before it were lost\n", m->n_lost);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	const bookcast_message *m;
	char *end = NULL;
	long left = argc == 4 ? strtol(argv[3], &end, 10) : 0;
	if (left <= 0 || *end != '\0') {
		fprintf(stderr, "usage: %s EXCHANGE SYMBOL MESSAGES\n", argv[0]);
		return EXIT_FAILURE;
	}
	bookcast *bus = bookcast_connect(NULL);
	if (bus == NULL) {
		perror("bookcast_connect");
		return EXIT_FAILURE;
	}
	/* Without a subscription: one question to the cache. */
	int rc = bookcast_latest(bus, argv[1], argv[2], "book", &m);
	if (rc == BOOKCAST_OK)
		print(m);
	else
		printf("not yet: %s\n", bookcast_error(bus));

	rc = bookcast_subscribe(bus, argv[1], argv[2], "book");
	while (rc >= 0 && left > 0) {
		rc = bookcast_recv(bus, 1000, &m);
		if (rc == BOOKCAST_MESSAGE) {
			print(m);
			left--;
		}
	}
	bookcast_counters counters;
	bookcast_stats(bus, &counters, sizeof counters);
	printf("%" PRIu64 " lost in %" PRIu64 " gaps, %" PRIu64 " of them repaired\n",
	       counters.lost, counters.gaps, counters.repaired);
	if (rc < 0)
		fprintf(stderr, "%s\n", bookcast_error(bus));
	bookcast_close(&bus);
	return rc < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
