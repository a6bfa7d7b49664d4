/* player.c - sends a capture to its readers. Where the frames have streams, each goes to every
 * connection that asked for its stream; else all of them go to the first connection that
 * subscribes. When the last reader goes, the capture waits for the next and goes on where it was.
 */
#include "publisher/simulator/sim_internal.h"

#include "common/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define QUEUE_BYTES (512u << 10) /* more waits until the reader has taken some: nothing is lost */
#define SETTLE_NS   BC_NS_PER_S
#define AWAIT_NS    (5 * BC_NS_PER_S)

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

static bc_status start_names(struct sim *sim, char *why, size_t cap)
{
	struct market_spec *specs = NULL;
	struct market_options options = { .rate = 1, .start = bc_wall_now(), .journal = 1 };
	bc_status rc = find_symbols(sim, &specs, &options.n_specs);

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
	struct sim_player *p = &sim->player;

	if (p->reader == session)
		p->reader = NULL;
	p->playing = false; /* others may come for its streams */
	p->n_wanted = SIZE_MAX;
}

/* ------------------------------------------------------------------ one reader */

static bool takes(const struct sim_session *s, bc_mono_time now)
{
	return sim_conn_queued(s->conn) <= QUEUE_BYTES && now.ns >= s->stalled_until_ns &&
	       s->stream.left == 0;
}

static bool is_due(const struct sim *sim, bc_mono_time now)
{
	return sim->player.started_ns + offset_ns(sim, sim->player.next) <= now.ns;
}

static void send_frame(struct sim_session *s, bc_str frame)
{
	if (!sim_fault_data(s, (bc_str){ NULL, 0 }, frame))
		fault_send(s, frame);
}

/* Everything to the one reader. */
static void play_whole(struct sim *sim, bc_mono_time now)
{
	struct sim_player *p = &sim->player;

	if (p->reader == NULL)
		find_reader(sim);
	while (p->reader != NULL && p->next < sim_replay_n_frames(sim->replay)) {
		if (!takes(p->reader, now) || !is_due(sim, now))
			return;
		send_frame(p->reader, sim_replay_frame(sim->replay, p->next++));
	}
}

/* ------------------------------------------------------------------ by streams */

static bool wants(const struct sim *sim, const struct sim_session *s, bc_str stream)
{
	return stream.n > 0 && sim->face->wants(s->state, stream);
}

/* Of the streams that were recorded. */
static size_t count_wanted(const struct sim *sim)
{
	size_t n = 0;

	for (size_t i = 0; i < sim_recording_n_streams(sim->recording); i++) {
		const struct sim_session *s = sim->sessions;

		while (s != NULL && !wants(sim, s, sim_recording_nth_stream(sim->recording, i)))
			s = s->next;
		n += s != NULL;
	}
	return n;
}

/* Readers come one after another, and subscribe in several requests: it begins when they have all
 * that was recorded, or have not asked for more for a while. Without readers it waits. */
static bool settled(struct sim *sim, bc_mono_time now)
{
	struct sim_player *p = &sim->player;
	size_t wanted;

	if (p->playing)
		return true;
	wanted = count_wanted(sim);
	if (wanted != p->n_wanted) {
		p->n_wanted = wanted;
		p->settled_ns = now.ns;
	}
	if (wanted == 0 || (wanted < sim_recording_n_streams(sim->recording) &&
			    now.ns - p->settled_ns < SETTLE_NS))
		return false;
	p->playing = true;
	sim_player_seek(sim, p->next);
	return true;
}

/* A snapshot nobody has asked for yet has its place here, and somebody reads its stream: what
 * followed now could not be joined to it. */
static bool holds(struct sim *sim, bc_mono_time now)
{
	struct sim_player *p = &sim->player;
	const char *symbol = sim_recording_awaits(sim->recording, p->next);

	if (symbol != NULL && symbol != p->awaits) {
		p->awaits = symbol;
		p->awaits_until_ns = now.ns + AWAIT_NS;
	}
	if (symbol != NULL && now.ns < p->awaits_until_ns)
		return true;
	p->unasked += symbol != NULL;
	if (p->awaits != NULL)
		sim_player_seek(sim, p->next); /* time stood still */
	p->awaits = NULL;
	return false;
}

enum step { STEP_SENT, STEP_SKIPPED, STEP_WAIT };

/* The next frame to everybody who asked for its stream, once all of them take it. */
static enum step play_frame(struct sim *sim, bc_mono_time now)
{
	struct sim_player *p = &sim->player;
	bc_str stream = sim_recording_stream(sim->recording, p->next), frame;
	struct sim_session *next;
	bool wanted = false;

	for (const struct sim_session *s = sim->sessions; s != NULL; s = s->next) {
		if (!wants(sim, s, stream))
			continue;
		wanted = true;
		if (!takes(s, now))
			return STEP_WAIT;
	}
	if (!is_due(sim, now) || (wanted && holds(sim, now)))
		return STEP_WAIT;
	if (!wanted && count_wanted(sim) == 0) {
		p->playing = false; /* nobody reads any more */
		return STEP_WAIT;
	}
	frame = sim_replay_frame(sim->replay, p->next++);
	for (struct sim_session *s = sim->sessions; wanted && s != NULL; s = next) {
		next = s->next; /* a slow reader may be gone after it */
		if (wants(sim, s, stream))
			send_frame(s, frame);
	}
	return wanted ? STEP_SENT : STEP_SKIPPED;
}

static void play_streams(struct sim *sim, bc_mono_time now)
{
	struct sim_player *p = &sim->player;
	enum step step = STEP_SENT;

	while (p->next < sim_replay_n_frames(sim->replay) && step != STEP_WAIT &&
	       settled(sim, now)) {
		step = play_frame(sim, now);
		p->skipped += step == STEP_SKIPPED;
	}
}

static bool find_book(void *self, bc_str symbol, bc_str *body, int64_t *limit)
{
	struct sim *sim = self;

	return sim_recording_book(sim->recording, symbol, sim->player.next, body, limit);
}

static bc_status open_streams(struct sim *sim, char *why, size_t cap)
{
	if (sim->face->frame_of == NULL)
		return BC_OK;
	sim->recorded = (struct sim_recorded){ sim, find_book };
	return sim_recording_open(&sim->recording, sim->options.capture, sim->face, sim->replay,
				  why, cap);
}

void sim_player_turn(struct sim *sim, bc_mono_time now)
{
	if (sim->replay == NULL || sim->paused)
		return;
	if (sim->recording != NULL)
		play_streams(sim, now);
	else
		play_whole(sim, now);
}

bc_status sim_player_open(struct sim *sim, char *why, size_t cap)
{
	bc_status rc = sim_replay_open(&sim->replay, sim->options.capture, why, cap);

	if (rc == BC_OK)
		rc = start_names(sim, why, cap);
	return rc == BC_OK ? open_streams(sim, why, cap) : rc;
}
