#include "common/config_keys.h"

#include "common/text.h"

#include <ctype.h>
#include <string.h>

const struct bc_key_row bc_keys[BC_N_KEYS] = {
#define BC_KEY(id, key, type, programs, flag, fallback, min, max, changes, unit, help) \
	[BC_KEY_##id] = { #id, key, BC_TYPE_##type,       programs, flag, fallback,    \
			  min, max, BC_CHANGES_##changes, unit,     help },
#include "common/config.def"
#undef BC_KEY
};

const struct bc_program_row bc_programs[] = {
	{ BC_GATEWAY, "bookcast-gateway",
	  "holds an exchange's feed and publishes its books on the bus",
	  "  bookcast-gateway --exchange upbit --symbols KRW-BTC,KRW-ETH\n"
	  "  bookcast-gateway --exchange upbit --symbols 'KRW-*' --metrics 127.0.0.1:9100\n"
	  "  bookcast-gateway --config upbit.yaml --check\n" },
	{ BC_CACHE, "bookcast-cache", "answers what every book is now, how old and how true",
	  "  bookcast-cache\n"
	  "  bookcast-cache --run-dir /run/bookcast --metrics 127.0.0.1:9101\n"
	  "  bookcast-cache --gateways tcp://10.0.0.5:7001,tcp://10.0.0.6:7001\n" },
	{ BC_CLI, "bookcast", "asks the cache and follows the bus",
	  "  bookcast get upbit KRW-BTC\n" },
};
const size_t bc_n_programs = sizeof bc_programs / sizeof *bc_programs;

const struct bc_program_row *bc_program_row(enum bc_program program)
{
	const struct bc_program_row *row = bc_programs;
	while (row->program != program)
		row++;
	return row;
}

const struct bc_key_group bc_key_groups[] = {
	{ "", "What, and where" },   { "shard", "Shards" },        { "feed", "Feed" },
	{ "book", "Books" },         { "rest", "REST requests" },  { "history", "History" },
	{ "publish", "Publishing" }, { "heartbeat", "Heartbeat" }, { "bus", "Bus" },
	{ "cache", "Cache" },        { "metrics", "Metrics" },     { "log", "Log" },
	{ "cli", "Output" },
};
const size_t bc_n_key_groups = sizeof bc_key_groups / sizeof *bc_key_groups;

const struct bc_key_group *bc_key_group(const struct bc_key_row *row)
{
	const char *dot = strchr(row->key, '.');
	bc_str prefix = { row->key, dot != NULL ? (size_t)(dot - row->key) : 0 };
	for (size_t i = 0; i < bc_n_key_groups; i++)
		if (bc_str_is(prefix, bc_key_groups[i].prefix))
			return &bc_key_groups[i];
	return &bc_key_groups[0];
}

int bc_key_find(const char *key)
{
	for (int i = 0; i < BC_N_KEYS; i++)
		if (strcmp(bc_keys[i].key, key) == 0)
			return i;
	return -1;
}

void bc_key_env_name(const struct bc_key_row *row, char out[BC_ENV_NAME_MAX])
{
	struct bc_text t = bc_text_on(out, BC_ENV_NAME_MAX);
	bc_text_add(&t, BC_STR("BOOKCAST_"));
	for (const char *p = row->key; *p; p++)
		bc_text_addf(&t, *p == '.' ? "__" : "%c", toupper((unsigned char)*p));
}

const char *bc_type_placeholder(const struct bc_key_row *row)
{
	static const char *const words[] = {
		[BC_TYPE_TEXT] = "TEXT",       [BC_TYPE_INT] = "N",
		[BC_TYPE_BOOL] = "true|false", [BC_TYPE_DURATION] = "TIME",
		[BC_TYPE_LIST] = "A,B,...",
	};
	return row->type == BC_TYPE_WORD ? row->unit : words[row->type];
}

void bc_key_bounds(const struct bc_key_row *row, char out[BC_BOUNDS_MAX])
{
	char min[BC_DURATION_TEXT_MAX], max[BC_DURATION_TEXT_MAX];
	struct bc_text t = bc_text_on(out, BC_BOUNDS_MAX);
	if (row->min == 0 && row->max == 0)
		return;
	if (row->type == BC_TYPE_DURATION) {
		bc_duration_format(row->min, min);
		bc_duration_format(row->max, max);
		bc_text_addf(&t, "from %s to %s", min, max);
	} else {
		bc_text_addf(&t, "from %lld to %lld", (long long)row->min, (long long)row->max);
	}
}

const char *bc_key_example(enum bc_key key)
{
	static const struct {
		enum bc_key key;
		const char *example;
	} examples[] = { { BC_KEY_EXCHANGE, "upbit" }, { BC_KEY_SYMBOLS, "KRW-BTC,KRW-ETH" } };
	for (size_t i = 0; i < sizeof examples / sizeof *examples; i++)
		if (examples[i].key == key)
			return examples[i].example;
	return bc_keys[key].fallback != NULL ? bc_keys[key].fallback : "...";
}
