/* Two owners of one socket path would steal it from each other without a word. */
#include "common/run_dir.h"

#include <criterion/criterion.h>

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static char base[64];

static void make_base(void)
{
	strcpy(base, "/tmp/bc-run-dir-XXXXXX");
	cr_assert_not_null(mkdtemp(base));
	unsetenv("BOOKCAST_RUN_DIR");
}

static void remove_base(void)
{
	char command[128];
	snprintf(command, sizeof command, "rm -rf %s", base);
	cr_expect_eq(system(command), 0);
}

TestSuite(run_dir, .init = make_base, .fini = remove_base);
TestSuite(run_lock, .init = make_base, .fini = remove_base);
TestSuite(run_epoch, .init = make_base, .fini = remove_base);

Test(run_dir, the_given_one_is_made_and_wins)
{
	char want[BC_PATH_MAX], out[BC_PATH_MAX], why[256];
	snprintf(want, sizeof want, "%s/given", base);
	cr_expect_eq(bc_run_dir(want, false, out, why, sizeof why), BC_ENOTFOUND);
	cr_expect_not_null(strstr(why, "does not exist"));
	cr_expect_eq(bc_run_dir(want, true, out, why, sizeof why), BC_OK);
	cr_expect_str_eq(out, want);
	cr_expect_eq(bc_run_dir(want, true, out, why, sizeof why), BC_OK, "a second time");
	setenv("BOOKCAST_RUN_DIR", base, 1);
	cr_expect_eq(bc_run_dir(want, false, out, why, sizeof why), BC_OK);
	cr_expect_str_eq(out, want);
	cr_expect_eq(bc_run_dir("", false, out, why, sizeof why), BC_OK);
	cr_expect_str_eq(out, base);
}

Test(run_dir, a_relative_one_becomes_absolute)
{
	char want[BC_PATH_MAX], out[BC_PATH_MAX], why[256];
	cr_assert_eq(chdir(base), 0);
	snprintf(want, sizeof want, "%s/here", base);
	cr_expect_eq(bc_run_dir("here", true, out, why, sizeof why), BC_OK);
	cr_expect_str_eq(out, want);
}

Test(run_dir, what_cannot_be_used_is_refused_with_the_reason)
{
	char path[300], out[BC_PATH_MAX], why[256];
	snprintf(path, sizeof path, "%s/file", base);
	FILE *f = fopen(path, "w");
	cr_assert_not_null(f);
	fclose(f);
	cr_expect_eq(bc_run_dir(path, true, out, why, sizeof why), BC_EIO);
	cr_expect_not_null(strstr(why, "not a directory"), "%s", why);
	snprintf(path, sizeof path, "%s/no/parent", base);
	cr_expect_eq(bc_run_dir(path, true, out, why, sizeof why), BC_EIO);
	cr_expect_not_null(strstr(why, "No such file"), "%s", why);
	memset(path + strlen(base) + 1, 'x', 100);
	path[strlen(base) + 101] = '\0';
	cr_expect_eq(bc_run_dir(path, true, out, why, sizeof why), BC_ERANGE);
	cr_expect_not_null(strstr(why, "shorter"), "%s", why);
}

/* Only where the system's directory cannot be chosen: not root and no /run/bookcast. */
Test(run_dir, one_in_the_user_directory_must_be_private)
{
	char dir[BC_PATH_MAX], out[BC_PATH_MAX], why[256];
	struct stat st;
	bool root = getuid() == 0;
	if (root) { /* as nobody, who cannot write /run; the way back stays open */
		cr_assert_eq(chmod(base, 0777), 0);
		cr_assert_eq(setresuid(65534, 65534, 0), 0);
	}
	if (stat("/run/bookcast", &st) == 0)
		cr_skip_test("/run/bookcast exists here and is preferred");
	setenv("XDG_RUNTIME_DIR", base, 1);
	snprintf(dir, sizeof dir, "%s/bookcast", base);
	cr_expect_eq(bc_run_dir(NULL, true, out, why, sizeof why), BC_OK, "%s", why);
	cr_expect_str_eq(out, dir);
	cr_expect(stat(dir, &st) == 0 && (st.st_mode & 07777) == 0700);
	cr_expect_eq(chmod(dir, 0755), 0);
	cr_expect_eq(bc_run_dir(NULL, false, out, why, sizeof why), BC_EIO);
	cr_expect_not_null(strstr(why, "chmod 700"), "%s", why);
	cr_expect_eq(rmdir(dir), 0);
	cr_expect_eq(symlink("/tmp", dir), 0);
	cr_expect_eq(bc_run_dir(NULL, true, out, why, sizeof why), BC_EIO);
	cr_expect_not_null(strstr(why, "not a directory"), "%s", why);
	if (root)
		cr_expect_eq(setresuid(0, 0, 0), 0);
}

