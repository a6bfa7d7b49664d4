/* Names to addresses. A thread pool that is held up stands in for a dead name server. */
#include "publisher/resolve.h"
#include "tests/support/loop_until.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define POOL     4
#define LIMIT_NS (60 * BC_NS_PER_S)

struct asker {
	uv_loop_t loop;
	uv_timer_t tick;
	struct bc_resolver *resolver;
	unsigned int n;
	bc_status status[8];
	struct bc_addresses addresses;
	char why[200];
	bool free_when_told;
	pthread_mutex_t hold;
	uv_work_t work[POOL];
};

static void on_resolved(void *self, bc_status status, const struct bc_addresses *addresses,
			const char *why)
{
	struct asker *a = self;
	a->status[a->n++] = status;
	if (addresses != NULL)
		a->addresses = *addresses;
	snprintf(a->why, sizeof a->why, "%s", why);
	if (a->free_when_told)
		bc_resolver_free(&a->resolver);
}

static void asker_start(struct asker *a)
{
	memset(a, 0, sizeof *a);
	setenv("UV_THREADPOOL_SIZE", "4", 1);
	cr_assert_eq(uv_loop_init(&a->loop), 0);
	uv_timer_init(&a->loop, &a->tick);
	cr_assert_eq(bc_resolver_new(&a->resolver, &a->loop), BC_OK);
	pthread_mutex_init(&a->hold, NULL);
}

static void asker_stop(struct asker *a)
{
	bc_resolver_free(&a->resolver);
	uv_close((uv_handle_t *)&a->tick, NULL);
	uv_run(&a->loop, UV_RUN_DEFAULT);
	cr_expect_eq(uv_loop_close(&a->loop), 0);
	pthread_mutex_destroy(&a->hold);
}

static void ask(struct asker *a, const char *host, int64_t timeout_ns, struct bc_resolve **out)
{
	const unsigned int n = a->n;
	cr_assert_eq(bc_resolve(a->resolver, host, 443, timeout_ns, on_resolved, a, out), BC_OK);
	cr_assert_eq(a->n, n, "a callback from inside bc_resolve()");
}

static void until(struct asker *a, unsigned int n)
{
	loop_until(&a->loop, &a->tick, &a->n, n, LIMIT_NS);
	cr_expect_eq(a->n, n);
}

static void work_hold(uv_work_t *work)
{
	struct asker *a = work->data;
	pthread_mutex_lock(&a->hold);
	pthread_mutex_unlock(&a->hold);
}

static void work_done(uv_work_t *work, int status)
{
	(void)work;
	(void)status;
}

static void pool_hold(struct asker *a)
{
	pthread_mutex_lock(&a->hold);
	for (size_t i = 0; i < POOL; i++) {
		a->work[i].data = a;
		cr_assert_eq(uv_queue_work(&a->loop, &a->work[i], work_hold, work_done), 0);
	}
}

static void pool_release(struct asker *a)
{
	pthread_mutex_unlock(&a->hold);
}

static const char *text_of(const struct sockaddr_storage *address, char *out, size_t cap)
{
	const void *raw = address->ss_family == AF_INET6
				  ? (const void *)&((const struct sockaddr_in6 *)address)->sin6_addr
				  : (const void *)&((const struct sockaddr_in *)address)->sin_addr;
	return inet_ntop(address->ss_family, raw, out, (socklen_t)cap);
}

Test(resolve, answers_numeric_addresses_without_a_lookup)
{
	static const struct {
		const char *host, *address;
	} rows[] = { { "192.0.2.1", "192.0.2.1" },
		     { "::1", "::1" },
		     { "2001:DB8::1", "2001:db8::1" } };
	struct asker a;
	char text[INET6_ADDRSTRLEN];
	asker_start(&a);
	pool_hold(&a);
	for (unsigned int i = 0; i < 3; i++) {
		ask(&a, rows[i].host, LIMIT_NS, NULL);
		until(&a, i + 1);
		cr_expect_eq(a.status[i], BC_OK);
		cr_expect_eq(a.addresses.n, 1);
		cr_expect_str_eq(text_of(&a.addresses.at[0], text, sizeof text), rows[i].address);
		cr_expect_eq(((struct sockaddr_in *)&a.addresses.at[0])->sin_port, htons(443));
	}
	pool_release(&a);
	asker_stop(&a);
}

