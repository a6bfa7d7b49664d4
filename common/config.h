/* config.h - every setting of every program, from one table (config.def).
 *
 * Precedence: flag, environment (BOOKCAST_<KEY>, dots as "__", upper case), file, default. The
 * table feeds the parser, --check, --help and docs/CONFIGURATION.md. Errors go to stderr, all of
 * them and not only the first, and name file, line, key, value and what would be right:
 *
 *   bookcast-gateway: bookcast.yaml:7: book.levels: '9999': must be from 1 to 1000
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

enum bc_config_outcome {
	BC_CONFIG_RUN,  /* loaded and valid: go on */
	BC_CONFIG_DONE, /* --help, --version or --check has been answered: exit 0 */
	BC_CONFIG_BAD,  /* told on stderr: exit 1 */
};

struct bc_config;

/* The program's own rules, beyond type and range: complains by bc_config_complain() and returns
 * false. Runs before --check prints. */
typedef bool bc_config_rules_fn(const struct bc_config *c);

/* A flag that is no setting: has neither environment nor file (a verb's --depth). */
struct bc_verb_flag {
	const char *name;     /* without "--"; one letter: a short option, "-n" */
	const char *argument; /* how --help names it: "N"; NULL: takes none */
	const char *help;
	const char *value; /* out: as given, borrowed from argv; "" for one without argument; NULL:
			      not given */
};

struct bc_config_more {
	bc_config_rules_fn *rules; /* may be NULL */
	struct bc_verb_flag *flags;
	size_t n_flags;
	const char *name, *purpose, *usage, *examples; /* of --help; NULL: the program's own */
	FILE *told; /* where errors are written, a line each; NULL: stderr */
};

/* Reads flags, environment and the file of --config (or BOOKCAST_CONFIG). On BC_CONFIG_RUN the
 * caller owns *out. Arguments that are not flags are moved to argv[1..*n_args]; n_args NULL: they
 * are an error. `more` may be NULL. */
enum bc_config_outcome bc_config_load(struct bc_config **out, enum bc_program program, int argc,
				      char **argv, int *n_args, const struct bc_config_more *more);
void bc_config_free(struct bc_config **config);

const char *bc_config_text(const struct bc_config *c, enum bc_key key); /* "" if empty */
int64_t bc_config_int(const struct bc_config *c, enum bc_key key);
int64_t bc_config_ns(const struct bc_config *c, enum bc_key key);
bool bc_config_bool(const struct bc_config *c, enum bc_key key);
int bc_config_word(const struct bc_config *c, enum bc_key key);     /* its index in the row */
size_t bc_config_count(const struct bc_config *c, enum bc_key key); /* of a list */
const char *bc_config_item(const struct bc_config *c, enum bc_key key, size_t i);

/* "<program>: bookcast.yaml:7: symbols: 'krw-btc': <message>" on stderr: for errors only a program
 * can see. item: index in a list, or -1. */
void bc_config_complain(const struct bc_config *c, enum bc_key key, int item, const char *message);

#endif
