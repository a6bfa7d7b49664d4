#include "publisher/rest.h"

#include "common/clock.h"
#include "publisher/curl_loop.h"
#include "publisher/http_header.h"
#include "publisher/resolve.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#ifndef BOOKCAST_VERSION
#error "BOOKCAST_VERSION comes from the build"
#endif

#define TIMEOUT_NS     (10 * BC_NS_PER_S)
#define MAX_BODY_BYTES ((size_t)32 << 20)
#define MAX_IN_FLIGHT  8
#define PATH_MAX_BYTES 8192
#define FIRST_BYTES    ((size_t)64 << 10)
#define NAME_LIFE_NS   (30 * (uint64_t)BC_NS_PER_S)
#define NO_DEADLINE    UINT64_MAX
/* "+host:port:" and the addresses in brackets with commas */
#define NAMES_MAX (BC_URL_HOST_MAX + 16 + BC_ADDRESSES_MAX * (INET6_ADDRSTRLEN + 3))

enum phase { QUEUED, RUNNING };

struct bc_rest_request {
	struct bc_rest *rest;
	struct bc_rest_request *next;
	enum phase phase;
	CURL *easy; /* RUNNING */
	struct curl_slist *names;
	uint64_t deadline_ns; /* uv_hrtime() */
	bc_rest_done done;
	void *self;
	char *body;
	size_t n_body, body_cap, max_bytes;
	bool too_large;
	bc_wall_time received;
	char error[CURL_ERROR_SIZE];
	char url[]; /* NUL terminated */
};

struct bc_rest {
	uv_timer_t timer;
	struct curl_loop *curl;
	struct bc_resolver *resolver;
	struct bc_url url;
	char *ca_file;
	int64_t timeout_ns;
	size_t max_body_bytes;
	unsigned int max_in_flight, n_running, n_queued;
	struct bc_rest_request *requests; /* oldest first */
	struct bc_resolve *question;
	uint64_t names_until_ns; /* uv_hrtime() */
	char names[NAMES_MAX];   /* as CURLOPT_RESOLVE wants them */
	bool closing;
};

static void on_timer(uv_timer_t *timer);

/* Wakes at the next deadline, or at once. */
static void timer_arm(struct bc_rest *rest, bool at_once)
{
	uint64_t earliest = NO_DEADLINE;
	for (const struct bc_rest_request *r = rest->requests; r != NULL; r = r->next)
		if (r->deadline_ns < earliest)
			earliest = r->deadline_ns;
	if (earliest == NO_DEADLINE) {
		uv_timer_stop(&rest->timer);
		return;
	}
	const uint64_t now = uv_hrtime();
	const uint64_t wait_ns = earliest > now && !at_once ? earliest - now : 0;
	uv_timer_start(&rest->timer, on_timer, (wait_ns + BC_NS_PER_MS - 1) / BC_NS_PER_MS, 0);
}

/* ------------------------------------------------------------------ the end of a request */

/* Takes it out of every list and of libcurl. */
static void request_leave(struct bc_rest *rest, struct bc_rest_request *request)
{
	struct bc_rest_request **at = &rest->requests;
	while (*at != request)
		at = &(*at)->next;
	*at = request->next;
	if (request->phase == RUNNING)
		rest->n_running--;
	else
		rest->n_queued--;
}

static void request_free(struct bc_rest_request *request)
{
	curl_easy_cleanup(request->easy);
	curl_slist_free_all(request->names);
	free(request->body);
	free(request);
}

static void answer(struct bc_rest *rest, struct bc_rest_request *request, bc_status status,
		   int http_status, const char *why)
{
	struct bc_rest_answer answer = {
		.status = status,
		.http_status = http_status,
		.date = { BC_TIME_UNKNOWN },
		.received = request->received,
		.body = { request->body, request->n_body },
		.why = why,
		.request = request,
	};
	if (http_status != 0) {
		const char *date = bc_rest_header(&answer, "Date");
		const char *after = bc_rest_header(&answer, "Retry-After");
		if (date != NULL && bc_http_date(date, &answer.date) != BC_OK)
			answer.date.ns = BC_TIME_UNKNOWN;
		if (after != NULL)
			answer.retry_after_ns = bc_http_retry_after(after, bc_wall_now());
	}
	request_leave(rest, request);
	request->done(request->self, &answer);
	request_free(request);
}

