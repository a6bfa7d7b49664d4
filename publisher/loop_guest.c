#include "publisher/loop_guest.h"

struct walk {
	struct loop_guest *guest;
	size_t n;
};

static void on_count(uv_handle_t *handle, void *arg)
{
	(void)handle;
	((struct loop_guest *)arg)->n_before++;
}

/* libuv walks in the order of birth. */
static void on_note(uv_handle_t *handle, void *arg)
{
	struct walk *walk = arg;
	struct loop_guest *guest = walk->guest;
	if (walk->n++ >= guest->n_before && handle->type != UV_POLL &&
	    guest->n < LOOP_GUEST_HANDLES_MAX)
		guest->handles[guest->n++] = handle;
}

struct search {
	const struct loop_guest *guest;
	bool found;
};

static void on_search(uv_handle_t *handle, void *arg)
{
	struct search *search = arg;
	for (size_t i = 0; i < search->guest->n; i++)
		if (search->guest->handles[i] == handle)
			search->found = true;
}

void loop_guest_before(struct loop_guest *guest, uv_loop_t *loop)
{
	*guest = (struct loop_guest){ .n = 0 };
	uv_walk(loop, on_count, guest);
}

void loop_guest_after(struct loop_guest *guest, uv_loop_t *loop)
{
	struct walk walk = { .guest = guest };
	uv_walk(loop, on_note, &walk);
}

bool loop_guest_present(const struct loop_guest *guest, uv_loop_t *loop)
{
	struct search search = { .guest = guest };
	uv_walk(loop, on_search, &search);
	return search.found;
}
