/* The budget that gateways share in a file: seen by all, whole after any death, damage is noticed.
 */
#include "publisher/budget_file.h"
#include "publisher/budget_map.h"

#include "common/clock.h"
#include "tests/support/temp_dir.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define S  BC_NS_PER_S
#define MS BC_NS_PER_MS

static const struct bc_address_limit limits[] = { { "some", 10, 5, S },
						  { "many", 400, 300, 60 * S } };
static const struct bc_exchange exchange = { .id = "x", .limits = limits, .n_limits = 2 };
static const struct bc_address_limit other_limits[] = { { "some", 10, 4, S } };
static const struct bc_exchange other = { .id = "x", .limits = other_limits, .n_limits = 1 };

static const struct budget_ask some = { .door = BUDGET_REST, .limits = 1 };
static const struct budget_ask many = { .door = BUDGET_CONNECT, .limits = 2 };

struct rig {
	struct temp_dir dir;
	char path[96];
	struct bc_log *log;
	int log_fd;
};

static struct rig rig_new(void)
{
	struct rig r = { 0 };
	cr_assert(temp_dir_new(&r.dir));
	temp_dir_file(&r.dir, "", "x.budget", r.path, sizeof r.path);
	char name[96];
	r.log_fd =
		open(temp_dir_file(&r.dir, "", "log", name, sizeof name), O_CREAT | O_RDWR, 0600);
	r.log = bc_log_new("test", r.log_fd);
	cr_assert_not_null(r.log);
	return r;
}

static void rig_free(struct rig *r)
{
	bc_log_free(&r->log);
	close(r->log_fd);
	temp_dir_free(&r->dir);
}

static bool logged(struct rig *r, const char *text)
{
	static char all[1 << 16];
	bc_log_flush(r->log);
	ssize_t n = pread(r->log_fd, all, sizeof all - 1, 0);
	all[n > 0 ? n : 0] = '\0';
	return strstr(all, text) != NULL;
}

static struct budget_file *open_as(struct rig *r, const struct bc_exchange *x, uint64_t id,
				   bc_mono_time now)
{
	struct budget_file *f = NULL;
	const struct budget_file_options options = { r->dir.path, x, id, r->log };
	cr_assert_eq(budget_file_new(&f, &options, now), BC_OK);
	return f;
}

static bool take(struct budget_file *f, bc_mono_time now, const struct budget_ask *ask)
{
	bc_mono_time from;
	const struct budget_office *o = budget_file_office(f);
	return o->take(o->self, now, ask, &from);
}

static const struct budget_view *look(struct budget_file *f, bc_mono_time now)
{
	const struct budget_office *o = budget_file_office(f);
	o->look(o->self, now);
	return o->view;
}

static int taken_by(struct budget_file *f, bc_mono_time now, const struct budget_ask *ask)
{
	int n = 0;
	while (n < 1000 && take(f, now, ask))
		n++;
	return n;
}

static bc_mono_time after(bc_mono_time t, int64_t ns)
{
	return (bc_mono_time){ t.ns + ns };
}

Test(budget_file, one_gateway_sees_what_another_has_used)
{
	struct rig r = rig_new();
	bc_mono_time t = bc_mono_now();
	struct budget_file *a = open_as(&r, &exchange, 1, t), *b = open_as(&r, &exchange, 2, t);
	struct stat st;
	cr_assert_eq(stat(r.path, &st), 0);
	cr_expect_eq(st.st_mode & 07777, 0660);
	cr_expect_eq(st.st_size, BUDGET_FILE_BYTES);
	cr_expect_eq(taken_by(a, t, &some), 5);
	cr_expect_eq(taken_by(b, t, &some), 0);
	cr_expect_eq(taken_by(b, t, &many), 300);
	cr_expect_eq(taken_by(a, t, &many), 0);
	cr_expect(look(a, t)->shared);
	cr_expect_eq(look(a, t)->gateways, 2);
	cr_expect_eq(look(a, t)->limits[1].used, 300);
	budget_file_free(&b);
	cr_expect_eq(look(a, t)->gateways, 1, "who ends says so");
	budget_file_free(&a);
	a = open_as(&r, &exchange, 3, after(t, 500 * MS));
	cr_expect_eq(taken_by(a, after(t, 500 * MS), &some), 0,
		     "who comes again does not begin anew");
	budget_file_free(&a);
	rig_free(&r);
}