static void on_done(void *self, CURL *easy, CURLcode code)
{
	struct bc_rest *rest = self;
	struct bc_rest_request *request = NULL;
	long status = 0;
	char text[32];
	curl_easy_getinfo(easy, CURLINFO_PRIVATE, &request);
	curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
	const char *error = request->error[0] != '\0' ? request->error : curl_easy_strerror(code);
	if (code == CURLE_OK && status >= 200 && status < 300) {
		answer(rest, request, BC_OK, (int)status, "");
	} else if (code == CURLE_OK) {
		snprintf(text, sizeof text, "HTTP status %ld", status);
		answer(rest, request, BC_EIO, (int)status, text);
	} else if (request->too_large || code == CURLE_FILESIZE_EXCEEDED) {
		answer(rest, request, BC_ERANGE, (int)status, "the body is over the limit");
	} else {
		if (code == CURLE_COULDNT_CONNECT)
			rest->names_until_ns = 0; /* it may have moved */
		answer(rest, request, BC_EIO, (int)status, error);
	}
	if (!rest->closing)
		timer_arm(rest, rest->n_queued > 0);
}

/* ------------------------------------------------------------------ a transfer */

static size_t on_body(char *bytes, size_t one, size_t n, void *self)
{
	struct bc_rest_request *request = self;
	const size_t max = request->max_bytes;
	(void)one; /* is 1 */
	if (n > max - request->n_body) {
		request->too_large = true;
		return 0;
	}
	if (request->body_cap - request->n_body < n) {
		size_t cap = request->body_cap == 0 ? FIRST_BYTES : request->body_cap * 2;
		while (cap - request->n_body < n)
			cap *= 2;
		char *body = realloc(request->body, cap);
		if (body == NULL)
			return 0;
		request->body = body;
		request->body_cap = cap;
	}
	memcpy(request->body + request->n_body, bytes, n);
	request->n_body += n;
	return n;
}

static size_t on_header(char *bytes, size_t one, size_t n, void *self)
{
	struct bc_rest_request *request = self;
	(void)bytes;
	if (!bc_wall_known(request->received))
		request->received = bc_wall_now();
	return one * n;
}

static bc_status easy_prepare(struct bc_rest_request *request)
{
	const struct bc_rest *rest = request->rest;
	CURL *easy = curl_easy_init();
	if (easy == NULL)
		return BC_ENOMEM;
	request->easy = easy;
	if (!rest->url.numeric && (request->names = curl_slist_append(NULL, rest->names)) == NULL)
		return BC_ENOMEM;
	const char *url = request->url;
	const curl_off_t max = (curl_off_t)request->max_bytes;
	bool ok = curl_easy_setopt(easy, CURLOPT_URL, url) == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_PRIVATE, request) == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, request->error) == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_RESOLVE, request->names) == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body) == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_WRITEDATA, request) == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header) == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_HEADERDATA, request) == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_MAXFILESIZE_LARGE, max) == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L) == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https") == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, CURL_HTTP_VERSION_1_1) == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L) == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L) == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_PROXY, "") == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "") == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_USERAGENT, "bookcast/" BOOKCAST_VERSION) ==
			  CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) ==
			  CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L) == CURLE_OK &&
		  curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L) == CURLE_OK;
	if (rest->ca_file != NULL) /* and not the system's directory besides */
		ok = ok && curl_easy_setopt(easy, CURLOPT_CAINFO, rest->ca_file) == CURLE_OK &&
		     curl_easy_setopt(easy, CURLOPT_CAPATH, NULL) == CURLE_OK;
	return ok ? BC_OK : BC_ENOMEM;
}

