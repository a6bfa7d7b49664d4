/* topics.h - from what a person writes to topics: names of two kinds, patterns, channels.
 *
 * An exchange's own spelling is taken as it stands. A name with a '/' (BTC/KRW) is the unified one:
 * the cache knows it from the instrument topics and says whose spelling it is (RESOLVE). */
#ifndef CLI_TOPICS_H
#define CLI_TOPICS_H

#include "subscribers/cli/cli.h"

/* Does it hold a shell pattern's '*', '?' or '['? */
bool is_pattern(const char *text);
/* What stands before the first of them. */
bc_str pattern_prefix(const char *pattern);

/* CLI_ERROR, and told, if it is no channel: "book", "candle-1m". */
enum cli_status check_channel(const struct cli *cli, const char *word);

/* Splits "upbit.KRW-BTC" at its first dot. CLI_ERROR, and told, if it has none. */
enum cli_status split_name(const struct cli *cli, const char *text, bc_str *exchange,
			   bc_str *symbol);

/* The exchange's own spelling of `name`, asking the cache for a unified one; room for
 * BC_TOPIC_MAX + 1 in out. CLI_NOT_FOUND, and told, if nobody has it. */
enum cli_status native_symbol(struct cli *cli, bc_str exchange, bc_str name, char *out);

/* "exchange.symbol.channel" into out[BC_TOPIC_MAX + 1]; CLI_ERROR, and told, if that is no topic.
 */
enum cli_status make_topic(const struct cli *cli, bc_str exchange, bc_str symbol,
			   const char *channel, char *out);

/* Both of them: the symbol and its topic. */
enum cli_status native_topic(struct cli *cli, bc_str exchange, bc_str name, const char *channel,
			     char *symbol, char *topic);

/* Says that nobody serves it, and what was perhaps meant. Returns CLI_NOT_FOUND. */
enum cli_status tell_not_served(struct cli *cli, bc_str exchange, const char *symbol,
				const char *channel);

#endif
