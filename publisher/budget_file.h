/* budget_file.h - the budget that the gateways of one machine share: <run-dir>/<exchange>.budget.
 *
 * Two copies of an address_budget.h in a mapped file. Who changes it holds a lock of the kernel on
 * the file (OFD, byte 0), reads the newer copy, writes the older one and only then makes it the
 * newer: whoever is killed anywhere in between leaves the state as it was, and his lock is gone
 * with him. A copy that was finished and does not have its checksum, or that cannot be, is damage:
 * then all limits count as used up just now, for one window of each.
 *
 *   header  magic, version, size, boot id and time namespace (the clock it is written by),
 * exchange, limits; one that is not ours makes the file void, if nobody uses it (lock on byte 1)
 *   copies  number (0: being written), checksum, struct address_budget
 *
 * Where it cannot be used (no permission, another version's and in use, a holder that stands still)
 * a gateway goes on with its own budget alone, says so, and tries again every 10 s. Its own is kept
 * beside the shared one all the time, and both must allow what is done. Never waits for a lock.
 *
 * File    regular, 0660, BUDGET_FILE_BYTES; made by who comes first, and left behind
 * Threads one. */
#ifndef BUDGET_FILE_H
#define BUDGET_FILE_H

#include "common/log.h"
#include "publisher/address_budget.h"

#define BUDGET_FILE_BUSY_NS  BC_NS_PER_S        /* a holder stands still, then */
#define BUDGET_FILE_AGAIN_NS (10 * BC_NS_PER_S) /* between two tries to open it */
#define BUDGET_FILE_DAMAGES  3                  /* so often within an hour; then it is left alone */

#define BUDGET_FILE_PAGE  4096
#define BUDGET_FILE_COPY  (4 * BUDGET_FILE_PAGE)
#define BUDGET_FILE_BYTES (BUDGET_FILE_PAGE + 2 * BUDGET_FILE_COPY)

struct budget_file;

struct budget_file_options {
	const char *dir;
	const struct bc_exchange *exchange;
	uint64_t id; /* of this gateway, among them; not 0 */
	struct bc_log *log;
};

/* BC_ENOMEM, BC_ERANGE. A file that cannot be used is no failure. */
bc_status budget_file_new(struct budget_file **out, const struct budget_file_options *options,
			  bc_mono_time now);
void budget_file_free(struct budget_file **file);
const struct budget_office *budget_file_office(const struct budget_file *file);

struct budget_file_counts {
	uint64_t alone;   /* times it had to go on alone */
	uint64_t damages; /* times its content was not to be believed */
	uint64_t busy;    /* questions put off because another gateway was writing */
};

const struct budget_file_counts *budget_file_counts(const struct budget_file *file);

#endif
