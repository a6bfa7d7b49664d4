#include "publisher/http_header.h"

#include <curl/curl.h>
#include <string.h>
#include <time.h>

#define COUNT_MAX INT64_C(1000000000000)

bc_status bc_http_date(const char *text, bc_wall_time *out)
{
	/* A bare number would pass as a date of its own kind. */
	if (strchr(text, ' ') == NULL)
		return BC_EPARSE;
	const time_t seconds = curl_getdate(text, NULL);
	if (seconds == -1 || seconds > INT64_MAX / BC_NS_PER_S)
		return BC_EPARSE;
	out->ns = (int64_t)seconds * BC_NS_PER_S;
	return BC_OK;
}

static int64_t limited(int64_t seconds)
{
	const int64_t most = BC_RETRY_AFTER_MAX_NS / BC_NS_PER_S;
	return (seconds > most ? most : seconds) * BC_NS_PER_S;
}

int64_t bc_http_retry_after(const char *text, bc_wall_time now)
{
	text += strspn(text, " \t");
	const size_t digits = strspn(text, "0123456789");
	if (digits > 0 && text[digits + strspn(text + digits, " \t")] == '\0') {
		int64_t seconds = 0;
		for (size_t i = 0; i < digits; i++)
			if (seconds <= BC_RETRY_AFTER_MAX_NS / BC_NS_PER_S)
				seconds = seconds * 10 + (text[i] - '0');
		return limited(seconds);
	}
	bc_wall_time at;
	if (bc_http_date(text, &at) != BC_OK || at.ns <= now.ns)
		return 0;
	const int64_t wait = at.ns - now.ns;
	return wait > BC_RETRY_AFTER_MAX_NS ? BC_RETRY_AFTER_MAX_NS : wait;
}

int64_t bc_http_count(const char *text)
{
	int64_t n = 0;
	const size_t before = strspn(text, " \t"), digits = strspn(text + before, "0123456789");
	const char *p = text + before, *end = p + digits;
	if (digits == 0 || end[strspn(end, " \t")] != '\0')
		return -1;
	for (; p < end && n <= COUNT_MAX; p++)
		n = n * 10 + (*p - '0');
	return n <= COUNT_MAX ? n : -1;
}