Test(budget_file, all_obey_the_ban_of_one_and_its_weight)
{
	struct rig r = rig_new();
	bc_mono_time t = bc_mono_now(), from;
	struct budget_file *a = open_as(&r, &exchange, 1, t), *b = open_as(&r, &exchange, 2, t);
	const struct budget_office *oa = budget_file_office(a), *ob = budget_file_office(b);
	const struct budget_ask heavy = {
		.door = BUDGET_REST, .weight = 40, .need = 40, .weight_limit = 100
	};
	cr_expect(take(a, t, &heavy));
	oa->answered(oa->self, t, t, 40, 90);
	cr_expect_not(take(b, t, &heavy), "the exchange has counted 90");
	oa->refused(oa->self, after(t, S), t, &some, after(t, 500 * S));
	cr_expect_not(ob->take(ob->self, after(t, 2 * S), &some, &from));
	cr_expect_eq(from.ns, after(t, 500 * S).ns);
	cr_expect(take(b, after(t, 500 * S), &some));
	budget_file_free(&a);
	budget_file_free(&b);
	rig_free(&r);
}

Test(budget_file, whoever_stood_still_does_not_take_the_others_for_damage)
{
	struct rig r = rig_new();
	bc_mono_time t = bc_mono_now(), long_ago = { t.ns - 3600 * S };
	struct budget_file *a = open_as(&r, &exchange, 1, t), *b = open_as(&r, &exchange, 2, t);
	cr_expect_eq(taken_by(a, bc_mono_now(), &some), 5);
	look(b, long_ago);
	cr_expect_not(take(b, long_ago, &some));
	cr_expect_eq(budget_file_counts(b)->damages, 0);
	budget_file_free(&a);
	budget_file_free(&b);
	rig_free(&r);
}

/* ------------------------------------------------------------------ deaths */

/* Uses it as hard as it can until it is killed. *taken: how often it was allowed; shared. */
static void use_until_killed(struct rig *r, uint64_t id, volatile uint32_t *taken)
{
	struct budget_file *f = open_as(r, &exchange, id, bc_mono_now());
	for (;;) {
		*taken += take(f, bc_mono_now(), &many);
		take(f, bc_mono_now(), &some);
	}
}