Test(resolve, finds_localhost)
{
	struct asker a;
	asker_start(&a);
	ask(&a, "localhost", LIMIT_NS, NULL);
	until(&a, 1);
	cr_expect_eq(a.status[0], BC_OK, "%s", a.why);
	bool loopback = false;
	char text[INET6_ADDRSTRLEN];
	for (size_t i = 0; i < a.addresses.n; i++) {
		text_of(&a.addresses.at[i], text, sizeof text);
		loopback = loopback || strcmp(text, "127.0.0.1") == 0 || strcmp(text, "::1") == 0;
		cr_expect_eq(((struct sockaddr_in *)&a.addresses.at[i])->sin_port, htons(443));
	}
	cr_expect(loopback);
	asker_stop(&a);
}

Test(resolve, tells_that_there_is_no_such_name)
{
	/* A label of 64 characters cannot exist, so no name server is asked. */
	const char *host = "0123456789012345678901234567890123456789012345678901234567890123.test";
	struct asker a;
	asker_start(&a);
	ask(&a, host, LIMIT_NS, NULL);
	until(&a, 1);
	cr_expect(a.status[0] == BC_ENOTFOUND || a.status[0] == BC_EIO, "%s", a.why);
	cr_expect_str_not_empty(a.why);
	asker_stop(&a);
}

Test(resolve, refuses_what_cannot_be_asked)
{
	struct asker a;
	char host[255];
	memset(host, 'a', sizeof host - 1);
	host[sizeof host - 1] = '\0';
	asker_start(&a);
	cr_expect_eq(bc_resolve(a.resolver, "", 1, 1, on_resolved, &a, NULL), BC_EINVAL);
	cr_expect_eq(bc_resolve(a.resolver, host, 1, 1, on_resolved, &a, NULL), BC_EINVAL);
	cr_expect_eq(bc_resolve(a.resolver, "a", 1, -1, on_resolved, &a, NULL), BC_EINVAL);
	asker_stop(&a);
	cr_expect_eq(a.n, 0);
}

Test(resolve, gives_up_in_time)
{
	struct asker a;
	asker_start(&a);
	pool_hold(&a);
	const uint64_t from = uv_hrtime();
	ask(&a, "localhost", 50 * BC_NS_PER_MS, NULL);
	ask(&a, "localhost", 20 * BC_NS_PER_MS, NULL);
	until(&a, 2);
	const uint64_t took = uv_hrtime() - from;
	cr_expect_eq(a.status[0], BC_ETIMEOUT);
	cr_expect_eq(a.status[1], BC_ETIMEOUT);
	cr_expect_geq(took, 50 * BC_NS_PER_MS);
	pool_release(&a);
	asker_stop(&a);
	cr_expect_eq(a.n, 2, "the late answer was told too");
}

Test(resolve, shares_one_lookup_a_host)
{
	struct asker a;
	struct bc_resolve *cancelled;
	asker_start(&a);
	pool_hold(&a);
	ask(&a, "localhost", LIMIT_NS, NULL);
	ask(&a, "localhost", LIMIT_NS, &cancelled);
	ask(&a, "localhost", LIMIT_NS, NULL);
	cr_expect_eq(a.loop.active_reqs.count, POOL + 1);
	bc_resolve_cancel(&cancelled);
	cr_expect_null(cancelled);
	bc_resolve_cancel(&cancelled);
	pool_release(&a);
	until(&a, 2);
	cr_expect_eq(a.status[0], BC_OK);
	cr_expect_eq(a.status[1], BC_OK);
	asker_stop(&a);
	cr_expect_eq(a.n, 2);
}

Test(resolve, is_freed_with_questions_under_way)
{
	struct asker a;
	asker_start(&a);
	ask(&a, "localhost", LIMIT_NS, NULL); /* in a thread */
	pool_hold(&a);
	ask(&a, "one.test", LIMIT_NS, NULL); /* waits for one */
	ask(&a, "127.0.0.1", LIMIT_NS, NULL);
	bc_resolver_free(&a.resolver);
	pool_release(&a);
	asker_stop(&a);
	cr_expect_eq(a.n, 0);
}

Test(resolve, may_be_freed_by_a_callback)
{
	struct asker a;
	asker_start(&a);
	a.free_when_told = true;
	ask(&a, "localhost", LIMIT_NS, NULL);
	ask(&a, "localhost", LIMIT_NS, NULL);
	until(&a, 1);
	asker_stop(&a);
	cr_expect_eq(a.n, 1);
}

Test(resolve, goes_round_the_addresses)
{
	const struct bc_addresses addresses = { .n = 3 };
	for (uint64_t i = 0; i < 7; i++)
		cr_expect_eq(bc_address_of_attempt(&addresses, i), &addresses.at[i % 3]);
}
