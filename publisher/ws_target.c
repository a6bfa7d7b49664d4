#include "publisher/ws_target.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static bool fits_a_request(const char *text, size_t max)
{
	const size_t n = strlen(text);
	if (n == 0 || n > max)
		return false;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)text[i] <= ' ' || (unsigned char)text[i] >= 0x7f)
			return false;
	return true;
}

bc_status ws_target_check(const struct bc_ws_target *target, char *address, uint16_t *port)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&target->address;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&target->address;
	const int family = target->address.ss_family;
	if (!fits_a_request(target->host, WS_HOST_MAX) ||
	    !fits_a_request(target->path, WS_PATH_MAX) || target->path[0] != '/' ||
	    target->port == 0 || target->max_message_bytes == 0 ||
	    target->handshake_timeout_ns <= 0)
		return BC_EINVAL;
	if (family != AF_INET && family != AF_INET6)
		return BC_EINVAL;
	const void *raw =
		family == AF_INET6 ? (const void *)&v6->sin6_addr : (const void *)&v4->sin_addr;
	*port = ntohs(family == AF_INET6 ? v6->sin6_port : v4->sin_port);
	if (*port == 0 || inet_ntop(family, raw, address, INET6_ADDRSTRLEN) == NULL)
		return BC_EINVAL;
	return BC_OK;
}

void ws_target_host(const struct bc_ws_target *target, char *out)
{
	const bool v6 = strchr(target->host, ':') != NULL;
	const uint16_t usual = target->tls ? 443 : 80;
	const int n = snprintf(out, WS_HOST_TEXT_MAX, v6 ? "[%s]" : "%s", target->host);
	if (target->port != usual && n > 0 && (size_t)n < WS_HOST_TEXT_MAX)
		snprintf(out + n, WS_HOST_TEXT_MAX - (size_t)n, ":%u", target->port);
}
