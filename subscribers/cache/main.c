/* bookcast-cache: the latest state of every topic, for whoever asks. */
#include "common/accept_guard.h"
#include "subscribers/cache/service.h"

#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	struct bc_config *config = NULL;
	struct bc_log *log = NULL;
	struct cache_service *service = NULL;
	bc_status rc = BC_ENOMEM;
	const struct bc_config_more more = { .rules = cache_service_rules };
	switch (bc_config_load(&config, BC_CACHE, argc, argv, NULL, &more)) {
	case BC_CONFIG_DONE:
		return EXIT_SUCCESS;
	case BC_CONFIG_BAD:
		return EXIT_FAILURE;
	case BC_CONFIG_RUN:
		break;
	}
	if ((log = bc_log_new("cache", STDERR_FILENO)) == NULL)
		goto out;
	if (bc_accept_guard() != BC_OK)
		bc_log_event(log, BC_LOG_WARN, "cache.no-reserve",
			     BC_LOG_S("why", "no file descriptor is left to keep"));
	bc_log_set_level(log, (enum bc_log_level)bc_config_word(config, BC_KEY_LOG_LEVEL));
	if ((rc = cache_service_new(&service, config, log)) != BC_OK ||
	    (rc = cache_service_say_ready(service)) != BC_OK)
		goto out;
	cache_service_run(service);
out:
	if (rc != BC_OK)
		bc_log_event(log, BC_LOG_ERROR, "cache.cannot-start",
			     BC_LOG_S("why", bc_status_text(rc)));
	cache_service_free(&service);
	bc_log_free(&log);
	bc_config_free(&config);
	return rc == BC_OK ? EXIT_SUCCESS : EXIT_FAILURE;
}
