/* slow_probe - a subscriber that is as slow as it is told, on libbookcast alone, and keeps books of
 * what it heard. Used by tests/integration/slow_test.py.
 *
 *   slow_probe CACHE-ENDPOINT all|latest TOPIC...
 *
 * A line on stdin is a command: "pace N" sleeps N ms after each message from now on; "audit" prints
 * a line for each topic, and one for their sum ("-"):
 *
 *   topic first_seq last_seq state n_messages sum_lost sum_replaced sum_unfit broken behind
 *         published received lost conflated redundant waiting
 *
 * broken: messages whose number is not the one before + n_lost + n_replaced + 1, of one gateway;
 * behind: messages, but trades and candles, that were not the newest that had arrived. */
#include "subscribers/libbookcast/include/bookcast.h"

#include <inttypes.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { MAX_TOPICS = 64, NAME_MAX_BYTES = 128 };

struct heard {
	char text[NAME_MAX_BYTES];
	const char *exchange, *symbol, *channel; /* in parts[] */
	char parts[NAME_MAX_BYTES];
	uint64_t first, last, epoch, n, n_lost, n_replaced, n_unfit, broken, behind;
	int state;
};

struct probe {
	bookcast *bus;
	struct heard topics[MAX_TOPICS];
	int n_topics;
	bool latest;
	long pace_ms;
};

static void split(struct heard *h, const char *topic)
{
	snprintf(h->text, sizeof h->text, "%s", topic);
	snprintf(h->parts, sizeof h->parts, "%s", topic);
	char *first = strchr(h->parts, '.'), *last = strrchr(h->parts, '.');
	*first = *last = '\0';
	h->exchange = h->parts;
	h->symbol = first + 1;
	h->channel = last + 1;
}

static struct heard *find(struct probe *p, const char *topic)
{
	for (int i = 0; i < p->n_topics; i++)
		if (strcmp(p->topics[i].text, topic) == 0)
			return &p->topics[i];
	abort();
}

static void note(struct probe *p, const bookcast_message *m)
{
	struct heard *h = find(p, m->topic);
	const uint64_t seq = m->seq;
	h->state = m->state;
	h->n_unfit += m->n_unfit;
	if (m->source == BOOKCAST_FROM_HERE)
		return;
	if (h->n == 0 && m->source == BOOKCAST_FROM_CACHE)
		return; /* from before the stream */
	if (h->n++ == 0)
		h->first = seq - m->n_lost - m->n_replaced; /* it stands for these, too */
	else if (m->epoch == h->epoch)
		h->broken += seq != h->last + m->n_lost + m->n_replaced + 1;
	h->epoch = m->epoch;
	h->last = seq;
	h->n_lost += m->n_lost;
	h->n_replaced += m->n_replaced;
	if (!p->latest || m->channel == BOOKCAST_TRADE || m->channel == BOOKCAST_CANDLE)
		return;
	if (bookcast_latest(p->bus, h->exchange, h->symbol, h->channel, &m) == BOOKCAST_OK)
		h->behind += m->seq != seq;
}

static void print_account(const struct probe *p, const struct heard *h)
{
	bookcast_account a;
	if (bookcast_audit(p->bus, h == NULL ? NULL : h->exchange, h == NULL ? NULL : h->symbol,
			   h == NULL ? NULL : h->channel, &a, sizeof a) != BOOKCAST_OK)
		abort();
	printf(" %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64 "\n",
	       a.published, a.received, a.lost, a.conflated, a.redundant, a.waiting);
}

static void audit(const struct probe *p)
{
	struct heard sum = { .text = "-" };
	for (int i = 0; i <= p->n_topics; i++) {
		const struct heard *h = i < p->n_topics ? &p->topics[i] : &sum;
		printf("%s %" PRIu64 " %" PRIu64 " %s %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64
		       " %" PRIu64 " %" PRIu64,
		       h->text, h->first, h->last, bookcast_state_word(h->state), h->n, h->n_lost,
		       h->n_replaced, h->n_unfit, h->broken, h->behind);
		print_account(p, h == &sum ? NULL : h);
		sum.n += h->n;
		sum.n_lost += h->n_lost;
		sum.n_replaced += h->n_replaced;
		sum.broken += h->broken;
		sum.behind += h->behind;
	}
	fflush(stdout);
}

static bool obey(struct probe *p)
{
	char line[64];
	if (fgets(line, sizeof line, stdin) == NULL)
		return false;
	if (strncmp(line, "pace ", 5) == 0)
		p->pace_ms = strtol(line + 5, NULL, 10);
	else
		audit(p);
	return true;
}

static void listen(struct probe *p)
{
	struct pollfd fds[2] = { { 0, POLLIN, 0 }, { bookcast_fd(p->bus), POLLIN, 0 } };
	const bookcast_message *m;
	for (;;) {
		int rc = bookcast_recv(p->bus, 0, &m);
		if (rc < 0)
			abort();
		if (rc == BOOKCAST_MESSAGE)
			note(p, m);
		const struct timespec pace = { p->pace_ms / 1000, p->pace_ms % 1000 * 1000000 };
		if (rc == BOOKCAST_MESSAGE && p->pace_ms > 0)
			nanosleep(&pace, NULL);
		if (poll(fds, 2, rc == BOOKCAST_MESSAGE ? 0 : -1) > 0 && fds[0].revents != 0 &&
		    !obey(p))
			return;
	}
}

int main(int argc, char **argv)
{
	static struct probe p;
	if (argc < 4 || argc - 3 > MAX_TOPICS || (p.bus = bookcast_connect(argv[1])) == NULL)
		return 1;
	setvbuf(stdin, NULL, _IONBF, 0); /* what it held back, poll() would not tell */
	p.latest = strcmp(argv[2], "latest") == 0;
	if (bookcast_policy(p.bus, p.latest ? BOOKCAST_LATEST : BOOKCAST_ALL) != BOOKCAST_OK)
		return 1;
	for (; p.n_topics < argc - 3; p.n_topics++) {
		struct heard *h = &p.topics[p.n_topics];
		split(h, argv[3 + p.n_topics]);
		if (bookcast_subscribe(p.bus, h->exchange, h->symbol, h->channel) != BOOKCAST_OK)
			return 1;
	}
	listen(&p);
	bookcast_close(&p.bus);
	return 0;
}
