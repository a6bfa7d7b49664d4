#include "subscribers/libbookcast/latest.h"

#include "common/latest.h"
#include "common/run_dir.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { MAX_MAPS = 64 };

#define LOOK_EVERY BC_NS_PER_S         /* for gateways that have come */
#define LOOK_AGAIN (20 * BC_NS_PER_MS) /* where what is open does not answer */

struct latest {
	char dir[BC_PATH_MAX];
	struct bc_latest_map maps[MAX_MAPS];
	bool seen[MAX_MAPS]; /* by the look that is under way */
	size_t n_maps;
	bool looked_before;
	bc_mono_time looked;
	unsigned now_in; /* which of the payloads is the answer's */
	uint64_t payloads[2][BC_LATEST_MAX_PAYLOAD / 8 + 1];
};

bc_status latest_new(struct latest **out, const char *dir)
{
	struct latest *l = calloc(1, sizeof *l);
	if (l == NULL)
		return BC_ENOMEM;
	if (snprintf(l->dir, sizeof l->dir, "%s", dir) >= (int)sizeof l->dir) {
		free(l);
		return BC_ERANGE;
	}
	*out = l;
	return BC_OK;
}

void latest_free(struct latest **latest)
{
	if (*latest == NULL)
		return;
	for (size_t i = 0; i < (*latest)->n_maps; i++)
		bc_latest_close(&(*latest)->maps[i]);
	free(*latest);
	*latest = NULL;
}

/* ---- the files ---- */

/* One file of the directory, if it is not open yet. */
static void look_at(struct latest *l, int dir, const char *name, unsigned owner)
{
	char path[BC_PATH_MAX + NAME_MAX + 2];
	struct stat st;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) != 0)
		return;
	for (size_t i = 0; i < l->n_maps; i++)
		if (l->maps[i].device == st.st_dev && l->maps[i].inode == st.st_ino) {
			l->seen[i] = true;
			return;
		}
	snprintf(path, sizeof path, "%s/%s", l->dir, name);
	if (l->n_maps < MAX_MAPS && bc_latest_open(&l->maps[l->n_maps], path, owner) == BC_OK)
		l->seen[l->n_maps++] = true;
}

static void close_unseen(struct latest *l)
{
	for (size_t i = 0; i < l->n_maps;) {
		if (l->seen[i]) {
			i++;
			continue;
		}
		bc_latest_close(&l->maps[i]);
		l->n_maps--;
		l->maps[i] = l->maps[l->n_maps];
		l->seen[i] = l->seen[l->n_maps];
	}
}

static void look(struct latest *l, bc_mono_time now)
{
	const size_t n_suffix = sizeof BC_LATEST_SUFFIX - 1;
	const struct dirent *entry;
	struct stat st;
	l->looked = now;
	l->looked_before = true;
	DIR *dir = opendir(l->dir);
	memset(l->seen, 0, sizeof l->seen);
	if (dir != NULL && fstat(dirfd(dir), &st) == 0) {
		while ((entry = readdir(dir)) != NULL) {
			size_t n = strlen(entry->d_name);
			if (n > n_suffix &&
			    strcmp(entry->d_name + n - n_suffix, BC_LATEST_SUFFIX) == 0)
				look_at(l, dirfd(dir), entry->d_name, st.st_uid);
		}
	}
	if (dir != NULL)
		closedir(dir);
	close_unseen(l);
}

/* ---- an answer ---- */

struct candidate {
	struct bc_latest_found found;
	struct bc_word said; /* by the message, or newer by its symbol's state */
	struct bc_word now;
	bc_mono_time heard;
};

/* The gateway is looked at after its word, so the word is not older than the look. */
static void judge(struct candidate *c, const struct bc_latest_map *map, bc_mono_time now)
{
	const struct bc_latest_found *f = &c->found;
	const struct bc_latest_pulse pulse = bc_latest_pulse(map);
	bool theirs = f->has_symbol && bc_symbol_has_word(f->channel, &f->word, &f->symbol);
	c->said = c->now = theirs ? f->symbol : f->word;
	c->heard = pulse.heard;
	if (c->said.state != BC_STATE_DOWN && bc_latest_gone(&pulse, now))
		c->now = (struct bc_word){ .state = BC_STATE_STALE,
					   .reason = BC_REASON_GATEWAY,
					   .since = { BC_TIME_UNKNOWN } };
}

static bool is_better(const struct candidate *a, const struct candidate *b)
{
	int order = bc_state_rank(a->now.state) - bc_state_rank(b->now.state);
	return order > 0 || (order == 0 && bc_is_newer(&a->found.at, &b->found.at));
}

/* Since a time that the file says; it may say anything. */
static int64_t age(bc_mono_time then, bc_mono_time now)
{
	if (then.ns < 0)
		return BC_AGE_NEVER;
	return then.ns > now.ns ? 0 : now.ns - then.ns;
}

/* A heartbeat says: what I last published of a fit symbol still holds. */
static int64_t proven_age(const struct candidate *c, bc_mono_time now)
{
	int64_t own = c->found.was_proven ? age(c->found.proven, now) : BC_AGE_NEVER;
	int64_t heard = age(c->heard, now);
	return bc_state_fit(c->said.state) && heard < own ? heard : own;
}

/* The best of all gateways of the exchange. False: none has the topic. */
static bool choose(struct latest *l, bc_str exchange, bc_str topic, bc_mono_time now,
		   struct candidate *best)
{
	uint64_t hash = bc_latest_hash(topic);
	bool any = false;
	for (size_t i = 0; i < l->n_maps; i++) {
		const struct bc_latest_map *map = &l->maps[i];
		struct candidate c;
		if (!bc_str_equal(exchange, (bc_str){ map->exchange, map->n_exchange }) ||
		    bc_latest_read(map, topic, hash, l->payloads[!l->now_in], BC_LATEST_MAX_PAYLOAD,
				   &c.found) != BC_OK)
			continue;
		judge(&c, map, now);
		if (any && !is_better(&c, best))
			continue;
		l->now_in = !l->now_in;
		*best = c;
		any = true;
	}
	return any;
}

static bool is_answer(const struct candidate *c)
{
	return bc_state_fit_if_rest(c->now.state) && c->found.n_payload > 0;
}

bc_status latest_get(struct latest *l, bc_str exchange, bc_str topic, bc_mono_time now,
		     struct bc_board_answer *answer)
{
	struct candidate c;
	if (!l->looked_before || now.ns - l->looked.ns >= LOOK_EVERY)
		look(l, now);
	bool any = choose(l, exchange, topic, now, &c);
	if ((!any || !is_answer(&c)) && now.ns - l->looked.ns >= LOOK_AGAIN) {
		look(l, now);
		any = choose(l, exchange, topic, now, &c);
	}
	if (!any)
		return BC_ENOTFOUND;
	*answer = (struct bc_board_answer){
		.status = BC_BOARD_OK,
		.state = c.now.state,
		.reason = c.now.reason,
		.since = c.now.since,
		.age_ns = age(c.found.changed, now),
		.proven_ns = proven_age(&c, now),
		.payload = { (const char *)l->payloads[l->now_in], c.found.n_payload },
	};
	return is_answer(&c) ? BC_OK : BC_EAGAIN;
}
