/* The loop counts while the HTTP thread prints: no lock, no race, nothing lost. */
#include "common/clock.h"
#include "common/config.h"
#include "common/metrics.h"
#include "tests/support/http.h"

#include <stdatomic.h>

#define ROUNDS    200000
#define QUESTIONS 20

static atomic_bool all_ready;

static bool ready(void *self, char *why, size_t cap)
{
	(void)self;
	snprintf(why, cap, "not yet");
	return atomic_load_explicit(&all_ready, memory_order_relaxed);
}

static bool ask(uint16_t port, const char *path, int want)
{
	char *answer, *body;
	int status = http_get(port, "GET", path, &answer, &body);
	if (status != want)
		fprintf(stderr, "%s: %d\n", path, status);
	free(answer);
	return status == want;
}

int main(void)
{
	static struct bc_metrics m;
	struct bc_metrics_server *server = NULL;
	char error[256];
	bool good = true;
	bc_metrics_init(&m, BC_GATEWAY, "race", "upbit", "0");
	if (bc_metrics_serve(&server, &m, "127.0.0.1:0", ready, NULL, error, sizeof error) !=
	    BC_OK) {
		fprintf(stderr, "%s\n", error);
		return 1;
	}
	const uint16_t port = http_port(bc_metrics_address(server));
	for (uint64_t i = 0; i < ROUNDS; i++) {
		bc_metric_add(&m, BC_METRIC_MESSAGES_IN, 1);
		bc_metric_set(&m, BC_METRIC_SYMBOLS_LIVE, i);
		bc_metrics_beat(&m, bc_mono_now());
		if (i % (ROUNDS / QUESTIONS) == 0)
			good = ask(port, "/metrics", 200) && good;
	}
	good = ask(port, "/readyz", 503) && good;
	atomic_store_explicit(&all_ready, true, memory_order_relaxed);
	good = ask(port, "/readyz", 200) && good;
	good = ask(port, "/livez", 200) && good;
	bc_metrics_stop(&server);
	return good && bc_metric_get(&m, BC_METRIC_MESSAGES_IN) == ROUNDS ? 0 : 1;
}
