/* service.h - the cache as a process: its loop, sockets, timers and signals.
 *
 * One thread; a second one serves metrics and reads atomics only. */
#ifndef CACHE_SERVICE_H
#define CACHE_SERVICE_H

#include "common/config.h"
#include "common/log.h"

struct cache_service;

/* What the configuration must hold beyond types and ranges; of bc_config_more. */
bool cache_service_rules(const struct bc_config *config);

/* Takes the run directory's cache.rpc, binds, starts to listen to gateways. What went wrong is told
 * on stderr by the configuration key it belongs to. */
bc_status cache_service_new(struct cache_service **out, const struct bc_config *config,
			    struct bc_log *log);
void cache_service_free(struct cache_service **service);

/* One line of JSON on stdout: {"program":"bookcast-cache","pid":...,"run_dir":...,"endpoint":...,
 * "endpoints":[...],"metrics":"127.0.0.1:9100" or null}. BC_EIO: nobody reads it. */
bc_status cache_service_say_ready(const struct cache_service *service);

/* Until SIGTERM or SIGINT. */
void cache_service_run(struct cache_service *service);

#endif
