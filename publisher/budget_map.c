/* budget_map.c - two copies in a file, a lock of the kernel's, and what makes a file void.
 *
 * Locks are those of an open file description (F_OFD_SETLK): two in one process are two, and they
 * go when the process does, however it ends. */
#include "publisher/budget_map.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define VERSION     1
#define BYTE_UPDATE 0 /* held by who changes the state */
#define BYTE_USE    1 /* shared by all who have it mapped; alone by who replaces it */

_Static_assert(sizeof(struct budget_header) <= BUDGET_FILE_PAGE, "a page for the header");
_Static_assert(sizeof(struct budget_copy) <= BUDGET_FILE_COPY, "there is room for a copy");
_Static_assert(sizeof(struct address_budget) % 8 == 0, "it is summed in words");

/* ------------------------------------------------------------------ what it is to be */

static uint64_t sum_of(const void *bytes, size_t n)
{
	uint64_t sum = UINT64_C(0xcbf29ce484222325), word;
	for (size_t i = 0; i + sizeof word <= n; i += sizeof word) {
		memcpy(&word, (const char *)bytes + i, sizeof word);
		sum = (sum ^ word) * UINT64_C(0x9e3779b97f4a7c15);
		sum ^= sum >> 29;
	}
	return sum;
}

static uint64_t limits_of(const struct bc_exchange *x)
{
	uint64_t numbers[2 + 2 * ADDRESS_LIMITS] = { x->n_limits, sizeof(struct address_budget) };
	for (size_t i = 0; i < x->n_limits; i++) {
		numbers[2 + 2 * i] = x->limits[i].ours;
		numbers[3 + 2 * i] = (uint64_t)x->limits[i].window_ns;
	}
	return sum_of(numbers, sizeof numbers);
}

/* Monotonic times of another boot, or of another time namespace, say nothing. */
static bc_status clock_of(char out[BUDGET_CLOCK_MAX])
{
	char boot[40] = "", space[40] = "";
	FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");
	bool read = f != NULL && fgets(boot, sizeof boot, f) != NULL;
	if (f != NULL)
		fclose(f);
	boot[strcspn(boot, "\n")] = '\0';
	ssize_t n = readlink("/proc/self/ns/time", space, sizeof space - 1);
	space[n > 0 ? n : 0] = '\0'; /* older kernels have one for all */
	snprintf(out, BUDGET_CLOCK_MAX, "%.38s %.38s", boot, space);
	return read && boot[0] != '\0' ? BC_OK : BC_EINVAL;
}

bc_status budget_map_init(struct budget_map *m, const char *dir, const struct bc_exchange *x)
{
	struct budget_header *h = &m->header;
	*m = (struct budget_map){ .exchange = x, .fd = -1 };
	memset(h, 0, sizeof *h);
	memcpy(h->magic, "BCBUDGET", sizeof h->magic);
	h->version = VERSION;
	h->bytes = BUDGET_FILE_BYTES;
	h->limits = limits_of(x);
	snprintf(h->exchange, sizeof h->exchange, "%s", x->id);
	bc_status rc = clock_of(h->clock);
	h->sum = sum_of(h, offsetof(struct budget_header, sum));
	int n = snprintf(m->path, sizeof m->path, "%s/%s.budget", dir, x->id);
	return n > 0 && n < (int)sizeof m->path ? rc : BC_ERANGE;
}

/* ------------------------------------------------------------------ locks */

static bool lock_byte(int fd, off_t byte, short type)
{
	struct flock lock = { .l_type = type, .l_whence = SEEK_SET, .l_start = byte, .l_len = 1 };
	return fcntl(fd, F_OFD_SETLK, &lock) == 0;
}

static bool has_size(int fd)
{
	struct stat st;
	return fstat(fd, &st) == 0 && st.st_nlink > 0 && st.st_size == BUDGET_FILE_BYTES;
}

/* The size is looked at before the map is touched: one cut short would be a bus error. */
enum budget_lock budget_map_lock(struct budget_map *m)
{
	if (!lock_byte(m->fd, BYTE_UPDATE, F_WRLCK))
		return errno == EAGAIN || errno == EACCES ? BUDGET_BUSY : BUDGET_GONE;
	if (has_size(m->fd))
		return BUDGET_LOCKED;
	lock_byte(m->fd, BYTE_UPDATE, F_UNLCK);
	return BUDGET_GONE;
}

void budget_map_unlock(struct budget_map *m)
{
	lock_byte(m->fd, BYTE_UPDATE, F_UNLCK);
}

/* ------------------------------------------------------------------ copies */

static struct budget_copy *copy_of(const struct budget_map *m, unsigned which)
{
	return (struct budget_copy *)(void *)(m->bytes + BUDGET_FILE_PAGE +
					      (size_t)which * BUDGET_FILE_COPY);
}

static bool is_newer(const struct budget_map *m, unsigned which)
{
	return copy_of(m, which)->number > copy_of(m, 1 - which)->number;
}

static bool copy_good(const struct budget_copy *c)
{
	return c->number != 0 && c->sum == (sum_of(&c->budget, sizeof c->budget) ^ c->number);
}

static bool header_good(const struct budget_map *m)
{
	return memcmp(m->bytes, &m->header, sizeof m->header) == 0;
}

