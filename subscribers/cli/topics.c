#include "subscribers/cli/topics.h"

#include "common/text.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

bool is_pattern(const char *text)
{
	return strpbrk(text, "*?[") != NULL;
}

bc_str pattern_prefix(const char *pattern)
{
	return (bc_str){ pattern, strcspn(pattern, "*?[\\") };
}

enum cli_status check_channel(const struct cli *cli, const char *word)
{
	const char *known[BC_N_CHANNELS];
	size_t n = 0;
	int channel = bc_channel_of(bc_str_of(word));
	if (channel >= 0 && channel != BC_CHANNEL_DELTA)
		return CLI_OK;
	for (unsigned c = 0; c < BC_N_CHANNELS; c++)
		if (c != BC_CHANNEL_DELTA)
			known[n++] = c == BC_CHANNEL_CANDLE ? "candle-1m" : bc_channel_word(c);
	const char *near = bc_text_nearest(word, known, n);
	return cli_complain(cli, CLI_ERROR,
			    "--channel: '%s': must be book, bbo, trade, ticker, candle-<interval>, "
			    "instrument or state%s%s%s",
			    word, near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

enum cli_status split_name(const struct cli *cli, const char *text, bc_str *exchange,
			   bc_str *symbol)
{
	const char *dot = strchr(text, '.');
	if (dot == NULL || dot == text || dot[1] == '\0')
		return cli_complain(cli, CLI_ERROR,
				    "'%s': must be EXCHANGE SYMBOL, such as upbit KRW-BTC, or "
				    "EXCHANGE.PATTERN, such as 'upbit.KRW-*'",
				    text);
	*exchange = (bc_str){ text, (size_t)(dot - text) };
	*symbol = bc_str_of(dot + 1);
	return CLI_OK;
}

enum cli_status native_symbol(struct cli *cli, bc_str exchange, bc_str name, char *out)
{
	struct bc_rpc_reply reply;
	const bc_str args[] = { exchange, name };
	bc_str native = name;
	if (memchr(name.p, '/', name.n) != NULL) {
		enum cli_status status = cli_ask(cli, "RESOLVE", args, 2, &reply);
		if (status != CLI_OK)
			return status;
		if (reply.n_answers != 2 || !bc_str_is(reply.answers[0], "200"))
			return cli_complain(cli, CLI_NOT_FOUND,
					    "%.*s has no instrument %.*s, or its gateway has not "
					    "said so yet; `bookcast list %.*s` shows what there is",
					    (int)exchange.n, exchange.p, (int)name.n, name.p,
					    (int)exchange.n, exchange.p);
		native = reply.answers[1];
	}
	if (native.n > BC_TOPIC_MAX)
		return cli_complain(cli, CLI_ERROR, "'%.*s...': too long for a symbol", 40,
				    native.p);
	memcpy(out, native.p, native.n);
	out[native.n] = '\0';
	return CLI_OK;
}

enum cli_status make_topic(const struct cli *cli, bc_str exchange, bc_str symbol,
			   const char *channel, char *out)
{
	struct bc_topic topic;
	int n = snprintf(out, BC_TOPIC_MAX + 1, "%.*s.%.*s.%s", (int)exchange.n, exchange.p,
			 (int)symbol.n, symbol.p, channel);
	if (n > 0 && n <= BC_TOPIC_MAX &&
	    bc_topic_split((bc_str){ out, (size_t)n }, &topic) == BC_OK &&
	    bc_str_equal(topic.exchange, exchange))
		return CLI_OK;
	return cli_complain(cli, CLI_ERROR, "'%.*s' '%.*s': not an exchange and a symbol",
			    (int)exchange.n, exchange.p, (int)(symbol.n < 80 ? symbol.n : 80),
			    symbol.p);
}

enum cli_status native_topic(struct cli *cli, bc_str exchange, bc_str name, const char *channel,
			     char *symbol, char *topic)
{
	enum cli_status status = native_symbol(cli, exchange, name, symbol);
	if (status == CLI_OK)
		status = make_topic(cli, exchange, bc_str_of(symbol), channel, topic);
	return status;
}

/* The symbols that are there, each once. The names point into the copy the caller frees. */
static size_t symbols_of(const struct bc_rpc_reply *reply, char *copy, size_t cap,
			 const char **names, size_t max)
{
	size_t n = 0, used = 0;
	for (size_t i = 0; i < reply->n_answers && n < max; i++) {
		struct bc_topic t;
		if (bc_topic_split(reply->answers[i], &t) != BC_OK || t.symbol.p[0] == '@' ||
		    used + t.symbol.n + 1 > cap)
			continue;
		if (n > 0 && bc_str_is(t.symbol, names[n - 1]))
			continue;
		memcpy(copy + used, t.symbol.p, t.symbol.n);
		copy[used + t.symbol.n] = '\0';
		names[n++] = copy + used;
		used += t.symbol.n + 1;
	}
	return n;
}

enum cli_status tell_not_served(struct cli *cli, bc_str exchange, const char *symbol,
				const char *channel)
{
	enum { MAX_NAMES = 5000, MAX_BYTES = 1 << 17 };
	char prefix[BC_TOPIC_MAX + 2];
	struct bc_rpc_reply reply;
	const char **names = calloc(MAX_NAMES, sizeof *names);
	char *copy = malloc(MAX_BYTES);
	int n = snprintf(prefix, sizeof prefix, "%.*s.", (int)exchange.n, exchange.p);
	const bc_str arg = { prefix, (size_t)n };
	size_t n_names = 0;
	if (names != NULL && copy != NULL && cli_ask(cli, "LIST", &arg, 1, &reply) == CLI_OK)
		n_names = symbols_of(&reply, copy, MAX_BYTES, names, MAX_NAMES);
	const char *near = NULL;
	for (size_t i = 0; i < n_names && near == NULL; i++)
		near = strcasecmp(names[i], symbol) == 0 ? names[i] : NULL;
	if (near == NULL)
		near = bc_text_nearest(symbol, names, n_names);
	if (n_names == 0)
		cli_complain(
			cli, CLI_NOT_FOUND,
			"nobody serves the exchange %.*s; `bookcast gateways` shows who is there",
			(int)exchange.n, exchange.p);
	else if (near != NULL && strcmp(near, symbol) == 0)
		cli_complain(cli, CLI_NOT_FOUND,
			     "%.*s %s has no %s; `bookcast list %.*s` shows what "
			     "is published",
			     (int)exchange.n, exchange.p, symbol, channel, (int)exchange.n,
			     exchange.p);
	else
		cli_complain(cli, CLI_NOT_FOUND, "nobody serves %.*s %s%s%s%s", (int)exchange.n,
			     exchange.p, symbol, near ? "; did you mean " : "", near ? near : "",
			     near ? "?" : "");
	free(names);
	free(copy);
	return CLI_NOT_FOUND;
}
