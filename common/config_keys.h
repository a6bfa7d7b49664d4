/* config_keys.h - config.def as an array, for the parts of the configuration and for the pages
 * made from it. Programs read config.h instead. */
#ifndef BC_CONFIG_KEYS_H
#define BC_CONFIG_KEYS_H

#include "common/config.h"

enum bc_type {
	BC_TYPE_TEXT,
	BC_TYPE_WORD,
	BC_TYPE_INT,
	BC_TYPE_BOOL,
	BC_TYPE_DURATION,
	BC_TYPE_LIST
};
enum bc_changes { BC_CHANGES_RESTART, BC_CHANGES_RUNTIME };

struct bc_key_row {
	const char *id, *key;
	enum bc_type type;
	unsigned programs; /* enum bc_program, OR-ed */
	const char *flag, *fallback;
	int64_t min, max; /* 0, 0: not bounded */
	enum bc_changes changes;
	const char *unit; /* WORD: the words, "a|b|c" */
	const char *help;
};

extern const struct bc_key_row bc_keys[BC_N_KEYS];

struct bc_program_row {
	enum bc_program program;
	const char *name, *purpose, *examples;
};
extern const struct bc_program_row bc_programs[];
extern const size_t bc_n_programs;
const struct bc_program_row *bc_program_row(enum bc_program program);

int bc_key_find(const char *key); /* enum bc_key, or -1 */

#define BC_ENV_NAME_MAX 64
void bc_key_env_name(const struct bc_key_row *row, char out[BC_ENV_NAME_MAX]);

const char *bc_type_placeholder(const struct bc_key_row *row); /* "TIME", "N", "a|b|c" */
/* "from 1 to 1000"; "" where there is no bound. */
#define BC_BOUNDS_MAX 96
void bc_key_bounds(const struct bc_key_row *row, char out[BC_BOUNDS_MAX]);
/* An example of a setting that has no default. */
const char *bc_key_example(enum bc_key key);

/* Keys by what they are about: "feed" and its title; the first one has the keys without a dot. */
struct bc_key_group {
	const char *prefix, *title;
};
extern const struct bc_key_group bc_key_groups[];
extern const size_t bc_n_key_groups;
const struct bc_key_group *bc_key_group(const struct bc_key_row *row);

#endif
