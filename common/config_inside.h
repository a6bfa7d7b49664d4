/* config_inside.h - what the parts of the configuration share: values, errors, sources. */
#ifndef BC_CONFIG_INSIDE_H
#define BC_CONFIG_INSIDE_H

#include "common/config_keys.h"

#define BC_CONFIG_FILE_MAX   (1u << 20) /* bytes */
#define BC_CONFIG_ITEMS_MAX  10000      /* of a list */
#define BC_CONFIG_ERRORS_MAX 20         /* told; more are only counted */

enum bc_origin { BC_FROM_DEFAULT, BC_FROM_FILE, BC_FROM_ENVIRONMENT, BC_FROM_FLAG };

struct bc_config_value {
	char *text;   /* as written; of a list: its items with ", " between */
	char **items; /* LIST */
	int *lines;   /* LIST: of each item in the file; 0 elsewhere */
	size_t n_items;
	int64_t number; /* INT, DURATION (ns), BOOL, WORD (index) */
	enum bc_origin origin;
	int line; /* in the file; 0 elsewhere */
};

struct bc_config {
	enum bc_program program;
	const char *name; /* of the program, in front of messages */
	char *file;       /* NULL: none */
	struct bc_config_value values[BC_N_KEYS];
	unsigned errors;
	FILE *told; /* where errors are written; NULL: stderr */
};

/* Prints "<program>: <where>: <key>: '<value>': <message>" and counts the error. Empty parts are
 * left out; value NULL is left out. */
void bc_config_error(struct bc_config *c, const char *where, const char *key, const char *value,
		     const char *format, ...) __attribute__((format(printf, 5, 6)));
/* "bookcast.yaml:7", "--symbols", "BOOKCAST_SYMBOLS", "default" */
#define BC_WHERE_MAX 320
void bc_config_where(const struct bc_config *c, enum bc_key key, enum bc_origin origin, int line,
		     char out[BC_WHERE_MAX]);

/* Checks one text against its row and keeps it; tells what is wrong. LIST: split at commas. */
void bc_config_set(struct bc_config *c, enum bc_key key, enum bc_origin origin, int line,
		   const char *text);
/* LIST: starts an empty one, then adds to it. */
void bc_config_list_start(struct bc_config *c, enum bc_key key, enum bc_origin origin, int line);
void bc_config_list_add(struct bc_config *c, enum bc_key key, int line, const char *item);
void bc_config_value_clear(struct bc_config_value *v);

void bc_config_read_file(struct bc_config *c, const char *path);

/* Flags that were given, in order; their texts are applied after file and environment. */
struct bc_config_flags {
	const char *config_file;
	bool help, version, check;
	struct {
		enum bc_key key;
		const char *text;
	} * given;
	size_t n_given;
	int n_args;
};
bool bc_config_scan_flags(struct bc_config *c, int argc, char **argv, bool takes_args,
			  const struct bc_config_more *more, struct bc_config_flags *out);
void bc_config_apply_flags(struct bc_config *c, const struct bc_config_flags *flags);

void bc_config_print_help(enum bc_program program, const struct bc_config_more *more, FILE *out);
void bc_config_print_check(const struct bc_config *c, FILE *out);

#endif
