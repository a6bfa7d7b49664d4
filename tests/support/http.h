/* http.h - one HTTP request over a socket of its own, answered or cut off. */
#ifndef BC_TEST_HTTP_H
#define BC_TEST_HTTP_H

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Of "127.0.0.1:39123". */
static inline uint16_t http_port(const char *address)
{
	const char *colon = strrchr(address, ':');
	return colon == NULL ? 0 : (uint16_t)strtoul(colon + 1, NULL, 10);
}

static inline int http_connect(uint16_t port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct timeval patience = { .tv_sec = 60 };
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0) {
		if (fd >= 0)
			close(fd);
		return -1;
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
	return fd;
}

/* Sends `request` as it is; the whole answer, NUL terminated, the caller frees it. NULL: none. */
static inline char *http_raw(uint16_t port, const char *request)
{
	size_t cap = 1 << 20, n = 0;
	char *answer = calloc(1, cap);
	int fd = http_connect(port);
	ssize_t got;
	if (fd < 0 || answer == NULL ||
	    send(fd, request, strlen(request), MSG_NOSIGNAL) != (ssize_t)strlen(request)) {
		free(answer);
		answer = NULL;
	}
	while (answer != NULL && n < cap - 1 && (got = recv(fd, answer + n, cap - 1 - n, 0)) > 0)
		n += (size_t)got;
	if (fd >= 0)
		close(fd);
	return answer;
}

/* "GET", "/metrics"; the status, 0 without an answer. *body points into *answer. */
static inline int http_get(uint16_t port, const char *method, const char *path, char **answer,
			   char **body)
{
	char request[512];
	snprintf(request, sizeof request,
		 "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", method, path);
	*answer = http_raw(port, request);
	*body = *answer != NULL ? strstr(*answer, "\r\n\r\n") : NULL;
	if (*body == NULL || strncmp(*answer, "HTTP/1.1 ", 9) != 0)
		return 0;
	*body += 4;
	return (int)strtol(*answer + 9, NULL, 10);
}

#endif
