/* session_due.c - a binary heap that knows where each symbol stands. */
#include "publisher/session_due.h"

#include <stdlib.h>
#include <string.h>

bc_status due_room(struct due *due, uint32_t symbols)
{
	uint32_t room = due->room > 0 ? due->room : 64;
	if (symbols <= due->room)
		return BC_OK;
	while (room < symbols)
		room *= 2;
	struct due_entry *heap = realloc(due->heap, room * sizeof *heap);
	if (heap == NULL)
		return BC_ENOMEM;
	due->heap = heap;
	uint32_t *place = realloc(due->place, room * sizeof *place);
	if (place == NULL)
		return BC_ENOMEM;
	memset(place + due->room, 0, (room - due->room) * sizeof *place);
	due->place = place;
	due->room = room;
	return BC_OK;
}

void due_free(struct due *due)
{
	free(due->heap);
	free(due->place);
	*due = (struct due){ 0 };
}

static void put(struct due *due, uint32_t at, struct due_entry e)
{
	due->heap[at] = e;
	due->place[e.symbol] = at + 1;
}

static bool is_before(struct due_entry a, struct due_entry b)
{
	return a.at_ns < b.at_ns || (a.at_ns == b.at_ns && a.symbol < b.symbol);
}

static void sift_up(struct due *due, uint32_t at)
{
	struct due_entry e = due->heap[at];
	while (at > 0 && is_before(e, due->heap[(at - 1) / 2])) {
		put(due, at, due->heap[(at - 1) / 2]);
		at = (at - 1) / 2;
	}
	put(due, at, e);
}

static void sift_down(struct due *due, uint32_t at)
{
	struct due_entry e = due->heap[at];
	for (uint32_t child; (child = 2 * at + 1) < due->n; at = child) {
		if (child + 1 < due->n && is_before(due->heap[child + 1], due->heap[child]))
			child++;
		if (!is_before(due->heap[child], e))
			break;
		put(due, at, due->heap[child]);
	}
	put(due, at, e);
}

void due_set(struct due *due, uint32_t symbol, bc_mono_time at)
{
	uint32_t place = due->place[symbol];
	if (place == 0)
		place = ++due->n;
	due->heap[place - 1] = (struct due_entry){ at.ns, symbol };
	due->place[symbol] = place;
	sift_up(due, place - 1);
	sift_down(due, due->place[symbol] - 1);
}

void due_drop(struct due *due, uint32_t symbol)
{
	uint32_t place = symbol < due->room ? due->place[symbol] : 0;
	if (place == 0)
		return;
	due->place[symbol] = 0;
	struct due_entry last = due->heap[--due->n];
	if (last.symbol == symbol)
		return;
	put(due, place - 1, last);
	sift_up(due, place - 1);
	sift_down(due, due->place[last.symbol] - 1);
}

bool due_take(struct due *due, bc_mono_time now, uint32_t *symbol)
{
	if (due_next(due).ns > now.ns || due->n == 0)
		return false;
	*symbol = due->heap[0].symbol;
	due_drop(due, *symbol);
	return true;
}
