/* budget_file.c - the office of a gateway: the shared file, with its own budget beside it. */
#include "publisher/budget_file.h"

#include "common/clock.h"
#include "publisher/budget_map.h"

#include <stdlib.h>

#define LOCK_TRIES 8                    /* a holder needs some microseconds */
#define BUSY_NS    (2 * BC_NS_PER_MS)   /* then it is asked again */
#define DAMAGES_NS (3600 * BC_NS_PER_S) /* damage is counted within */

struct budget_file {
	struct budget_office office;
	struct budget_view view;
	struct budget_file_counts counts;
	struct budget_map map;
	struct bc_log *log;
	uint64_t id;
	bool mapped, told_alone;
	bc_mono_time now;        /* of the last use */
	bc_mono_time open_at;    /* the next try */
	bc_mono_time busy_since; /* INT64_MAX: it is not */
	bc_mono_time damaged_at[BUDGET_FILE_DAMAGES];
	struct address_budget own;
	struct address_budget state; /* of the file, while it is locked */
};

/* ------------------------------------------------------------------ shared or alone */

static void alone(struct budget_file *f, bc_mono_time now, int64_t again_ns, const char *why)
{
	if (f->mapped || !f->told_alone) {
		f->counts.alone++;
		bc_log_event(f->log, BC_LOG_WARN, "budget.alone", BC_LOG_S("file", f->map.path),
			     BC_LOG_S("why", why),
			     BC_LOG_S("effect", "this gateway counts the exchange's limits for "
						"itself; others at this address do not see it"));
	}
	budget_map_close(&f->map);
	f->mapped = f->view.shared = false;
	f->told_alone = true;
	f->view.gateways = 1;
	f->busy_since.ns = INT64_MAX;
	f->open_at = (bc_mono_time){ now.ns + again_ns };
}

/* True: so often within a while that the file is better left alone. */
static bool damaged(struct budget_file *f, bc_mono_time now)
{
	bc_mono_time first = f->damaged_at[f->counts.damages % BUDGET_FILE_DAMAGES];
	f->damaged_at[f->counts.damages % BUDGET_FILE_DAMAGES] = now;
	f->counts.damages++;
	bc_log_event(f->log, BC_LOG_ERROR, "budget.damaged", BC_LOG_S("file", f->map.path),
		     BC_LOG_S("effect", "all limits count as used up just now"));
	return first.ns != INT64_MIN && now.ns - first.ns < DAMAGES_NS;
}

/* False: whoever makes it or writes there is just about it. */
static bool try_open(struct budget_file *f, bc_mono_time now)
{
	char why[256] = "";
	bool was_damaged = false;
	if (f->mapped || now.ns < f->open_at.ns)
		return true;
	bc_status rc = budget_map_open(&f->map, now, &was_damaged, why, sizeof why);
	if (rc == BC_EAGAIN)
		return false;
	if (rc != BC_OK) {
		alone(f, now, BUDGET_FILE_AGAIN_NS, why);
		return true;
	}
	f->mapped = f->view.shared = true;
	f->told_alone = false;
	f->busy_since.ns = INT64_MAX;
	if (was_damaged)
		damaged(f, now);
	bc_log_event(f->log, BC_LOG_INFO, "budget.shared", BC_LOG_S("file", f->map.path));
	return true;
}

/* ------------------------------------------------------------------ one use of the file */

enum use { USE_SHARED, USE_ALONE, USE_LATER };

static enum use busy(struct budget_file *f, bc_mono_time now)
{
	if (f->busy_since.ns > now.ns)
		f->busy_since = now;
	if (now.ns - f->busy_since.ns < BUDGET_FILE_BUSY_NS)
		return USE_LATER;
	alone(f, now, BUDGET_FILE_AGAIN_NS, "whoever holds its lock stands still");
	return USE_ALONE;
}

/* What was refused to us while the file could not be had holds for all. */
static void bring_bans(struct budget_file *f)
{
	for (size_t i = 0; i < BUDGET_DOORS; i++) {
		if (f->own.away_until_ns[i] > f->state.away_until_ns[i])
			f->state.away_until_ns[i] = f->own.away_until_ns[i];
	}
}

/* SHARED: it is locked, and f->state is what it says; end with done_with(). */
static enum use begin(struct budget_file *f, bc_mono_time now)
{
	enum budget_lock lock = BUDGET_BUSY;
	bc_mono_time really = bc_mono_now();
	if (now.ns < really.ns)
		now = really; /* others may have written what a late caller takes for the future */
	f->now = now;
	if (!try_open(f, now))
		return busy(f, now);
	if (!f->mapped)
		return USE_ALONE;
	for (int i = 0; i < LOCK_TRIES && lock == BUDGET_BUSY; i++)
		lock = budget_map_lock(&f->map);
	if (lock == BUDGET_BUSY)
		return busy(f, now);
	if (lock == BUDGET_GONE) {
		alone(f, now, 0, "it was removed or cut short");
		return USE_LATER;
	}
	f->busy_since.ns = INT64_MAX;
	if (!budget_map_read(&f->map, now, &f->state) && damaged(f, now)) {
		budget_map_unlock(&f->map);
		alone(f, now, DAMAGES_NS, "it is damaged again and again");
		return USE_ALONE;
	}
	address_budget_here(&f->state, f->id, now);
	bring_bans(f);
	return USE_SHARED;
}

