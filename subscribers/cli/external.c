/* `bookcast X` for an X that is not built in is the program bookcast-X beside this one, as git
 * does it: so `decode` can live with the exchanges and this program need not know them. */
#include "subscribers/cli/verbs.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PREFIX "bookcast-"

/* "/usr/bin/" of this program. */
static bool own_directory(char *out, size_t cap)
{
	ssize_t n = readlink("/proc/self/exe", out, cap - 1);
	if (n <= 0)
		return false;
	out[n] = '\0';
	char *slash = strrchr(out, '/');
	if (slash == NULL)
		return false;
	slash[1] = '\0';
	return true;
}

/* Daemons are no verbs. */
static bool is_verb(const char *name)
{
	static const char *const daemons[] = { "gateway", "cache", "sim" };
	if (name[0] == '\0' ||
	    strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(name))
		return false;
	for (size_t i = 0; i < sizeof daemons / sizeof *daemons; i++)
		if (strcmp(name, daemons[i]) == 0)
			return false;
	return true;
}

void cli_external_run(const char *name, char **argv)
{
	char path[4096 + 64];
	if (!is_verb(name) || strlen(name) > 40 || !own_directory(path, 4096))
		return;
	strcat(strcat(path, PREFIX), name);
	argv[0] = path;
	execv(path, argv);
}

size_t cli_external_names(char **names, size_t max)
{
	char path[4096];
	size_t n = 0;
	DIR *dir = own_directory(path, sizeof path) ? opendir(path) : NULL;
	if (dir == NULL)
		return 0;
	for (struct dirent *e; n < max && (e = readdir(dir)) != NULL;) {
		const char *name = e->d_name + strlen(PREFIX);
		if (strncmp(e->d_name, PREFIX, strlen(PREFIX)) != 0 || !is_verb(name) ||
		    faccessat(dirfd(dir), e->d_name, X_OK, 0) != 0)
			continue;
		names[n] = strdup(name);
		if (names[n] != NULL)
			n++;
	}
	closedir(dir);
	return n;
}