Test(budget_file, whoever_is_killed_in_the_middle_of_it_costs_nothing)
{
	struct rig r = rig_new();
	bc_mono_time t = bc_mono_now();
	struct budget_file *f = open_as(&r, &exchange, 1, t);
	volatile uint32_t *taken = mmap(NULL, sizeof *taken, PROT_READ | PROT_WRITE,
					MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq(taken, MAP_FAILED);
	unsigned random = 1;
	int rounds = getenv("BOOKCAST_LONG") != NULL ? 2000 : 150;
	for (int i = 0; i < rounds; i++) {
		pid_t child = fork();
		cr_assert_geq(child, 0);
		if (child == 0)
			use_until_killed(&r, 100 + (uint64_t)i, taken);
		struct timespec some_us = { .tv_nsec = 300000 + rand_r(&random) % 700000 };
		nanosleep(&some_us, NULL);
		kill(child, SIGKILL);
		cr_assert_eq(waitpid(child, NULL, 0), child);
		const struct budget_view *view = look(f, bc_mono_now());
		cr_assert(view->shared, "round %d", i);
		if (bc_mono_now().ns - t.ns < 60 * S)
			cr_assert_geq(view->limits[1].used, *taken, "round %d: one was forgotten",
				      i);
		/* One that was allowed may not have been heard of by the test. */
		cr_assert_leq(view->limits[1].used, *taken + (uint32_t)i + 1, "round %d", i);
	}
	cr_expect_gt(*taken, 20, "they have used it");
	cr_expect_eq(budget_file_counts(f)->damages, 0);
	cr_expect_eq(budget_file_counts(f)->alone, 0);
	cr_expect_eq(budget_file_counts(f)->busy, 0, "no lock is left behind");
	budget_file_free(&f);
	rig_free(&r);
}

/* Each in turn: what the file is like when a writer dies after so many of its stores. */
Test(budget_file, a_state_half_written_is_not_read)
{
	struct rig r = rig_new();
	bc_mono_time t = bc_mono_now();
	struct budget_file *f = open_as(&r, &exchange, 1, t);
	cr_expect_eq(taken_by(f, t, &many), 300);
	int fd = open(r.path, O_RDWR);
	unsigned char *bytes =
		mmap(NULL, BUDGET_FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	struct budget_copy *copies[2] = { (void *)(bytes + BUDGET_FILE_PAGE),
					  (void *)(bytes + BUDGET_FILE_PAGE + BUDGET_FILE_COPY) };
	struct budget_copy *older = copies[copies[0]->number > copies[1]->number];
	for (size_t n = 0; n <= sizeof older->budget; n += 512) {
		older->number = 0;
		memset(&older->budget, 0x5a, n);
		look(f, t);
		cr_expect_eq(look(f, t)->limits[1].used, 300, "%zu bytes", n);
		older = copies[copies[0]->number > copies[1]->number];
	}
	cr_expect_eq(budget_file_counts(f)->damages, 0);
	munmap(bytes, BUDGET_FILE_BYTES);
	close(fd);
	budget_file_free(&f);
	rig_free(&r);
}

/* ------------------------------------------------------------------ damage */

static void scribble(const struct rig *r, unsigned *random, int kind)
{
	int fd = open(r->path, O_RDWR);
	cr_assert_geq(fd, 0);
	unsigned char noise[64];
	for (size_t i = 0; i < sizeof noise; i++)
		noise[i] = (unsigned char)rand_r(random);
	static unsigned char zeros[BUDGET_FILE_BYTES];
	off_t copies[2] = { BUDGET_FILE_PAGE, BUDGET_FILE_PAGE + BUDGET_FILE_COPY };
	for (int i = 0; kind == 0 && i < 2; i++) /* somewhere in both */
		cr_assert_eq(pwrite(fd, noise, 64, copies[i] + 16 + rand_r(random) % 4000), 64);
	if (kind == 1)
		cr_assert_eq(pwrite(fd, zeros, sizeof zeros, 0), (ssize_t)sizeof zeros);
	if (kind == 2)
		cr_assert_eq(pwrite(fd, zeros + 1, sizeof zeros - BUDGET_FILE_PAGE,
				    BUDGET_FILE_PAGE),
			     (ssize_t)(sizeof zeros - BUDGET_FILE_PAGE));
	if (kind == 3)
		cr_assert_eq(pwrite(fd, noise, 64, 8), 64); /* the header */
	close(fd);
}

Test(budget_file, damage_is_seen_and_neither_allows_more_nor_blocks_for_ever)
{
	unsigned random = 7;
	for (int i = 0; i < 16; i++) {
		struct rig r = rig_new();
		bc_mono_time t = bc_mono_now();
		struct budget_file *f = open_as(&r, &exchange, 1, t);
		cr_expect(take(f, t, &many));
		scribble(&r, &random, i % 4);
		cr_expect_not(take(f, after(t, S), &many), "%d: nobody knows what was used", i);
		cr_expect_eq(budget_file_counts(f)->damages, 1, "%d", i);
		cr_expect(logged(&r, "budget.damaged"), "%d", i);
		cr_expect(look(f, after(t, 2 * S))->shared, "%d: and it goes on", i);
		cr_expect_eq(taken_by(f, after(t, 61 * S), &many), 300, "%d: a window later", i);
		cr_expect_eq(budget_file_counts(f)->damages, 1, "%d", i);
		budget_file_free(&f);
		rig_free(&r);
	}
}

/* The next number would be none. */
Test(budget_file, damage_of_a_number_is_mended_too)
{
	struct rig r = rig_new();
	bc_mono_time t = bc_mono_now();
	struct budget_file *f = open_as(&r, &exchange, 1, t);
	const uint64_t number = UINT64_MAX;
	int fd = open(r.path, O_RDWR);
	cr_assert_eq(pwrite(fd, &number, sizeof number, BUDGET_FILE_PAGE), sizeof number);
	close(fd);
	for (int i = 0; i < 5; i++)
		look(f, t);
	cr_expect_eq(budget_file_counts(f)->damages, 1);
	cr_expect_eq(budget_file_counts(f)->alone, 0);
	budget_file_free(&f);
	rig_free(&r);
}

Test(budget_file, damage_is_seen_where_nobody_has_it_open)
{
	unsigned random = 9;
	for (int i = 0; i < 4; i++) {
		struct rig r = rig_new();
		bc_mono_time t = bc_mono_now();
		struct budget_file *f = open_as(&r, &exchange, 1, t);
		budget_file_free(&f);
		scribble(&r, &random, i);
		f = open_as(&r, &exchange, 1, t);
		cr_expect_eq(budget_file_counts(f)->damages, 1, "%d", i);
		cr_expect(look(f, t)->shared, "%d", i);
		cr_expect_eq(taken_by(f, after(t, 59 * S), &many), 0, "%d", i);
		cr_expect_eq(taken_by(f, after(t, 61 * S), &many), 300, "%d", i);
		budget_file_free(&f);
		rig_free(&r);
	}
}

Test(budget_file, one_that_is_damaged_again_and_again_is_left_alone)
{
	struct rig r = rig_new();
	unsigned random = 7;
	bc_mono_time t = bc_mono_now();
	struct budget_file *f = open_as(&r, &exchange, 1, t);
	for (int i = 0; i < 6; i++) {
		scribble(&r, &random, 0);
		look(f, after(t, i * 120 * S));
	}
	cr_expect_not(look(f, after(t, 720 * S))->shared);
	cr_expect(logged(&r, "budget.alone"));
	cr_expect_eq(taken_by(f, after(t, 720 * S), &many), 300, "by itself, within its limits");
	budget_file_free(&f);
	rig_free(&r);
}

Test(budget_file, one_that_is_removed_or_cut_short_is_made_anew)
{
	for (int i = 0; i < 2; i++) {
		struct rig r = rig_new();
		bc_mono_time t = bc_mono_now();
		struct budget_file *a = open_as(&r, &exchange, 1, t);
		struct budget_file *b = open_as(&r, &exchange, 2, t);
		if (i == 0)
			cr_assert_eq(unlink(r.path), 0);
		else
			cr_assert_eq(truncate(r.path, 100), 0);
		for (int k = 0; k < 40; k++) { /* as heartbeats do */
			look(a, after(t, k * S));
			look(b, after(t, k * S));
		}
		t = after(t, 200 * S);
		cr_expect_eq(look(a, t)->shared + look(b, t)->shared, 2, "%d", i);
		cr_expect_eq(taken_by(a, t, &some), 5);
		cr_expect_eq(taken_by(b, t, &some), 0, "%d: they share one again", i);
		struct budget_file *c = open_as(&r, &exchange, 3, t);
		cr_expect_eq(taken_by(c, t, &some), 0, "%d: with whoever comes later", i);
		budget_file_free(&c);
		budget_file_free(&a);
		budget_file_free(&b);
		rig_free(&r);
	}
}

/* ------------------------------------------------------------------ not ours */

/* Writes another boot id, with a good sum, as the machine's last boot left it. */
static void age(const struct rig *r)
{
	struct budget_map m;
	struct budget_header *h = &m.header;
	cr_assert_eq(budget_map_init(&m, r->dir.path, &exchange), BC_OK);
	h->clock[0] = h->clock[0] == '0' ? '1' : '0';
	bool was_damaged;
	char why[128];
	/* The same code makes it, only at another boot. */
	uint64_t sum = UINT64_C(0xcbf29ce484222325), word;
	for (size_t i = 0; i < offsetof(struct budget_header, sum); i += 8) {
		memcpy(&word, (char *)h + i, 8);
		sum = (sum ^ word) * UINT64_C(0x9e3779b97f4a7c15);
		sum ^= sum >> 29;
	}
	h->sum = sum;
	cr_assert_eq(budget_map_open(&m, bc_mono_now(), &was_damaged, why, sizeof why), BC_OK, "%s",
		     why);
	struct address_budget state;
	address_budget_init(&state, &exchange);
	address_budget_exhaust(&state, after(bc_mono_now(), 9000 * S));
	cr_assert_eq(budget_map_lock(&m), BUDGET_LOCKED);
	budget_map_write(&m, &state);
	budget_map_unlock(&m);
	budget_map_close(&m);
}

Test(budget_file, a_file_of_an_earlier_boot_is_void)
{
	struct rig r = rig_new();
	age(&r);
	bc_mono_time t = bc_mono_now();
	struct budget_file *f = open_as(&r, &exchange, 1, t);
	cr_expect(look(f, t)->shared);
	cr_expect_eq(budget_file_counts(f)->damages, 0);
	cr_expect_eq(taken_by(f, t, &many), 300);
	budget_file_free(&f);
	rig_free(&r);
}

Test(budget_file, one_of_another_version_in_use_is_not_touched)
{
	struct rig r = rig_new();
	bc_mono_time t = bc_mono_now();
	struct budget_file *a = open_as(&r, &exchange, 1, t), *b = open_as(&r, &other, 2, t);
	cr_expect(look(a, t)->shared);
	cr_expect_not(look(b, t)->shared);
	cr_expect(logged(&r, "budget.alone"));
	cr_expect_eq(taken_by(b, t, &some), 4, "its own limits hold");
	cr_expect_eq(taken_by(a, t, &some), 5);
	budget_file_free(&a);
	cr_expect_not(look(b, after(t, 9 * S))->shared, "not tried all the time");
	cr_expect(look(b, after(t, 11 * S))->shared, "nobody uses it any more");
	budget_file_free(&b);
	rig_free(&r);
}

Test(budget_file, where_there_can_be_none_the_gateway_goes_on_alone)
{
	struct rig r = rig_new();
	bc_mono_time t = bc_mono_now();
	cr_assert_eq(mkdir(r.path, 0700), 0); /* root could write anywhere else */
	struct budget_file *f = open_as(&r, &exchange, 1, t);
	cr_expect_not(look(f, t)->shared);
	cr_expect_eq(look(f, t)->gateways, 1);
	cr_expect_eq(taken_by(f, t, &some), 5);
	cr_expect(logged(&r, "budget.alone"));
	cr_assert_eq(rmdir(r.path), 0);
	t = after(t, BUDGET_FILE_AGAIN_NS + S);
	cr_expect(look(f, t)->shared, "tried again");
	cr_assert_eq(budget_file_counts(f)->alone, 1);
	budget_file_free(&f);
	rig_free(&r);
}

Test(budget_file, a_full_disk_is_seen_before_anything_is_written)
{
	struct rig r = rig_new();
	bc_mono_time t = bc_mono_now();
	struct rlimit little = { 3 * BUDGET_FILE_PAGE, RLIM_INFINITY }, was;
	signal(SIGXFSZ, SIG_IGN);
	cr_assert_eq(getrlimit(RLIMIT_FSIZE, &was), 0);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &little), 0);
	struct budget_file *f = open_as(&r, &exchange, 1, t);
	cr_expect_not(look(f, t)->shared);
	cr_expect_eq(taken_by(f, t, &some), 5);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &was), 0);
	cr_expect(look(f, after(t, BUDGET_FILE_AGAIN_NS + S))->shared);
	cr_expect_eq(budget_file_counts(f)->damages, 0, "what was begun then is nothing");
	budget_file_free(&f);
	rig_free(&r);
}

