#include "subscribers/cli/watch_filter.h"

#include "subscribers/cli/topics.h"

#include <fnmatch.h>
#include <string.h>

static enum cli_status too_long(const struct cli *cli, const char *argument)
{
	return cli_complain(cli, CLI_ERROR, "'%.40s...': longer than a topic may be", argument);
}

/* "exchange.symbol[.channel]" without a pattern. */
static enum cli_status read_name(struct cli *cli, const char *argument, struct watch_filter *out)
{
	char symbol[BC_TOPIC_MAX + 1];
	const char *dot = strchr(argument, '.'), *last = strrchr(argument, '.');
	const bc_str exchange = { argument, (size_t)(dot - argument) };
	bool channel = last != dot && bc_channel_of(bc_str_of(last + 1)) >= 0;
	const bc_str name = { dot + 1, channel ? (size_t)(last - dot - 1) : strlen(dot + 1) };
	enum cli_status status = native_symbol(cli, exchange, name, symbol);
	if (status != CLI_OK)
		return status;
	int n = snprintf(out->text, sizeof out->text, "%.*s.%s.%s", (int)exchange.n, exchange.p,
			 symbol, channel ? last + 1 : "");
	out->kind = channel ? FILTER_TOPIC : FILTER_PREFIX;
	return n <= BC_TOPIC_MAX ? CLI_OK : too_long(cli, argument);
}

enum cli_status watch_filter_read(struct cli *cli, const char *argument, struct watch_filter *out)
{
	size_t n = strlen(argument);
	*out = (struct watch_filter){ .kind = FILTER_PREFIX,
				      .own_topics = strchr(argument, '@') != NULL };
	if (n > BC_TOPIC_MAX)
		return too_long(cli, argument);
	if (n == 0 || argument[0] == '.')
		return cli_complain(cli, CLI_ERROR,
				    "'%s': must begin with an exchange, such as upbit.KRW-BTC.book",
				    argument);
	memcpy(out->text, argument, n + 1);
	if (is_pattern(argument)) {
		out->kind = FILTER_PATTERN;
		return CLI_OK;
	}
	if (strchr(argument, '.') == NULL) {
		strcat(out->text, ".");
		return CLI_OK;
	}
	return argument[n - 1] == '.' ? CLI_OK : read_name(cli, argument, out);
}

bc_str watch_filter_subscription(const struct watch_filter *f)
{
	return f->kind == FILTER_PATTERN ? pattern_prefix(f->text) : bc_str_of(f->text);
}

bc_str watch_filter_exchange(const struct watch_filter *f)
{
	bc_str fixed = watch_filter_subscription(f);
	const char *dot = memchr(fixed.p, '.', fixed.n);
	return dot != NULL ? (bc_str){ fixed.p, (size_t)(dot - fixed.p) } : BC_STR("");
}

static bool matches(const char *pattern, bc_str text)
{
	char copy[BC_TOPIC_MAX + 1];
	memcpy(copy, text.p, text.n);
	copy[text.n] = '\0';
	return fnmatch(pattern, copy, 0) == 0;
}

bool watch_filter_shows(const struct watch_filter *f, bc_str topic, const struct bc_topic *parts)
{
	if (parts->symbol.p[0] == '@' && !f->own_topics)
		return false;
	if (f->kind == FILTER_TOPIC)
		return bc_str_is(topic, f->text);
	if (f->kind == FILTER_PREFIX)
		return bc_str_starts(topic, bc_str_of(f->text));
	bc_str name = { topic.p, topic.n - parts->channel.n - 1 };
	return matches(f->text, topic) || matches(f->text, name);
}
