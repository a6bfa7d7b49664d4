/* budget_map.h - the file of budget_file.h itself: open, lock, read, write. */
#ifndef BUDGET_MAP_H
#define BUDGET_MAP_H

#include "common/run_dir.h"
#include "publisher/budget_file.h"

#define BUDGET_CLOCK_MAX 80

struct budget_header {
	char magic[8];
	uint32_t version, bytes;
	char clock[BUDGET_CLOCK_MAX]; /* boot id and time namespace */
	char exchange[32];
	uint64_t limits; /* checksum of the exchange's table */
	uint64_t sum;    /* of all before */
};

struct budget_copy {
	uint64_t number; /* 0: being written */
	uint64_t sum;
	struct address_budget budget;
};

struct budget_map {
	const struct bc_exchange *exchange;
	char path[BC_PATH_MAX];
	struct budget_header header; /* as it must be */
	int fd;                      /* -1: not open */
	unsigned char *bytes;
};

enum budget_lock {
	BUDGET_LOCKED,
	BUDGET_BUSY, /* by another process, for this moment */
	BUDGET_GONE, /* not the file it was: close and open it again */
};

/* BC_EINVAL: this machine does not say which boot it is. */
bc_status budget_map_init(struct budget_map *m, const char *dir, const struct bc_exchange *x);
/* Opens and maps it, and makes it where there is none or one that is void. BC_EBUSY: another's
 * version, and in use; BC_EAGAIN: locked at this moment; BC_EIO. *damaged: its content had to be
 * thrown away. why[cap] says more. */
bc_status budget_map_open(struct budget_map *m, bc_mono_time now, bool *damaged, char *why,
			  size_t cap);
void budget_map_close(struct budget_map *m);

enum budget_lock budget_map_lock(struct budget_map *m);
void budget_map_unlock(struct budget_map *m);

/* Locked: the state as it is. False: it is damaged, *out is as if all was used. */
bool budget_map_read(struct budget_map *m, bc_mono_time now, struct address_budget *out);
void budget_map_write(struct budget_map *m, const struct address_budget *state);

#endif