/* A holder that was stopped in the middle of it. */
Test(budget_file, a_holder_that_stands_still_holds_nobody_up)
{
	struct rig r = rig_new();
	bc_mono_time t = bc_mono_now();
	struct budget_file *f = open_as(&r, &exchange, 1, t);
	struct budget_map holder;
	bool was_damaged;
	char why[128];
	cr_assert_eq(budget_map_init(&holder, r.dir.path, &exchange), BC_OK);
	cr_assert_eq(budget_map_open(&holder, t, &was_damaged, why, sizeof why), BC_OK);
	cr_assert_eq(budget_map_lock(&holder), BUDGET_LOCKED);
	cr_expect_not(take(f, t, &some), "in a moment");
	cr_expect_not(take(f, after(t, 500 * MS), &some));
	cr_expect(take(f, after(t, BUDGET_FILE_BUSY_NS + S), &some), "alone");
	cr_expect(logged(&r, "budget.alone"));
	const struct budget_office *o = budget_file_office(f);
	o->refused(o->self, after(t, 2 * S), t, &some, after(t, 100 * S));
	budget_map_unlock(&holder);
	struct budget_file *b = open_as(&r, &exchange, 2, after(t, 12 * S));
	look(f, after(t, 13 * S));
	cr_expect(look(f, after(t, 13 * S))->shared);
	cr_expect_not(take(b, after(t, 14 * S), &some), "what was refused meanwhile holds for all");
	budget_map_close(&holder);
	budget_file_free(&f);
	budget_file_free(&b);
	rig_free(&r);
}
