/* weight.c - a minute that slides, in whole seconds, and what the exchange says of its own. */
#include "publisher/weight.h"

#include <string.h>

static int64_t second_of(bc_mono_time t)
{
	return t.ns / BC_NS_PER_S;
}

void weight_init(struct weight *w, uint32_t limit)
{
	*w = (struct weight){ .limit = limit, .told_at = { INT64_MIN } };
}

static uint32_t *spent_in(struct weight *w, int64_t second)
{
	return &w->spent[second % WEIGHT_SECONDS];
}

static bool told_holds(const struct weight *w, bc_mono_time now)
{
	return w->told_at.ns != INT64_MIN && now.ns - w->told_at.ns < WEIGHT_WINDOW_NS;
}

/* What the seconds hold that are not over at `now`. */
static uint64_t own(const struct weight *w, bc_mono_time now)
{
	uint64_t sum = w->in_flight;
	int64_t first = second_of(now) - WEIGHT_SECONDS + 1;
	int64_t oldest = w->second - WEIGHT_SECONDS + 1;
	for (int64_t k = first > oldest ? first : oldest; k <= w->second; k++)
		sum += k < 0 ? 0 : w->spent[k % WEIGHT_SECONDS];
	return sum;
}

uint64_t weight_used(const struct weight *w, bc_mono_time now)
{
	uint64_t used = own(w, now);
	return told_holds(w, now) && w->told > used ? w->told : used;
}

/* When enough of the answered ones is over. */
static bc_mono_time own_next(const struct weight *w, bc_mono_time now, uint32_t need)
{
	uint64_t used = own(w, now);
	int64_t first = second_of(now) - WEIGHT_SECONDS + 1;
	if (used + need <= w->limit)
		return BUDGET_NOW;
	for (int64_t k = first < 0 ? 0 : first; k <= w->second; k++) {
		if (k <= w->second - WEIGHT_SECONDS)
			continue;
		used -= w->spent[k % WEIGHT_SECONDS];
		if (used + need <= w->limit)
			return (bc_mono_time){ (k + WEIGHT_SECONDS) * BC_NS_PER_S };
	}
	return (bc_mono_time){ INT64_MAX };
}

bc_mono_time weight_next(const struct weight *w, bc_mono_time now, uint32_t need)
{
	if (w->limit == 0)
		return BUDGET_NOW;
	bc_mono_time at = own_next(w, now, need);
	if (told_holds(w, now) && w->told + need > w->limit) {
		bc_mono_time over = { w->told_at.ns + WEIGHT_WINDOW_NS };
		at = at.ns > over.ns ? at : over;
	}
	return at;
}

void weight_asked(struct weight *w, bc_mono_time now, uint32_t need)
{
	w->in_flight += need;
	if (told_holds(w, now))
		w->told += need;
}

/* The ring goes on to this second; what stood in the places of those passed over is over. */
static void go_on_to(struct weight *w, int64_t second)
{
	if (second - w->second >= WEIGHT_SECONDS) {
		memset(w->spent, 0, sizeof w->spent);
		w->second = second;
	}
	while (w->second < second)
		*spent_in(w, ++w->second) = 0;
}

static void take_word(struct weight *w, bc_mono_time now, bc_mono_time asked, uint64_t used)
{
	uint64_t told = used + w->in_flight; /* which it may not have counted yet */
	bool newer = !told_holds(w, now) || asked.ns >= w->told_at.ns;
	if (!newer && told <= w->told)
		return; /* of a moment before, or of a minute that was over then */
	w->told = told;
	w->told_at = now;
}

void weight_answered(struct weight *w, bc_mono_time now, bc_mono_time asked, uint32_t need,
		     int64_t used)
{
	go_on_to(w, second_of(now));
	w->in_flight -= need;
	*spent_in(w, w->second) += need;
	if (used >= 0)
		take_word(w, now, asked, (uint64_t)used);
}
