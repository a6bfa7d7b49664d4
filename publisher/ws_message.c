#include "publisher/ws_message.h"

#include "common/clock.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_BYTES ((size_t)128 << 10)

void ws_message_free(struct ws_message *m)
{
	free(m->held);
	m->held = NULL;
	m->n_held = m->held_cap = 0;
}

/* n is within the limit. */
static bc_status hold(struct ws_message *m, const char *bytes, size_t n)
{
	if (m->held_cap - m->n_held < n) {
		size_t cap = m->held_cap == 0 ? FIRST_BYTES : m->held_cap;
		while (cap - m->n_held < n)
			cap *= 2;
		cap = cap > m->max_bytes ? m->max_bytes : cap;
		char *held = realloc(m->held, cap);
		if (held == NULL)
			return BC_ENOMEM;
		m->held = held;
		m->held_cap = cap;
	}
	if (n > 0)
		memcpy(m->held + m->n_held, bytes, n);
	m->n_held += n;
	return BC_OK;
}

bc_status ws_message_take(struct ws_message *m, const char *bytes, size_t n, size_t rest, bool last,
			  bc_str *out)
{
	if (!m->begun) {
		m->received = bc_wall_now();
		m->begun = true;
		m->n_held = 0;
	}
	const size_t room = m->max_bytes - m->n_held;
	if (n > room || rest > room - n)
		return BC_ERANGE;
	*out = (bc_str){ bytes, n };
	if (!last || m->n_held > 0) {
		if (hold(m, bytes, n) != BC_OK)
			return BC_ENOMEM;
		*out = (bc_str){ m->held, m->n_held };
	}
	m->begun = !last;
	return last ? BC_OK : BC_EAGAIN;
}
