/* latest_file.c - life of the writer, and larger files in place of smaller ones. */
#include "common/latest_writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define FIRST_SLOT_BYTES 65536u
#define FIRST_INDEX      512u

/* ------------------------------------------------------------------ files */

static bc_status fail(char *why, size_t cap, const char *path, const char *what)
{
	snprintf(why, cap, "%s: %s: %s", path, what, strerror(errno));
	return BC_EIO;
}

static void fill_header(const struct bc_latest_writer *w, unsigned char *bytes)
{
	struct bc_latest_header *h = header_of(bytes);
	memcpy(h->magic, BC_LATEST_MAGIC, sizeof h->magic);
	h->version = BC_LATEST_VERSION;
	h->file_bytes = w->n_bytes;
	h->slots_at = sizeof *h;
	h->slots_end = h->index_at = w->slots_end;
	h->n_index = w->n_index;
	h->epoch = w->epoch;
	h->pid = (uint64_t)getpid();
	bc_latest_boot(h->boot);
	memcpy(h->exchange, w->exchange, strlen(w->exchange) + 1);
	memcpy(h->instance, w->instance, strlen(w->instance) + 1);
	store(&h->interval_ns, (uint64_t)w->interval_ns);
	store(&h->heard, (uint64_t)w->heard);
	store(&h->status, BC_LATEST_LIVE);
}

/* A file of w->n_bytes without a name of its own yet. All of it is reserved: a write to a mapping
 * has nobody to tell that the disk is full. */
static bc_status make_file(const struct bc_latest_writer *w, unsigned char **out, char *why,
			   size_t cap)
{
	unlink(w->new_path); /* of one who died while making it */
	int fd = open(w->new_path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0)
		return fail(why, cap, w->new_path, "open");
	bc_status rc = BC_OK;
	if (fchmod(fd, 0640) != 0) /* whatever the umask */
		rc = fail(why, cap, w->new_path, "chmod");
	else if ((errno = posix_fallocate(fd, 0, (off_t)w->n_bytes)) != 0)
		rc = fail(why, cap, w->new_path, "reserve");
	void *bytes = rc == BC_OK
			      ? mmap(NULL, w->n_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
			      : MAP_FAILED;
	if (rc == BC_OK && bytes == MAP_FAILED)
		rc = fail(why, cap, w->new_path, "map");
	close(fd);
	if (rc != BC_OK)
		unlink(w->new_path);
	*out = bytes;
	return rc;
}

static void enter_all(const struct bc_latest_writer *w)
{
	for (uint32_t i = 0; i < w->n_numbers; i++) {
		uint64_t units = w->by_number[i].units;
		if (units != 0)
			latest_enter(w, topic_of(slot_of(w, units)), units);
	}
}

/* The file of the sizes in w takes the place of `old`; slots keep theirs. */
static bc_status replace(struct bc_latest_writer *w, const struct bc_latest_writer *old, char *why,
			 size_t cap)
{
	bc_status rc = make_file(w, &w->bytes, why, cap);
	if (rc != BC_OK)
		return rc;
	if (old->bytes != NULL)
		memcpy(w->bytes + sizeof(struct bc_latest_header),
		       old->bytes + sizeof(struct bc_latest_header),
		       old->next - sizeof(struct bc_latest_header));
	fill_header(w, w->bytes);
	enter_all(w);
	if (rename(w->new_path, w->path) != 0) {
		rc = fail(why, cap, w->path, "rename");
		munmap(w->bytes, w->n_bytes);
		unlink(w->new_path);
		return rc;
	}
	if (old->bytes != NULL) {
		atomic_store_explicit(&header_of(old->bytes)->status, BC_LATEST_SUPERSEDED,
				      memory_order_release);
		munmap(old->bytes, old->n_bytes);
	}
	w->stats.bytes = w->n_bytes;
	w->stats.generations++;
	return BC_OK;
}

/* At least twice as large, if the present one has no room. */
bc_status latest_reserve(struct bc_latest_writer *w, uint64_t need, char *why, size_t cap)
{
	struct bc_latest_writer larger = *w;
	if (w->next + need > w->slots_end) {
		larger.slots_end = 2 * w->slots_end;
		while (w->next + need > larger.slots_end)
			larger.slots_end *= 2;
	}
	if (2 * (w->stats.topics + 1) > w->n_index)
		larger.n_index = 2 * w->n_index;
	if (larger.slots_end == w->slots_end && larger.n_index == w->n_index)
		return BC_OK;
	larger.n_bytes = larger.slots_end + larger.n_index * sizeof(uint64_t);
	if (larger.n_bytes > w->max_bytes)
		return BC_ERANGE;
	bc_status rc = replace(&larger, w, why, cap);
	if (rc == BC_OK)
		*w = larger;
	return rc;
}

/* What a process before us left says LIVE until its heartbeats are missed; we know better. */
static void supersede_left(const char *path)
{
	struct bc_latest_header h;
	struct stat st;
	const uint64_t status = BC_LATEST_SUPERSEDED;
	const off_t at = offsetof(struct bc_latest_header, status);
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    pread(fd, &h, sizeof h, 0) == (ssize_t)sizeof h &&
	    memcmp(h.magic, BC_LATEST_MAGIC, sizeof h.magic) == 0 && h.version == BC_LATEST_VERSION)
		(void)!pwrite(fd, &status, sizeof status, at);
	close(fd);
}

