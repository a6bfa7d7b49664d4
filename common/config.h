/* config.h - every setting of every program, from one table (config.def).
 *
 * Precedence: flag, environment (BOOKCAST_<KEY>, dots as "__", upper case), file, default. The
 * table feeds the parser, --check, --help and docs/CONFIGURATION.md. Errors name file, line, key,
 * value and what would be right.
 *
 * Memory  values live until bc_config_free(). Threads: read-only after loading. */
#ifndef BC_CONFIG_H
#define BC_CONFIG_H

#include "proto/value.h"

#include <stdio.h>

enum bc_program { BC_GATEWAY = 1, BC_CACHE = 2, BC_CLI = 4 };

enum bc_key {
#define BC_KEY(id, ...) BC_KEY_##id,
#include "common/config.def"
#undef BC_KEY
	BC_N_KEYS
};

enum bc_origin { BC_FROM_DEFAULT, BC_FROM_FILE, BC_FROM_ENVIRONMENT, BC_FROM_FLAG };

enum bc_config_outcome {
	BC_CONFIG_RUN,	/* loaded and valid: go on */
	BC_CONFIG_DONE, /* --help, --version or --check has been answered: exit 0 */
	BC_CONFIG_BAD,	/* told on stderr: exit 1 */
};

struct bc_config;

/* Reads flags, environment and the --config file. On BC_CONFIG_RUN the caller owns *out. The
 * arguments that are not flags are left in argv, *n_args of them, for the programs that take some;
 * for the others they are an error. */
enum bc_config_outcome bc_config_load(struct bc_config **out, enum bc_program program, int argc,
				      char **argv, int *n_args);
void bc_config_free(struct bc_config **config);

const char *bc_config_text(const struct bc_config *c, enum bc_key key); /* "" if empty */
int64_t bc_config_int(const struct bc_config *c, enum bc_key key);
int64_t bc_config_ns(const struct bc_config *c, enum bc_key key);
bool bc_config_bool(const struct bc_config *c, enum bc_key key);
size_t bc_config_count(const struct bc_config *c, enum bc_key key); /* of a list */
const char *bc_config_item(const struct bc_config *c, enum bc_key key, size_t i);
enum bc_origin bc_config_origin(const struct bc_config *c, enum bc_key key);

/* "symbols: 'krw-btc' (bookcast.yaml:7): <message>" on stderr: for errors only a program can see.
 * item: index in a list, or -1. */
void bc_config_complain(const struct bc_config *c, enum bc_key key, int item, const char *message);

#endif
