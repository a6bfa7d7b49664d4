#include "common/sd_notify.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

bc_status bc_sd_notify(const char *text)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	const char *path = getenv("NOTIFY_SOCKET");
	if (path == NULL || path[0] == '\0')
		return BC_OK;
	size_t n = strlen(path);
	if ((path[0] != '/' && path[0] != '@') || n >= sizeof to.sun_path)
		return BC_EINVAL;
	memcpy(to.sun_path, path, n);
	if (path[0] == '@') /* an abstract one */
		to.sun_path[0] = '\0';
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return BC_EIO;
	socklen_t length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
	ssize_t sent = sendto(fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT,
			      (const struct sockaddr *)&to, length);
	close(fd);
	return sent == (ssize_t)strlen(text) ? BC_OK : BC_EIO;
}

int64_t bc_sd_watchdog_ns(void)
{
	const char *us = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	if (us == NULL || (pid != NULL && strtol(pid, NULL, 10) != (long)getpid()))
		return 0;
	long long interval = strtoll(us, NULL, 10);
	return interval > 0 && interval < INT64_MAX / 1000 ? interval * 1000 / 2 : 0;
}
