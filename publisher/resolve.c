#include "publisher/resolve.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define HOST_MAX    253
#define NO_DEADLINE UINT64_MAX

struct lookup {
	uv_getaddrinfo_t request;
	struct bc_resolver *resolver;
	struct lookup *next;
	char host[HOST_MAX + 1];
};

struct bc_resolve {
	struct bc_resolver *resolver;
	struct bc_resolve *next;
	struct lookup *lookup; /* NULL: the answer is here, and due */
	uint64_t deadline_ns;  /* uv_hrtime() */
	uint16_t port;
	bc_resolved resolved;
	void *self;
	struct bc_addresses numeric;
};

struct bc_resolver {
	uv_loop_t *loop;
	uv_timer_t timer;
	struct bc_resolve *questions;
	struct lookup *lookups;
	bool closing, timer_closed;
};

static void resolver_release(struct bc_resolver *resolver)
{
	if (resolver->closing && resolver->timer_closed && resolver->lookups == NULL)
		free(resolver);
}

/* ------------------------------------------------------------------ questions */

static void on_timer(uv_timer_t *timer);

static void timer_arm(struct bc_resolver *resolver)
{
	uint64_t earliest = NO_DEADLINE;
	for (const struct bc_resolve *q = resolver->questions; q != NULL; q = q->next)
		if (q->deadline_ns < earliest)
			earliest = q->deadline_ns;
	if (earliest == NO_DEADLINE) {
		uv_timer_stop(&resolver->timer);
		return;
	}
	const uint64_t now = uv_hrtime();
	const uint64_t wait_ns = earliest > now ? earliest - now : 0;
	uv_timer_start(&resolver->timer, on_timer, (wait_ns + BC_NS_PER_MS - 1) / BC_NS_PER_MS, 0);
}

static void question_unlink(struct bc_resolver *resolver, struct bc_resolve *question)
{
	struct bc_resolve **at = &resolver->questions;
	while (*at != question)
		at = &(*at)->next;
	*at = question->next;
}

/* `question` is gone afterwards. */
static void answer(struct bc_resolver *resolver, struct bc_resolve *question, bc_status status,
		   const struct bc_addresses *addresses, const char *why)
{
	question_unlink(resolver, question);
	question->resolved(question->self, status, addresses, why);
	free(question);
}

/* The first one that is due: callbacks may change the list. */
static struct bc_resolve *question_due(const struct bc_resolver *resolver, uint64_t now)
{
	struct bc_resolve *q = resolver->questions;
	while (q != NULL && q->deadline_ns > now)
		q = q->next;
	return q;
}

static void on_timer(uv_timer_t *timer)
{
	struct bc_resolver *resolver = timer->data;
	const uint64_t now = uv_hrtime();
	struct bc_resolve *q;
	while (!resolver->closing && (q = question_due(resolver, now)) != NULL) {
		if (q->lookup == NULL)
			answer(resolver, q, BC_OK, &q->numeric, "");
		else
			answer(resolver, q, BC_ETIMEOUT, NULL,
			       "no answer from the name server in time");
	}
	if (!resolver->closing)
		timer_arm(resolver);
}

/* ------------------------------------------------------------------ lookups */

static size_t address_bytes(const struct sockaddr *address)
{
	return address->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6)
					      : sizeof(struct sockaddr_in);
}

static void addresses_add(struct bc_addresses *addresses, const struct sockaddr *address,
			  uint16_t port)
{
	if ((address->sa_family != AF_INET && address->sa_family != AF_INET6) ||
	    addresses->n == BC_ADDRESSES_MAX)
		return;
	struct sockaddr_storage one;
	memset(&one, 0, sizeof one);
	memcpy(&one, address, address_bytes(address));
	((struct sockaddr_in *)&one)->sin_port = htons(port); /* the same place in IPv6 */
	for (size_t i = 0; i < addresses->n; i++)
		if (memcmp(&addresses->at[i], &one, sizeof one) == 0)
			return;
	addresses->at[addresses->n++] = one;
}

static bc_status status_of(int uv_status)
{
	switch (uv_status) {
	case 0:
		return BC_OK;
	case UV_EAI_NONAME:
	case UV_EAI_NODATA:
	case UV_EAI_ADDRFAMILY:
		return BC_ENOTFOUND;
	case UV_EAI_MEMORY:
	case UV_ENOMEM:
		return BC_ENOMEM;
	default:
		return BC_EIO;
	}
}

static struct bc_resolve *question_of(const struct lookup *lookup)
{
	struct bc_resolve *q = lookup->resolver->questions;
	while (q != NULL && q->lookup != lookup)
		q = q->next;
	return q;
}

static void lookup_unlink(struct lookup *lookup)
{
	struct lookup **at = &lookup->resolver->lookups;
	while (*at != lookup)
		at = &(*at)->next;
	*at = lookup->next;
}

