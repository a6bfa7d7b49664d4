/* weight.c - a minute that slides, in whole seconds, and what the exchange says of its own. */
#include "publisher/weight.h"

#include <string.h>

static int64_t second_of(bc_mono_time t)
{
	return t.ns / BC_NS_PER_S;
}

void weight_init(struct weight *w)
{
	*w = (struct weight){ .told_at = { INT64_MIN } };
}

static int64_t oldest(const struct weight *w)
{
	int64_t first = w->second - WEIGHT_SECONDS + 1;
	return first < 0 ? 0 : first;
}

static int64_t last(const struct weight *w)
{
	return w->second + WEIGHT_ANSWER_S;
}

static bool told_holds(const struct weight *w, bc_mono_time now)
{
	return w->told_at.ns != INT64_MIN && now.ns - w->told_at.ns < WEIGHT_WINDOW_NS;
}

/* The first second that is not over at `now`. */
static int64_t first_of(const struct weight *w, bc_mono_time now)
{
	int64_t first = second_of(now) - WEIGHT_SECONDS + 1;
	return first > oldest(w) ? first : oldest(w);
}

/* From this second on. */
static uint64_t sum_from(const struct weight *w, int64_t first)
{
	uint64_t sum = 0;
	for (int64_t k = first; k <= last(w); k++)
		sum += w->spent[k % WEIGHT_SLOTS];
	return sum;
}

uint64_t weight_used(const struct weight *w, bc_mono_time now)
{
	uint64_t used = sum_from(w, first_of(w, now));
	return told_holds(w, now) && w->told > used ? w->told : used;
}

/* When enough of it is over. */
static bc_mono_time own_next(const struct weight *w, bc_mono_time now, uint64_t limit,
			     uint64_t need)
{
	int64_t first = first_of(w, now);
	uint64_t used = sum_from(w, first);
	if (used + need <= limit)
		return BUDGET_NOW;
	for (int64_t k = first; k <= last(w); k++) {
		used -= w->spent[k % WEIGHT_SLOTS];
		if (used + need <= limit)
			return (bc_mono_time){ (k + WEIGHT_SECONDS) * BC_NS_PER_S };
	}
	return (bc_mono_time){ INT64_MAX };
}

bc_mono_time weight_next(const struct weight *w, bc_mono_time now, uint64_t limit, uint64_t need)
{
	bc_mono_time at = own_next(w, now, limit, need);
	if (told_holds(w, now) && w->told + need > limit) {
		bc_mono_time over = { w->told_at.ns + WEIGHT_WINDOW_NS };
		at = at.ns > over.ns ? at : over;
	}
	return at;
}

/* The ring goes on to this second; what stood in the places of those passed over is over. */
static void go_on_to(struct weight *w, int64_t second)
{
	if (second - w->second >= WEIGHT_SLOTS) {
		memset(w->spent, 0, sizeof w->spent);
		w->second = second;
	}
	while (w->second < second) {
		w->second++;
		w->spent[last(w) % WEIGHT_SLOTS] = 0;
	}
}

void weight_asked(struct weight *w, bc_mono_time now, uint32_t need)
{
	go_on_to(w, second_of(now));
	w->spent[last(w) % WEIGHT_SLOTS] += need;
	if (told_holds(w, now))
		w->told += need;
}

/* Of one minute the exchange counts upwards, so what it had counted when it answered one request is
 * part of every larger number. What is not answered yet may not have been counted; what is answered
 * was, whenever that was, and is not to be added to a number that came before its answer. */
static void take_word(struct weight *w, bc_mono_time now, bc_mono_time asked, uint32_t need,
		      uint64_t used)
{
	bool newer = !told_holds(w, now) || asked.ns >= w->told_at.ns;
	uint64_t less = w->told > need ? w->told - need : 0;
	if (newer || used > w->counted) {
		w->counted = used;
		w->told_at = now;
	}
	uint64_t least = w->counted + sum_from(w, w->second + 1);
	w->told = newer || less < least ? least : less;
}

/* It stands where its answer was expected at the latest, or a second later: who asked may have had
 * an older look at the clock than the one before him. */
static void take_out(struct weight *w, bc_mono_time asked, uint32_t need)
{
	int64_t second = second_of(asked) + WEIGHT_ANSWER_S;
	for (int64_t k = second; k <= second + 1; k++) {
		if (k < oldest(w) || k > last(w) || w->spent[k % WEIGHT_SLOTS] < need)
			continue;
		w->spent[k % WEIGHT_SLOTS] -= need;
		return;
	}
}

void weight_taken_back(struct weight *w, bc_mono_time asked, uint32_t need)
{
	take_out(w, asked, need);
	if (told_holds(w, asked) && w->told >= need)
		w->told -= need;
}

void weight_answered(struct weight *w, bc_mono_time now, bc_mono_time asked, uint32_t need,
		     int64_t used)
{
	go_on_to(w, second_of(now));
	take_out(w, asked, need);
	w->spent[w->second % WEIGHT_SLOTS] += need;
	if (used >= 0)
		take_word(w, now, asked, need, (uint64_t)used);
}
