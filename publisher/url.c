#include "publisher/url.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#define LABEL_MAX 63

static const struct {
	const char *plain, *tls, *example;
	uint16_t port, tls_port;
} kinds[] = {
	[BC_URL_WS] = { "ws://", "wss://", "wss://stream.example.com", 80, 443 },
	[BC_URL_HTTP] = { "http://", "https://", "https://api.example.com", 80, 443 },
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_name_char(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || c == '-';
}

/* Letters, digits and hyphens in labels (RFC 1123, 2.1). NULL: it is a name. */
static const char *name_fault(const char *host)
{
	const char *label = host;
	bool digits_only = true;
	for (const char *p = host;; p++) {
		if (*p != '.' && *p != '\0') {
			if (!is_name_char(*p))
				return "the host may hold letters, digits, '-' and '.' only";
			digits_only = digits_only && is_digit(*p);
			continue;
		}
		if (p == label)
			return "the host has an empty part";
		if (p - label > LABEL_MAX || *label == '-' || p[-1] == '-')
			return "a part of the host is over 63 characters or has a '-' at its edge";
		if (*p == '\0')
			return digits_only ? "the host looks like an address and is none" : NULL;
		label = p + 1;
		digits_only = true;
	}
}

/* Takes the host and what follows it; *rest is where the port would start. */
static const char *host_take(const char *text, struct bc_url *url, const char **rest)
{
	const bool v6 = text[0] == '[';
	const size_t n = v6 ? strcspn(text + 1, "]") : strcspn(text, ":/?#");
	if (v6 && text[1 + n] != ']')
		return "an IPv6 address ends with ']'";
	if (n == 0)
		return "the host is missing";
	if (n > BC_URL_HOST_MAX)
		return "the host is over 100 characters";
	for (size_t i = 0; i < n; i++) {
		const char c = text[i + (v6 ? 1 : 0)];
		url->host[i] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
	}
	url->host[n] = '\0';
	*rest = text + n + (v6 ? 2 : 0);
	unsigned char address[sizeof(struct in6_addr)];
	url->numeric = inet_pton(v6 ? AF_INET6 : AF_INET, url->host, address) == 1;
	if (v6)
		return url->numeric ? NULL : "what is in brackets is no IPv6 address";
	return url->numeric ? NULL : name_fault(url->host);
}

static const char *port_take(const char *text, uint16_t *port, const char **rest)
{
	uint32_t value = 0;
	size_t n = 0;
	while (is_digit(text[n]) && n < 6)
		value = value * 10 + (uint32_t)(text[n++] - '0');
	if (n == 0 || text[0] == '0' || value > UINT16_MAX)
		return "the port is a number from 1 to 65535";
	*port = (uint16_t)value;
	*rest = text + n;
	return NULL;
}

static const char *url_take(const char *text, enum bc_url_kind kind, struct bc_url *url)
{
	const char *fault, *rest;
	const size_t n_tls = strlen(kinds[kind].tls), n_plain = strlen(kinds[kind].plain);
	url->kind = kind;
	url->tls = strncmp(text, kinds[kind].tls, n_tls) == 0;
	if (!url->tls && strncmp(text, kinds[kind].plain, n_plain) != 0)
		return kind == BC_URL_WS ? "it begins with wss:// or ws://"
					 : "it begins with https:// or http://";
	text += url->tls ? n_tls : n_plain;
	url->port = url->tls ? kinds[kind].tls_port : kinds[kind].port;
	if (strchr(text, '@') != NULL)
		return "it has no user and no password";
	if ((fault = host_take(text, url, &rest)) != NULL)
		return fault;
	if (*rest == ':' && (fault = port_take(rest + 1, &url->port, &rest)) != NULL)
		return fault;
	if (strcmp(rest, "") != 0 && strcmp(rest, "/") != 0)
		return "it ends after host and port; paths are added by the program";
	return NULL;
}

bc_status bc_url_parse(const char *text, enum bc_url_kind kind, struct bc_url *out, char *why,
		       size_t cap)
{
	struct bc_url url = { .host = "" };
	const char *fault = url_take(text, kind, &url);
	if (fault != NULL) {
		snprintf(why, cap, "%s; for example %s", fault, kinds[kind].example);
		return BC_EPARSE;
	}
	*out = url;
	return BC_OK;
}

void bc_url_format(const struct bc_url *url, char *out, size_t cap)
{
	const char *scheme = url->tls ? kinds[url->kind].tls : kinds[url->kind].plain;
	const uint16_t usual = url->tls ? kinds[url->kind].tls_port : kinds[url->kind].port;
	const bool v6 = strchr(url->host, ':') != NULL;
	const int n = snprintf(out, cap, v6 ? "%s[%s]" : "%s%s", scheme, url->host);
	if (url->port != usual && n > 0 && (size_t)n < cap)
		snprintf(out + n, cap - (size_t)n, ":%u", url->port);
}
