/* player.c - sends a capture to its reader: the first connection that subscribes. When that one
 * goes, the capture waits for the next and goes on where it was. */
#include "publisher/simulator/sim_internal.h"

#include "common/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUEUE_BYTES (512u << 10) /* more waits until the reader has taken some: nothing is lost */

/* The symbols that occur, each once, in order of appearance. */
static bool add_symbol(struct market_spec **specs, size_t *n, const struct sim_face *face,
		       const char *name)
{
	struct market_spec *more;

	for (size_t i = 0; i < *n; i++)
		if (strcmp((*specs)[i].name, name) == 0)
			return true;
	more = realloc(*specs, (*n + 1) * sizeof **specs);
	if (more == NULL)
		return false;
	*specs = more;
	face->spec_of(bc_str_of(name), &more[(*n)++]);
	return true;
}

static bc_status find_symbols(struct sim *sim, struct market_spec **specs, size_t *n)
{
	char name[MARKET_NAME_MAX];

	for (size_t i = 0; i < sim_replay_n_frames(sim->replay); i++)
		if (sim->face->symbol_of(sim_replay_frame(sim->replay, i), name) &&
		    !add_symbol(specs, n, sim->face, name))
			return BC_ENOMEM;
	return *n > 0 ? BC_OK : BC_EPARSE;
}

bc_status sim_player_open(struct sim *sim, char *why, size_t cap)
{
	struct market_spec *specs = NULL;
	struct market_options options = { .rate = 1, .start = bc_wall_now() };
	bc_status rc = sim_replay_open(&sim->replay, sim->options.capture, why, cap);

	if (rc != BC_OK)
		return rc;
	rc = find_symbols(sim, &specs, &options.n_specs);
	if (rc == BC_OK) {
		options.specs = specs;
		sim->market = market_new(&options); /* a list of names: its data is never shown */
		rc = sim->market != NULL ? BC_OK : BC_ENOMEM;
	}
	if (rc != BC_OK)
		snprintf(why, cap, "%.200s: %s", sim->options.capture,
			 rc == BC_EPARSE ? "names no symbol of this exchange" : bc_status_text(rc));
	free(specs);
	return rc;
}

static int64_t offset_ns(const struct sim *sim, size_t frame)
{
	double offset = (double)sim_replay_offset_ns(sim->replay, frame);

	return sim->options.speed > 0 ? (int64_t)(offset / sim->options.speed) : 0;
}

void sim_player_seek(struct sim *sim, size_t frame)
{
	size_t n = sim_replay_n_frames(sim->replay);

	sim->player.next = frame < n ? frame : n;
	sim->player.started_ns = bc_mono_now().ns - (frame < n ? offset_ns(sim, frame) : 0);
}

static void find_reader(struct sim *sim)
{
	struct sim_session *first = NULL;

	for (struct sim_session *s = sim->sessions; s != NULL; s = s->next)
		if (sim->face->subscribed(s->state) && (first == NULL || s->id < first->id))
			first = s;
	sim->player.reader = first;
	if (first != NULL)
		sim_player_seek(sim, sim->player.next);
}

void sim_player_forget(struct sim *sim, const struct sim_session *session)
{
	if (sim->player.reader == session)
		sim->player.reader = NULL;
}

void sim_player_turn(struct sim *sim, bc_mono_time now)
{
	struct sim_player *p = &sim->player;

	if (sim->replay == NULL || sim->paused)
		return;
	if (p->reader == NULL)
		find_reader(sim);
	while (p->reader != NULL && p->next < sim_replay_n_frames(sim->replay)) {
		struct sim_session *s = p->reader;
		bc_str frame = sim_replay_frame(sim->replay, p->next);

		if (sim_conn_queued(s->conn) > QUEUE_BYTES || now.ns < s->stalled_until_ns ||
		    s->stream.left > 0 || p->started_ns + offset_ns(sim, p->next) > now.ns)
			return;
		p->next++;
		if (!sim_fault_data(s, (bc_str){ NULL, 0 }, frame))
			fault_send(s, frame);
	}
}