static void on_addrinfo(uv_getaddrinfo_t *request, int uv_status, struct addrinfo *list)
{
	struct lookup *lookup = request->data;
	struct bc_resolver *resolver = lookup->resolver;
	lookup_unlink(lookup);
	struct bc_resolve *q;
	while (!resolver->closing && (q = question_of(lookup)) != NULL) {
		struct bc_addresses addresses = { .n = 0 };
		for (const struct addrinfo *a = list; a != NULL; a = a->ai_next)
			addresses_add(&addresses, a->ai_addr, q->port);
		if (uv_status == 0 && addresses.n > 0)
			answer(resolver, q, BC_OK, &addresses, "");
		else
			answer(resolver, q, uv_status == 0 ? BC_ENOTFOUND : status_of(uv_status),
			       NULL, uv_status == 0 ? "it has no address" : uv_strerror(uv_status));
	}
	uv_freeaddrinfo(list);
	free(lookup);
	if (resolver->closing)
		resolver_release(resolver);
	else
		timer_arm(resolver);
}

static bc_status lookup_start(struct bc_resolver *resolver, const char *host, struct lookup **out)
{
	for (struct lookup *l = resolver->lookups; l != NULL; l = l->next)
		if (strcmp(l->host, host) == 0) {
			*out = l;
			return BC_OK;
		}
	struct lookup *lookup = calloc(1, sizeof *lookup);
	if (lookup == NULL)
		return BC_ENOMEM;
	memcpy(lookup->host, host, strlen(host) + 1);
	lookup->resolver = resolver;
	lookup->request.data = lookup;
	const struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM };
	const int rc = uv_getaddrinfo(resolver->loop, &lookup->request, on_addrinfo, lookup->host,
				      NULL, &hints);
	if (rc != 0) {
		free(lookup);
		return rc == UV_ENOMEM ? BC_ENOMEM : BC_EINVAL;
	}
	lookup->next = resolver->lookups;
	resolver->lookups = lookup;
	*out = lookup;
	return BC_OK;
}

static bool numeric_take(const char *host, uint16_t port, struct bc_addresses *addresses)
{
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6 };
	if (inet_pton(AF_INET, host, &v4.sin_addr) == 1)
		addresses_add(addresses, (struct sockaddr *)&v4, port);
	else if (inet_pton(AF_INET6, host, &v6.sin6_addr) == 1)
		addresses_add(addresses, (struct sockaddr *)&v6, port);
	return addresses->n > 0;
}

/* ------------------------------------------------------------------ doors */

bc_status bc_resolver_new(struct bc_resolver **out, uv_loop_t *loop)
{
	struct bc_resolver *resolver = calloc(1, sizeof *resolver);
	if (resolver == NULL)
		return BC_ENOMEM;
	resolver->loop = loop;
	uv_timer_init(loop, &resolver->timer);
	resolver->timer.data = resolver;
	*out = resolver;
	return BC_OK;
}

static void on_timer_closed(uv_handle_t *handle)
{
	struct bc_resolver *resolver = handle->data;
	resolver->timer_closed = true;
	resolver_release(resolver);
}

void bc_resolver_free(struct bc_resolver **resolver_at)
{
	struct bc_resolver *resolver = *resolver_at;
	if (resolver == NULL)
		return;
	*resolver_at = NULL;
	resolver->closing = true;
	while (resolver->questions != NULL) {
		struct bc_resolve *q = resolver->questions;
		resolver->questions = q->next;
		free(q);
	}
	for (struct lookup *l = resolver->lookups; l != NULL; l = l->next)
		uv_cancel((uv_req_t *)&l->request); /* works for those that wait for a thread */
	uv_close((uv_handle_t *)&resolver->timer, on_timer_closed);
}

bc_status bc_resolve(struct bc_resolver *resolver, const char *host, uint16_t port,
		     int64_t timeout_ns, bc_resolved resolved, void *self, struct bc_resolve **out)
{
	if (host[0] == '\0' || strlen(host) > HOST_MAX || timeout_ns < 0)
		return BC_EINVAL;
	struct bc_resolve *question = calloc(1, sizeof *question);
	if (question == NULL)
		return BC_ENOMEM;
	question->resolver = resolver;
	question->port = port;
	question->resolved = resolved;
	question->self = self;
	question->deadline_ns = uv_hrtime();
	if (!numeric_take(host, port, &question->numeric)) {
		question->deadline_ns += (uint64_t)timeout_ns;
		const bc_status rc = lookup_start(resolver, host, &question->lookup);
		if (rc != BC_OK) {
			free(question);
			return rc;
		}
	}
	question->next = resolver->questions;
	resolver->questions = question;
	timer_arm(resolver);
	if (out != NULL)
		*out = question;
	return BC_OK;
}

void bc_resolve_cancel(struct bc_resolve **question_at)
{
	struct bc_resolve *question = *question_at;
	if (question == NULL)
		return;
	*question_at = NULL;
	struct bc_resolver *resolver = question->resolver;
	question_unlink(resolver, question);
	free(question);
	timer_arm(resolver);
}

const struct sockaddr_storage *bc_address_of_attempt(const struct bc_addresses *addresses,
						     uint64_t n)
{
	return &addresses->at[n % addresses->n];
}