static void request_run(struct bc_rest_request *request)
{
	struct bc_rest *rest = request->rest;
	request->phase = RUNNING;
	rest->n_queued--;
	rest->n_running++;
	bc_status rc = easy_prepare(request);
	if (rc == BC_OK)
		rc = curl_loop_add(rest->curl, request->easy);
	if (rc != BC_OK)
		answer(rest, request, rc, 0, bc_status_text(rc));
}

/* ------------------------------------------------------------------ names */

static struct bc_rest_request *oldest_queued(const struct bc_rest *rest)
{
	struct bc_rest_request *r = rest->requests;
	while (r != NULL && r->phase != QUEUED)
		r = r->next;
	return r;
}

static void names_take(struct bc_rest *rest, const struct bc_addresses *addresses)
{
	size_t n = (size_t)snprintf(rest->names, sizeof rest->names, "+%s:%u:", rest->url.host,
				    rest->url.port);
	for (size_t i = 0; i < addresses->n; i++) {
		const struct sockaddr_storage *one = &addresses->at[i];
		const bool v6 = one->ss_family == AF_INET6;
		const void *raw = v6 ? (const void *)&((const struct sockaddr_in6 *)one)->sin6_addr
				     : (const void *)&((const struct sockaddr_in *)one)->sin_addr;
		char text[INET6_ADDRSTRLEN];
		inet_ntop(one->ss_family, raw, text, sizeof text);
		n += (size_t)snprintf(rest->names + n, sizeof rest->names - n,
				      v6 ? "%s[%s]" : "%s%s", i > 0 ? "," : "", text);
	}
	rest->names_until_ns = uv_hrtime() + NAME_LIFE_NS;
}

static void on_resolved(void *self, bc_status status, const struct bc_addresses *addresses,
			const char *why)
{
	struct bc_rest *rest = self;
	rest->question = NULL;
	if (status == BC_OK) {
		names_take(rest, addresses);
	} else {
		char text[160];
		snprintf(text, sizeof text, "%s: %s", rest->url.host, why);
		/* Those of this moment only: who is told may ask again. */
		for (unsigned int left = rest->n_queued; left > 0 && !rest->closing; left--) {
			struct bc_rest_request *request = oldest_queued(rest);
			if (request == NULL)
				break;
			answer(rest, request, status, 0, text);
		}
	}
	if (!rest->closing)
		timer_arm(rest, rest->n_queued > 0);
}

/* Starts what may start. */
static void pump(struct bc_rest *rest)
{
	struct bc_rest_request *request;
	while (!rest->closing && rest->n_running < rest->max_in_flight &&
	       (request = oldest_queued(rest)) != NULL) {
		if (rest->url.numeric || uv_hrtime() < rest->names_until_ns) {
			request_run(request);
			continue;
		}
		if (rest->question == NULL) {
			const bc_status rc =
				bc_resolve(rest->resolver, rest->url.host, rest->url.port,
					   rest->timeout_ns, on_resolved, rest, &rest->question);
			if (rc != BC_OK) {
				answer(rest, request, rc, 0, bc_status_text(rc));
				continue;
			}
		}
		return;
	}
}

static struct bc_rest_request *request_due(const struct bc_rest *rest, uint64_t now)
{
	struct bc_rest_request *r = rest->requests;
	while (r != NULL && r->deadline_ns > now)
		r = r->next;
	return r;
}

static void on_timer(uv_timer_t *timer)
{
	struct bc_rest *rest = timer->data;
	const uint64_t now = uv_hrtime();
	struct bc_rest_request *request;
	while (!rest->closing && (request = request_due(rest, now)) != NULL) {
		if (request->phase == RUNNING)
			curl_loop_remove(rest->curl, request->easy);
		answer(rest, request, BC_ETIMEOUT, 0, "no whole answer in time");
	}
	pump(rest);
	if (!rest->closing)
		timer_arm(rest, false);
}

/* ------------------------------------------------------------------ doors */

static void on_closed(uv_handle_t *handle)
{
	struct bc_rest *rest = handle->data;
	free(rest->ca_file);
	free(rest);
	curl_global_cleanup();
}

