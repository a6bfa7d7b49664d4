/* main.c - bookcast-gateway: one exchange in, one bus out. */
#include "common/accept_guard.h"
#include "common/config.h"
#include "common/log.h"
#include "publisher/gateway.h"

#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct bc_config *config = NULL;
	struct bc_log *log = NULL;
	struct gateway *gateway = NULL;
	struct settings settings;
	int status = EXIT_FAILURE;
	bool ended;
	struct bc_config_more more = { .rules = settings_rules };
	enum bc_config_outcome outcome =
		bc_config_load(&config, BC_GATEWAY, argc, argv, NULL, &more); /* 1 what was asked */
	if (outcome != BC_CONFIG_RUN)
		return outcome == BC_CONFIG_DONE ? EXIT_SUCCESS : EXIT_FAILURE;
	settings_read(config, &settings);
	settings.argc = argc;
	settings.argv = argv;
	if ((log = bc_log_new("gateway", STDERR_FILENO)) == NULL) /* 2 who tells */
		goto out;
	bc_log_set_level(log, (enum bc_log_level)bc_config_word(config, BC_KEY_LOG_LEVEL));
	if (bc_accept_guard() != BC_OK)
		bc_log_event(log, BC_LOG_WARN, "gateway.no-reserve",
			     BC_LOG_S("why", "no file descriptor is left to keep"));
	if (gateway_open(&gateway, &settings, log) != BC_OK) /* 3 sockets, feed, ready line */
		goto out;
	gateway_run(gateway); /* 4 until told to stop */
	status = EXIT_SUCCESS;
out:
	ended = gateway_close(&gateway); /* newest first; NULL is fine */
	bc_log_free(&log);
	bc_config_free(&config);
	if (!ended)
		_exit(status);
	return status;
}
