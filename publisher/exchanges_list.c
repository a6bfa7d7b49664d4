/* exchanges_list.c - bookcast-exchanges: what each adapter offers, as it declares it. */
#include "common/json_writer.h"
#include "common/version.h"
#include "publisher/exchanges/exchange.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] = "usage: bookcast exchanges [--json]\n"
			    "Lists the exchanges a gateway can hold.\n";

/* Calls with each channel word, candles by interval: "candle-1m". Where there is a book there is a
 * bbo, if need be made from it. */
static void each_channel(const struct bc_exchange *x, void (*call)(void *self, const char *word),
			 void *self)
{
	char word[32];
	uint32_t channels = x->channels;

	if ((channels & BC_CHANNEL_BIT(BC_CHANNEL_BOOK)) != 0)
		channels |= BC_CHANNEL_BIT(BC_CHANNEL_BBO);
	for (unsigned c = 0; c < BC_N_CHANNELS; c++) {
		if ((channels & BC_CHANNEL_BIT(c)) == 0)
			continue;
		if (c != BC_CHANNEL_CANDLE) {
			call(self, bc_channel_word(c));
			continue;
		}
		for (unsigned i = 0; i < BC_N_INTERVALS; i++) {
			if ((x->intervals >> i & 1) == 0)
				continue;
			snprintf(word, sizeof word, "candle-%s", bc_interval_word(i));
			call(self, word);
		}
	}
}

static void word_to_json(void *self, const char *word)
{
	bc_json_string(self, bc_str_of(word));
}

/* Candles have a row of their own. */
static void word_to_row(void *self, const char *word)
{
	(void)self;
	if (strchr(word, '-') == NULL)
		printf(" %s", word);
}

static bc_status print_json(const struct bc_exchange *x)
{
	char buffer[4096];
	struct bc_json_writer w;

	bc_json_start(&w, buffer, sizeof buffer, bc_json_to_file, stdout);
	bc_json_object(&w);
	bc_json_put_text(&w, "id", x->id);
	bc_json_put_text(&w, "title", x->title);
	bc_json_put_array(&w, "channels");
	each_channel(x, word_to_json, &w);
	bc_json_array_end(&w);
	bc_json_put_uint(&w, "levels", x->max_levels);
	bc_json_put_text(&w, "ws_url", x->ws_url);
	bc_json_put_text(&w, "rest_url", x->rest_url);
	bc_json_put_text(&w, "example_symbols", x->example_symbols);
	bc_json_put_text(&w, "canary", x->canary);
	bc_json_object_end(&w);
	return bc_json_end(&w, "\n");
}

static void print_rows(const struct bc_exchange *x)
{
	printf("%-14s %s\n", x->id, x->title);
	printf("%14s symbols   %s\n", "", x->example_symbols);
	printf("%14s channels ", "");
	each_channel(x, word_to_row, NULL);
	printf("\n%14s candles  ", "");
	for (unsigned i = 0; i < BC_N_INTERVALS; i++)
		if ((x->intervals >> i & 1) != 0)
			printf(" %s", bc_interval_word(i));
	printf("\n%14s levels    %u a side\n", "", x->max_levels);
	printf("%14s urls      %s  %s\n", "", x->ws_url, x->rest_url);
}

int main(int argc, char **argv)
{
	bool json = argc == 2 && strcmp(argv[1], "--json") == 0;

	if (argc == 2 && strcmp(argv[1], "--help") == 0)
		return fputs(usage, stdout) == EOF ? EXIT_FAILURE : EXIT_SUCCESS;
	if (argc == 2 && strcmp(argv[1], "--version") == 0)
		return printf("bookcast-exchanges %s (%s)\n", bc_version, bc_version_git) < 0
			       ? EXIT_FAILURE
			       : EXIT_SUCCESS;
	if (argc > 1 && !json) {
		fputs(usage, stderr);
		return EXIT_FAILURE;
	}
	for (size_t i = 0; bc_exchanges[i] != NULL; i++) {
		if (!json)
			print_rows(bc_exchanges[i]);
		else if (print_json(bc_exchanges[i]) != BC_OK)
			return EXIT_FAILURE;
	}
	if (fflush(stdout) != 0) {
		perror("bookcast-exchanges: standard output");
		return EXIT_FAILURE;
	}
	return EXIT_SUCCESS;
}