Test(run_lock, a_second_owner_is_refused_and_told_who_owns_it)
{
	char why[256] = "", pid[64];
	int first = -1, second = -1;
	cr_assert_eq(bc_run_lock(base, "upbit.0.pub", &first, why, sizeof why), BC_OK, "%s", why);
	cr_expect_eq(bc_run_lock(base, "upbit.0.pub", &second, why, sizeof why), BC_EBUSY);
	snprintf(pid, sizeof pid, "process %ld (", (long)getpid());
	cr_expect_not_null(strstr(why, pid), "%s", why);
	cr_expect_not_null(strstr(why, "upbit.0.pub in "), "%s", why);
	cr_expect_eq(bc_run_lock(base, "upbit.1.pub", &second, why, sizeof why), BC_OK);
	close(second);
	close(first);
	cr_expect_eq(bc_run_lock(base, "upbit.0.pub", &first, why, sizeof why), BC_OK,
		     "free again: %s", why);
	close(first);
}

Test(run_lock, of_a_killed_owner_is_free_at_once)
{
	char why[256] = "", ready;
	int p[2], fd = -1, status;
	cr_assert_eq(pipe(p), 0);
	pid_t child = fork();
	if (child == 0) {
		bc_status rc = bc_run_lock(base, "cache.rpc", &fd, why, sizeof why);
		_exit(rc == BC_OK && write(p[1], "x", 1) == 1 ? pause() : 1);
	}
	close(p[1]);
	cr_assert_eq(read(p[0], &ready, 1), 1);
	cr_expect_eq(bc_run_lock(base, "cache.rpc", &fd, why, sizeof why), BC_EBUSY);
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	cr_expect_eq(bc_run_lock(base, "cache.rpc", &fd, why, sizeof why), BC_OK, "%s", why);
	close(fd);
}

Test(run_lock, does_not_follow_a_link_put_there_by_others)
{
	char path[128], why[256];
	int fd;
	snprintf(path, sizeof path, "%s/cache.rpc.lock", base);
	cr_assert_eq(symlink("/etc/passwd", path), 0);
	cr_expect_eq(bc_run_lock(base, "cache.rpc", &fd, why, sizeof why), BC_EIO);
}

Test(run_path, is_refused_where_a_socket_could_not_be_bound)
{
	char dir[200], out[BC_PATH_MAX];
	cr_expect_eq(bc_run_path("/run/bookcast", "cache.rpc", out), BC_OK);
	cr_expect_str_eq(out, "/run/bookcast/cache.rpc");
	memset(dir, 'x', sizeof dir);
	dir[97] = '\0';
	cr_expect_eq(bc_run_path(dir, "cache.rpc", out), BC_OK);
	dir[97] = 'x';
	dir[98] = '\0';
	cr_expect_eq(bc_run_path(dir, "cache.rpc", out), BC_ERANGE);
}

Test(run_epoch, grows_though_the_clock_is_set_back)
{
	static const struct {
		uint64_t now, epoch;
		const char *kept, *why;
	} rows[] = {
		{ 1000, 1000, NULL, "the first one" },
		{ 2000, 2000, NULL, "time passed" },
		{ 1500, 2001, NULL, "the clock was set back" },
		{ 2001, 2002, NULL, "two in a microsecond" },
		{ 5000, 5000, "", "nothing was kept" },
		{ 6000, 6000, "rubbish", "what was kept is no number" },
		{ 7000, 7000, "9007199254740991", "beyond the last epoch there is none" },
	};
	char path[128], why[256];
	snprintf(path, sizeof path, "%s/upbit.0.pub.epoch", base);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		uint64_t epoch = 0;
		FILE *f = rows[i].kept == NULL ? NULL : fopen(path, "w");
		if (f != NULL) {
			fputs(rows[i].kept, f);
			fclose(f);
		}
		cr_assert_eq(bc_run_epoch(base, "upbit.0.pub", rows[i].now, &epoch, why,
					  sizeof why),
			     BC_OK, "%s", why);
		cr_expect_eq(epoch, rows[i].epoch, "%s: %llu", rows[i].why,
			     (unsigned long long)epoch);
	}
	uint64_t epoch;
	cr_expect_eq(bc_run_epoch("/nowhere", "x", 1, &epoch, why, sizeof why), BC_EIO);
	cr_expect(strstr(why, "/nowhere/x.epoch") != NULL, "%s", why);
}