bc_status bc_rest_new(struct bc_rest **out, uv_loop_t *loop, const struct bc_rest_options *options)
{
	if (options->ca_file != NULL && access(options->ca_file, R_OK) != 0)
		return BC_EIO;
	if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		return BC_ENOMEM;
	struct bc_rest *rest = calloc(1, sizeof *rest);
	if (rest == NULL)
		goto global_cleanup;
	rest->url = *options->url;
	rest->resolver = options->resolver;
	rest->timeout_ns = options->timeout_ns > 0 ? options->timeout_ns : TIMEOUT_NS;
	rest->max_body_bytes =
		options->max_body_bytes > 0 ? options->max_body_bytes : MAX_BODY_BYTES;
	rest->max_in_flight = options->max_in_flight > 0 ? options->max_in_flight : MAX_IN_FLIGHT;
	if (options->ca_file != NULL && (rest->ca_file = strdup(options->ca_file)) == NULL)
		goto free_rest;
	if (curl_loop_new(&rest->curl, loop, (long)rest->max_in_flight, on_done, rest) != BC_OK)
		goto free_ca_file;
	uv_timer_init(loop, &rest->timer);
	rest->timer.data = rest;
	*out = rest;
	return BC_OK;
free_ca_file:
	free(rest->ca_file);
free_rest:
	free(rest);
global_cleanup:
	curl_global_cleanup();
	return BC_ENOMEM;
}

static void request_cancel(struct bc_rest *rest, struct bc_rest_request *request)
{
	if (request->phase == RUNNING && request->easy != NULL)
		curl_loop_remove(rest->curl, request->easy);
	request_leave(rest, request);
	request_free(request);
}

void bc_rest_free(struct bc_rest **rest_at)
{
	struct bc_rest *rest = *rest_at;
	if (rest == NULL)
		return;
	*rest_at = NULL;
	rest->closing = true;
	while (rest->requests != NULL)
		request_cancel(rest, rest->requests);
	bc_resolve_cancel(&rest->question);
	curl_loop_free(&rest->curl);
	uv_close((uv_handle_t *)&rest->timer, on_closed);
}

static bool path_ok(bc_str path)
{
	if (path.n == 0 || path.n > PATH_MAX_BYTES || path.p[0] != '/')
		return false;
	for (size_t i = 0; i < path.n; i++)
		if ((unsigned char)path.p[i] <= ' ' || path.p[i] == 0x7f)
			return false;
	return true;
}

bc_status bc_rest_get(struct bc_rest *rest, bc_str path, size_t max_bytes, bc_rest_done done,
		      void *self)
{
	if (!path_ok(path))
		return BC_EINVAL;
	if (rest->n_queued >= BC_REST_QUEUE_MAX)
		return BC_EAGAIN;
	char base[BC_URL_TEXT_MAX];
	bc_url_format(&rest->url, base, sizeof base);
	const size_t n_url = strlen(base) + path.n + 1;
	struct bc_rest_request *request = calloc(1, sizeof *request + n_url);
	if (request == NULL)
		return BC_ENOMEM;
	snprintf(request->url, n_url, "%s%.*s", base, (int)path.n, path.p);
	request->rest = rest;
	request->phase = QUEUED;
	request->max_bytes = rest->max_body_bytes;
	if (max_bytes > 0 && max_bytes < request->max_bytes)
		request->max_bytes = max_bytes;
	request->done = done;
	request->self = self;
	request->received.ns = BC_TIME_UNKNOWN;
	request->deadline_ns = uv_hrtime() + (uint64_t)rest->timeout_ns;
	struct bc_rest_request **at = &rest->requests;
	while (*at != NULL)
		at = &(*at)->next;
	*at = request;
	rest->n_queued++;
	timer_arm(rest, true);
	return BC_OK;
}

const char *bc_rest_header(const struct bc_rest_answer *answer, const char *name)
{
	struct curl_header *header;
	if (answer->request->easy == NULL ||
	    curl_easy_header(answer->request->easy, name, 0, CURLH_HEADER, -1, &header) !=
		    CURLHE_OK)
		return NULL;
	return header->value;
}
