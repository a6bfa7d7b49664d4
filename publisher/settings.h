/* settings.h - what was configured, in the gateway's own terms.
 *
 * Everything that can be wrong without touching a socket is found here, before the gateway
 * starts and by --check, and told with file, line, value and what would be right.
 *
 * Memory  text points into the configuration, or into the settings, which are not to be copied. */
#ifndef SETTINGS_H
#define SETTINGS_H

#include "common/config.h"
#include "publisher/outlet.h"
#include "publisher/session.h"
#include "publisher/url.h"

#define SETTINGS_NAME_MAX     96 /* "upbit.0.pub" */
#define SETTINGS_INSTANCE_MAX 32

struct bc_transport_ops;

struct settings {
	const struct bc_config *config;
	int argc; /* of the program, to read the configuration again */
	char **argv;
	struct session_options session; /* without seed */
	struct outlet_options outlet;   /* without epoch */
	struct bc_url ws, rest;
	const struct bc_transport_ops *transport;
	const char *ca_file;      /* NULL: the system's store */
	size_t max_message_bytes; /* 0: the line's own */
	bool compression;
	bool latest; /* is the file of that name to be written? */
	char pub_name[SETTINGS_NAME_MAX], ctl_name[SETTINGS_NAME_MAX];
	char latest_name[SETTINGS_NAME_MAX];
	char instance[SETTINGS_INSTANCE_MAX + 1];
	uint32_t shard, shards; /* this one, counted from 0, of so many */
};

/* How an exchange's symbols are divided into so many shards; NULL: there is one. The caller owns
 * *out. BC_EINVAL: shard.weights is not right, why[cap] says it. */
bc_status settings_division(const struct bc_config *c, uint32_t shards, struct bc_division **out,
			    char *why, size_t cap);

/* The gateway's rules beyond type and range; for bc_config_load(). */
bool settings_rules(const struct bc_config *c);

/* From a configuration that has passed the rules. */
void settings_read(const struct bc_config *c, struct settings *out);

#endif