bool budget_map_read(struct budget_map *m, bc_mono_time now, struct address_budget *out)
{
	const struct budget_copy *c = copy_of(m, is_newer(m, 1));
	if (header_good(m) && copy_good(c)) {
		memcpy(out, &c->budget, sizeof *out);
		if (address_budget_sane(out, m->exchange, now))
			return true;
	}
	memcpy(m->bytes, &m->header, sizeof m->header);
	copy_of(m, 0)->number = copy_of(m, 1)->number = 0; /* neither is to be believed */
	address_budget_init(out, m->exchange);
	address_budget_exhaust(out, now);
	return false;
}

/* Its number is 0 until it is whole, so that the other one counts for whoever comes before. */
void budget_map_write(struct budget_map *m, const struct address_budget *state)
{
	unsigned newer = is_newer(m, 1);
	uint64_t number = copy_of(m, newer)->number + 1;
	struct budget_copy *c = copy_of(m, 1 - newer);
	*(volatile uint64_t *)&c->number = 0;
	atomic_signal_fence(memory_order_seq_cst);
	memcpy(&c->budget, state, sizeof c->budget);
	c->sum = sum_of(state, sizeof *state) ^ number;
	atomic_signal_fence(memory_order_seq_cst);
	*(volatile uint64_t *)&c->number = number;
}

/* ------------------------------------------------------------------ opening */

static bc_status refuse(struct budget_map *m, bc_status rc, const char *why, char *out, size_t cap)
{
	snprintf(out, cap, "%s: %s", m->path, why);
	budget_map_close(m);
	return rc;
}

/* Others of the group may run gateways, too. */
static int open_file(const char *path)
{
	int flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
	int fd = open(path, flags | O_CREAT | O_EXCL, 0660);
	if (fd >= 0 && fchmod(fd, 0660) != 0) {
		close(fd);
		return -1;
	}
	return fd >= 0 || errno != EEXIST ? fd : open(path, flags);
}

enum content { CONTENT_OURS, CONTENT_VOID, CONTENT_DAMAGED };

/* Void is what somebody wrote well: another boot, another version, or nothing yet. */
static enum content content_of(const struct budget_map *m)
{
	struct budget_header h;
	struct stat st;
	ssize_t n = pread(m->fd, &h, sizeof h, 0);
	if (n == 0)
		return CONTENT_VOID;
	if (n != (ssize_t)sizeof h || memcmp(h.magic, m->header.magic, sizeof h.magic) != 0 ||
	    h.sum != sum_of(&h, offsetof(struct budget_header, sum)))
		return CONTENT_DAMAGED;
	if (memcmp(&h, &m->header, sizeof h) != 0)
		return CONTENT_VOID;
	return fstat(m->fd, &st) == 0 && st.st_size == BUDGET_FILE_BYTES ? CONTENT_OURS
									 : CONTENT_DAMAGED;
}

static bc_status map_file(struct budget_map *m)
{
	void *bytes = mmap(NULL, BUDGET_FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, m->fd, 0);
	if (bytes == MAP_FAILED)
		return BC_EIO;
	m->bytes = bytes;
	return BC_OK;
}

/* Its pages are reserved: writing to one that a full disk has no room for is a bus error. */
static int make_room(int fd)
{
	int rc = ftruncate(fd, 0) == 0 ? posix_fallocate(fd, 0, BUDGET_FILE_BYTES) : errno;
	if (rc != 0 && ftruncate(fd, 0) == 0)
		errno = rc;
	return rc;
}

/* Nobody else has it; from its header on, all of it is new. */
static void begin(struct budget_map *m, bc_mono_time now, bool damaged)
{
	struct address_budget state;
	address_budget_init(&state, m->exchange);
	if (damaged)
		address_budget_exhaust(&state, now);
	memset(m->bytes, 0, BUDGET_FILE_BYTES);
	budget_map_write(m, &state);
	memcpy(m->bytes, &m->header, sizeof m->header);
}

/* Locked. */
static bc_status take_over(struct budget_map *m, bc_mono_time now, bool *damaged, char *why,
			   size_t cap)
{
	enum content content = content_of(m);
	bool ours = content == CONTENT_OURS;
	if (!lock_byte(m->fd, BYTE_USE, ours ? F_RDLCK : F_WRLCK))
		return refuse(m, BC_EBUSY, "of another version, or damaged, and in use", why, cap);
	if (!ours && make_room(m->fd) != 0)
		return refuse(m, BC_EIO, strerror(errno), why, cap);
	if (map_file(m) != BC_OK)
		return refuse(m, BC_EIO, strerror(errno), why, cap);
	*damaged = content == CONTENT_DAMAGED;
	if (!ours)
		begin(m, now, *damaged);
	lock_byte(m->fd, BYTE_USE, F_RDLCK);
	budget_map_unlock(m);
	return BC_OK;
}

bc_status budget_map_open(struct budget_map *m, bc_mono_time now, bool *damaged, char *why,
			  size_t cap)
{
	struct stat st;
	*damaged = false;
	m->fd = open_file(m->path);
	if (m->fd < 0)
		return refuse(m, BC_EIO, strerror(errno), why, cap);
	if (fstat(m->fd, &st) != 0 || !S_ISREG(st.st_mode))
		return refuse(m, BC_EIO, "not a regular file", why, cap);
	if (!lock_byte(m->fd, BYTE_UPDATE, F_WRLCK))
		return refuse(m, BC_EAGAIN, "locked by another process", why, cap);
	return take_over(m, now, damaged, why, cap);
}

void budget_map_close(struct budget_map *m)
{
	if (m->bytes != NULL)
		munmap(m->bytes, BUDGET_FILE_BYTES);
	if (m->fd >= 0)
		close(m->fd);
	m->bytes = NULL;
	m->fd = -1;
}
