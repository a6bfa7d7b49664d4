#include "common/run_dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_ROOM \
	24 /* of BC_PATH_MAX: at least "/binance-usdm.@0.pub" must fit behind the directory */

static bool is_dir(const char *path)
{
	struct stat st;
	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* Where it is, in order of preference. `private` directories are ours alone. */
static bool choose(const char *given, char *out, size_t cap, bool *private)
{
	const char *environment = getenv("BOOKCAST_RUN_DIR");
	const char *user = getenv("XDG_RUNTIME_DIR");
	const char *chosen = given != NULL && given[0] ? given : environment;
	*private = false;
	if (chosen != NULL && chosen[0] == '/')
		return snprintf(out, cap, "%s", chosen) < (int)cap;
	if (chosen != NULL && chosen[0]) { /* endpoints are handed to processes elsewhere */
		char *here = getcwd(NULL, 0);
		bool fits = here != NULL && snprintf(out, cap, "%s/%s", here, chosen) < (int)cap;
		free(here);
		return fits;
	}
	if (is_dir("/run/bookcast") || access("/run", W_OK) == 0)
		return snprintf(out, cap, "/run/bookcast") < (int)cap;
	*private = true;
	if (user != NULL && user[0] == '/' && is_dir(user))
		return snprintf(out, cap, "%s/bookcast", user) < (int)cap;
	return snprintf(out, cap, "/tmp/bookcast-%u", (unsigned)getuid()) < (int)cap;
}

/* In /tmp anybody may have made it first. */
static bc_status check_private(const char *dir, char *why, size_t cap)
{
	struct stat st;
	if (lstat(dir, &st) != 0)
		snprintf(why, cap, "%s: %s", dir, strerror(errno));
	else if (!S_ISDIR(st.st_mode))
		snprintf(why, cap, "%s is not a directory; remove it or give --run-dir", dir);
	else if (st.st_uid != getuid())
		snprintf(why, cap, "%s belongs to user %u, not to you (%u); give --run-dir", dir,
			 (unsigned)st.st_uid, (unsigned)getuid());
	else if (st.st_mode & 077)
		snprintf(why, cap, "others may enter %s (mode %o); chmod 700 it or give --run-dir",
			 dir, (unsigned)(st.st_mode & 07777));
	else
		return BC_OK;
	return BC_EIO;
}

static bc_status check_usable(const char *dir, bool create, char *why, size_t cap)
{
	if (!is_dir(dir))
		snprintf(why, cap, "%s is not a directory", dir);
	else if (access(dir, X_OK) != 0)
		snprintf(why, cap, "%s: %s; run as a user who may enter it or give --run-dir", dir,
			 strerror(errno));
	else if (create && access(dir, W_OK) != 0)
		snprintf(why, cap, "%s: %s; run as a user who may write there or give --run-dir",
			 dir, strerror(errno));
	else
		return BC_OK;
	return BC_EIO;
}

bc_status bc_run_dir(const char *given, bool create, char out[BC_PATH_MAX], char *why, size_t cap)
{
	bool private;
	if (!choose(given, out, BC_PATH_MAX - NAME_ROOM, &private)) {
		snprintf(why, cap,
			 "the run directory's path is longer than %d bytes: the path of a unix "
			 "socket ends at %d; give a shorter --run-dir",
			 BC_PATH_MAX - NAME_ROOM - 1, BC_PATH_MAX - 1);
		return BC_ERANGE;
	}
	if (create && mkdir(out, private ? 0700 : 0755) != 0 && errno != EEXIST) {
		snprintf(why, cap, "cannot make %s: %s; give --run-dir", out, strerror(errno));
		return BC_EIO;
	}
	if (!create && access(out, F_OK) != 0) {
		snprintf(why, cap,
			 "%s does not exist: nothing runs there; start a gateway or the cache, or "
			 "give their --run-dir",
			 out);
		return BC_ENOTFOUND;
	}
	bc_status rc = private ? check_private(out, why, cap) : BC_OK;
	return rc == BC_OK ? check_usable(out, create, why, cap) : rc;
}

bc_status bc_run_path(const char *dir, const char *name, char out[BC_PATH_MAX])
{
	int n = snprintf(out, BC_PATH_MAX, "%s/%s", dir, name);
	return n > 0 && n < BC_PATH_MAX ? BC_OK : BC_ERANGE;
}

/* Who holds the lock, as far as the file and /proc tell. */
static void name_owner(int fd, const char *dir, const char *name, char *why, size_t cap)
{
	char text[32] = "", path[64], program[32] = "";
	ssize_t n = pread(fd, text, sizeof text - 1, 0);
	long pid = n > 0 ? strtol(text, NULL, 10) : 0;
	snprintf(path, sizeof path, "/proc/%ld/comm", pid);
	FILE *f = pid > 0 ? fopen(path, "re") : NULL;
	if (f != NULL) {
		if (fgets(program, sizeof program, f) != NULL)
			program[strcspn(program, "\n")] = '\0';
		fclose(f);
	}
	if (pid <= 0)
		snprintf(why, cap, "%s in %s is owned by another process", name, dir);
	else
		snprintf(why, cap, "%s in %s is owned by process %ld%s%s%s", name, dir, pid,
			 program[0] ? " (" : "", program, program[0] ? ")" : "");
}

bc_status bc_run_lock(const char *dir, const char *name, int *fd, char *why, size_t cap)
{
	char path[BC_PATH_MAX + 8];
	int n = snprintf(path, sizeof path, "%s/%s.lock", dir, name);
	if (n < 0 || n >= (int)sizeof path) {
		snprintf(why, cap, "%s/%s.lock: the path is too long", dir, name);
		return BC_ERANGE;
	}
	int lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (lock < 0) {
		snprintf(why, cap, "%s: %s", path, strerror(errno));
		return BC_EIO;
	}
	if (flock(lock, LOCK_EX | LOCK_NB) != 0) {
		bool taken = errno == EWOULDBLOCK;
		if (taken)
			name_owner(lock, dir, name, why, cap);
		else
			snprintf(why, cap, "%s: flock: %s", path, strerror(errno));
		close(lock);
		return taken ? BC_EBUSY : BC_EIO;
	}
	char text[32];
	int length = snprintf(text, sizeof text, "%ld\n", (long)getpid());
	if (ftruncate(lock, 0) != 0 || pwrite(lock, text, (size_t)length, 0) != length) {
		snprintf(why, cap, "%s: %s", path, strerror(errno)); /* the disk is full */
		close(lock);
		return BC_EIO;
	}
	*fd = lock;
	return BC_OK;
}

#define EPOCH_END (UINT64_C(1) << 53)

bc_status bc_run_epoch(const char *dir, const char *name, uint64_t now_us, uint64_t *out, char *why,
		       size_t cap)
{
	char path[BC_PATH_MAX + 8], text[32] = "";
	int n = snprintf(path, sizeof path, "%s/%s.epoch", dir, name);
	int file = n > 0 && n < (int)sizeof path
			   ? open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644)
			   : -1;
	ssize_t length = file < 0 ? -1 : pread(file, text, sizeof text - 1, 0);
	uint64_t last = length > 0 ? strtoull(text, NULL, 10) : 0;
	*out = last >= now_us && last < EPOCH_END - 1 ? last + 1 : now_us;
	length = snprintf(text, sizeof text, "%llu\n", (unsigned long long)*out);
	bool kept = file >= 0 && ftruncate(file, 0) == 0 &&
		    pwrite(file, text, (size_t)length, 0) == length;
	if (!kept)
		snprintf(why, cap, "%s: %s", path, strerror(errno));
	if (file >= 0)
		close(file);
	return kept ? BC_OK : BC_EIO;
}

bc_status bc_run_each(const char *dir, const char *begins, const char *ends,
		      void (*each)(void *self, const char *name), void *self)
{
	DIR *open = opendir(dir);
	const struct dirent *entry;
	size_t n_begins = strlen(begins), n_ends = strlen(ends);
	if (open == NULL)
		return BC_EIO;
	while ((entry = readdir(open)) != NULL) {
		size_t n = strlen(entry->d_name);
		if (n >= n_begins + n_ends && strncmp(entry->d_name, begins, n_begins) == 0 &&
		    strcmp(entry->d_name + n - n_ends, ends) == 0)
			each(self, entry->d_name);
	}
	closedir(open);
	return BC_OK;
}