static void done_with(struct budget_file *f)
{
	budget_map_write(&f->map, &f->state);
	budget_map_unlock(&f->map);
}

/* ------------------------------------------------------------------ the office */

static bool wait_for(struct budget_file *f, bc_mono_time at, bc_mono_time *from)
{
	f->view.waits++;
	*from = at;
	return false;
}

/* Both must allow it: the own one knows what was done while it was alone. */
static bool take_shared(struct budget_file *f, bc_mono_time now, const struct budget_ask *ask,
			bc_mono_time *from)
{
	if (!address_budget_take(&f->own, f->id, now, ask, from))
		return false;
	if (address_budget_take(&f->state, f->id, now, ask, from))
		return true;
	address_budget_give_back(&f->own, now, ask);
	return false;
}

static bool file_take(void *self, bc_mono_time now, const struct budget_ask *ask,
		      bc_mono_time *from)
{
	struct budget_file *f = self;
	enum use use = begin(f, now);
	if (use == USE_LATER) {
		f->counts.busy++;
		return wait_for(f, (bc_mono_time){ now.ns + BUSY_NS }, from);
	}
	bool taken = use == USE_SHARED ? take_shared(f, now, ask, from)
				       : address_budget_take(&f->own, f->id, now, ask, from);
	f->view.weight = weight_used(use == USE_SHARED ? &f->state.weight : &f->own.weight, now);
	if (use == USE_SHARED)
		done_with(f);
	return taken || wait_for(f, *from, from);
}

static void file_give_back(void *self, bc_mono_time now, const struct budget_ask *ask)
{
	struct budget_file *f = self;
	address_budget_give_back(&f->own, now, ask);
	if (begin(f, now) != USE_SHARED)
		return; /* it counts although it was not used */
	address_budget_give_back(&f->state, now, ask);
	done_with(f);
}

static void file_answered(void *self, bc_mono_time now, bc_mono_time asked, uint32_t weight,
			  int64_t used)
{
	struct budget_file *f = self;
	address_budget_answered(&f->own, now, asked, weight, used);
	f->view.weight = weight_used(&f->own.weight, now);
	if (begin(f, now) != USE_SHARED)
		return; /* there it weighs as if it had no answer: a little longer */
	address_budget_answered(&f->state, now, asked, weight, used);
	f->view.weight = weight_used(&f->state.weight, now);
	done_with(f);
}

static void file_refused(void *self, bc_mono_time now, bc_mono_time asked,
			 const struct budget_ask *ask, bc_mono_time until)
{
	struct budget_file *f = self;
	address_budget_refused(&f->own, now, asked, ask, until);
	if (begin(f, now) != USE_SHARED)
		return; /* bring_bans() will */
	address_budget_refused(&f->state, now, asked, ask, until);
	done_with(f);
}

static void file_look(void *self, bc_mono_time now)
{
	struct budget_file *f = self;
	enum use use = begin(f, now);
	if (use == USE_LATER)
		return; /* a moment old */
	address_budget_look(use == USE_SHARED ? &f->state : &f->own, now, &f->view);
	if (use == USE_SHARED)
		done_with(f);
	else
		f->view.gateways = 1;
}

/* ------------------------------------------------------------------ life */

/* So that the first question finds it open, and others see that it is there. */
static void begin_with(struct budget_file *f, bc_mono_time now)
{
	if (begin(f, now) == USE_SHARED)
		done_with(f);
}

bc_status budget_file_new(struct budget_file **out, const struct budget_file_options *options,
			  bc_mono_time now)
{
	struct budget_file *f = calloc(1, sizeof *f);
	if (f == NULL)
		return BC_ENOMEM;
	f->office = (struct budget_office){ .self = f,
					    .take = file_take,
					    .give_back = file_give_back,
					    .answered = file_answered,
					    .refused = file_refused,
					    .look = file_look,
					    .view = &f->view };
	f->log = options->log;
	f->id = options->id;
	f->open_at.ns = f->busy_since.ns = INT64_MAX;
	for (size_t i = 0; i < BUDGET_FILE_DAMAGES; i++)
		f->damaged_at[i].ns = INT64_MIN;
	bc_status rc = address_budget_init(&f->own, options->exchange);
	if (rc != BC_OK) {
		free(f);
		return rc;
	}
	if (budget_map_init(&f->map, options->dir, options->exchange) == BC_OK) {
		f->now = f->open_at = now;
		begin_with(f, now);
	} else {
		alone(f, now, INT64_MAX / 2, "no boot id, or too long a path");
	}
	*out = f;
	return BC_OK;
}

void budget_file_free(struct budget_file **file)
{
	struct budget_file *f = *file;
	*file = NULL;
	if (f == NULL)
		return;
	if (f->mapped && begin(f, f->now) == USE_SHARED) {
		address_budget_leave(&f->state, f->id);
		done_with(f);
	}
	budget_map_close(&f->map);
	free(f);
}

const struct budget_office *budget_file_office(const struct budget_file *file)
{
	return &file->office;
}

const struct budget_file_counts *budget_file_counts(const struct budget_file *file)
{
	return &file->counts;
}