/* ------------------------------------------------------------------ life */

bc_status bc_latest_writer_new(struct bc_latest_writer **out, const struct bc_latest_options *o,
			       char *why, size_t cap)
{
	struct bc_latest_writer *w = calloc(1, sizeof *w);
	if (w == NULL)
		return BC_ENOMEM;
	const struct bc_latest_writer nothing = { .bytes = NULL };
	int n = snprintf(w->path, sizeof w->path, "%s/%s", o->dir, o->name);
	int m = snprintf(w->new_path, sizeof w->new_path, "%s/%s.new", o->dir, o->name);
	bc_status rc = BC_OK;
	if (n < 0 || n >= BC_LATEST_PATH_MAX || m < 0 || m >= BC_LATEST_PATH_MAX ||
	    strlen(o->exchange) > BC_TOPIC_MAX || strlen(o->instance) > BC_TOPIC_MAX) {
		snprintf(why, cap, "%s/%s: the name is too long", o->dir, o->name);
		rc = BC_EINVAL;
	} else {
		memcpy(w->exchange, o->exchange, strlen(o->exchange) + 1);
		memcpy(w->instance, o->instance, strlen(o->instance) + 1);
		w->epoch = o->epoch;
		w->interval_ns = o->interval_ns;
		w->max_bytes = o->max_bytes > 0 ? o->max_bytes : BC_LATEST_MAX_BYTES;
		w->slots_end = FIRST_SLOT_BYTES;
		w->next = sizeof(struct bc_latest_header);
		w->n_index = FIRST_INDEX;
		w->n_bytes = w->slots_end + w->n_index * sizeof(uint64_t);
		supersede_left(w->path);
		rc = replace(w, &nothing, why, cap);
	}
	if (rc != BC_OK) {
		free(w);
		return rc;
	}
	*out = w;
	return BC_OK;
}

void bc_latest_down(struct bc_latest_writer *w)
{
	atomic_store_explicit(&header_of(w->bytes)->status, BC_LATEST_DOWN, memory_order_release);
}

void bc_latest_writer_free(struct bc_latest_writer **writer)
{
	struct bc_latest_writer *w = *writer;
	if (w == NULL)
		return;
	bc_latest_down(w);
	unlink(w->path);
	munmap(w->bytes, w->n_bytes);
	free(w->by_number);
	free(w->holes);
	free(w);
	*writer = NULL;
}

const struct bc_latest_stats *bc_latest_stats(const struct bc_latest_writer *w)
{
	return &w->stats;
}
