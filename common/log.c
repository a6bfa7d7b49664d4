#include "common/log.h"

#include "common/clock.h"
#include "common/log_out.h"
#include "common/text.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define VALUE_MAX   256 /* bytes of one value */
#define KEY_MAX     128 /* of what is folded: level, event, first field */
#define DETAIL_MAX  1024
#define N_FOLDS     64
#define FOLD_WINDOW (10 * BC_NS_PER_S)

/* An event that was printed not long ago, and how often it came since. */
struct fold {
	char key[KEY_MAX];       /* "" : free */
	char detail[DETAIL_MAX]; /* event and fields of the newest one that was not printed */
	enum bc_log_level level;
	bc_mono_time since;
	uint64_t repeated;
};

struct bc_log {
	char program[32];
	enum bc_log_level level;
	struct bc_log_clock clock;
	struct log_out out;
	uint64_t untold;       /* lines lost since the last event=log.lost */
	_Atomic uint64_t lost; /* lines lost so far */
	struct fold folds[N_FOLDS];
};

static const struct {
	const char *word;
	int priority; /* of syslog, as journald reads it */
} levels[] = { { "error", 3 }, { "warn", 4 }, { "info", 6 }, { "debug", 7 } };

struct bc_log *bc_log_new(const char *program, int fd)
{
	struct bc_log *log = calloc(1, sizeof *log);
	if (log == NULL)
		return NULL;
	snprintf(log->program, sizeof log->program, "%s", program);
	log->level = BC_LOG_INFO;
	log->clock = (struct bc_log_clock){ bc_wall_now, bc_mono_now };
	log_out_open(&log->out, fd);
	return log;
}

void bc_log_set_clock(struct bc_log *log, struct bc_log_clock clock)
{
	log->clock = clock;
}

void bc_log_set_level(struct bc_log *log, enum bc_log_level level)
{
	log->level = level;
}

enum bc_log_level bc_log_get_level(const struct bc_log *log)
{
	return log->level;
}

uint64_t bc_log_lost(const struct bc_log *log)
{
	return atomic_load_explicit(&log->lost, memory_order_relaxed);
}

/* ------------------------------------------------------------------ one field */

static bool plain(bc_str s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c >= 0x7f)
			return false;
	}
	return s.n > 0 && s.n <= VALUE_MAX;
}

static void add_bytes(struct bc_text *t, bc_str s)
{
	if (plain(s)) {
		bc_text_add(t, s);
		return;
	}
	bc_text_add(t, BC_STR("\""));
	bc_text_add_escaped(t, s, VALUE_MAX);
	bc_text_add(t, BC_STR("\""));
}

static void add_value(struct bc_text *t, const struct bc_log_field *f)
{
	char duration[BC_DURATION_TEXT_MAX];
	switch (f->type) {
	case BC_LOG_TEXT:
		add_bytes(t, bc_str_of(f->as.text));
		return;
	case BC_LOG_BYTES:
		add_bytes(t, f->as.bytes);
		return;
	case BC_LOG_SIGNED:
		bc_text_addf(t, "%lld", (long long)f->as.i);
		return;
	case BC_LOG_UNSIGNED:
		bc_text_addf(t, "%llu", (unsigned long long)f->as.u);
		return;
	case BC_LOG_NS:
		bc_duration_round(f->as.i, duration);
		bc_text_add(t, bc_str_of(duration));
		return;
	case BC_LOG_END:
		return;
	}
}

/* Adds whole fields only, so that a cut line still reads as logfmt. */
static void add_fields(struct bc_text *t, const struct bc_log_field *f)
{
	for (; f->type != BC_LOG_END; f++) {
		size_t before = t->n;
		bc_text_addf(t, " %s=", f->key);
		add_value(t, f);
		if (t->cut) {
			t->n = before;
			t->p[before] = '\0';
			return;
		}
	}
}

/* ------------------------------------------------------------------ one line */

static void count_lost(struct bc_log *log)
{
	log->untold++;
	atomic_fetch_add_explicit(&log->lost, 1, memory_order_relaxed);
}

static bool print(struct bc_log *log, enum bc_log_level level, const char *detail, const char *tail)
{
	char line[BC_LOG_LINE_MAX], now[BC_TIME_TEXT_MAX];
	struct bc_text t = bc_text_on(line, sizeof line);
	if (log->out.journal) {
		bc_text_addf(&t, "<%d>", levels[level].priority);
	} else {
		bc_wall_format(log->clock.wall(), now);
		bc_text_addf(&t, "ts=%s ", now);
	}
	bc_text_addf(&t, "level=%s prog=%s event=%s%s\n", levels[level].word, log->program, detail,
		     tail);
	return log_out_write(&log->out, t.p, t.n);
}

/* What was lost is told before anything new is. */
static void print_or_lose(struct bc_log *log, enum bc_log_level level, const char *detail,
			  const char *tail)
{
	if (log->untold > 0) {
		char lost[64];
		snprintf(lost, sizeof lost, "log.lost lines=%llu", (unsigned long long)log->untold);
		if (!print(log, BC_LOG_WARN, lost, "")) {
			count_lost(log);
			return;
		}
		log->untold = 0;
	}
	if (!print(log, level, detail, tail))
		count_lost(log);
}

/* ------------------------------------------------------------------ folding */

static void end_fold(struct bc_log *log, struct fold *f)
{
	char tail[64];
	if (f->repeated > 0) {
		snprintf(tail, sizeof tail, " repeated=%llu", (unsigned long long)f->repeated);
		print_or_lose(log, f->level, f->detail, tail);
	}
	f->key[0] = '\0';
}

/* The fold of this key; else a fresh one, at the cost of the oldest. */
static struct fold *find_fold(struct bc_log *log, const char *key)
{
	struct fold *victim = &log->folds[0];
	for (size_t i = 0; i < N_FOLDS; i++) {
		struct fold *f = &log->folds[i];
		if (f->key[0] != '\0' && strcmp(f->key, key) == 0)
			return f;
		bool better = f->key[0] == '\0'
				      ? victim->key[0] != '\0'
				      : victim->key[0] != '\0' && f->since.ns < victim->since.ns;
		if (better)
			victim = f;
	}
	if (victim->key[0] != '\0')
		end_fold(log, victim);
	return victim;
}

static void make_key(char out[KEY_MAX], enum bc_log_level level, const char *event,
		     const struct bc_log_field *first)
{
	struct bc_text t = bc_text_on(out, KEY_MAX);
	bc_text_addf(&t, "%d %s ", level, event);
	add_value(&t, first);
}

void bc_log_write(struct bc_log *log, enum bc_log_level level, const char *event,
		  const struct bc_log_field *fields)
{
	char key[KEY_MAX], detail[BC_LOG_LINE_MAX - 256];
	if (log == NULL || level > log->level)
		return;
	make_key(key, level, event, fields);
	bc_mono_time now = log->clock.mono();
	struct fold *f = find_fold(log, key);
	bool folded = f->key[0] != '\0';
	if (folded && now.ns - f->since.ns >= FOLD_WINDOW) {
		end_fold(log, f);
		folded = false;
	}
	struct bc_text t = bc_text_on(detail, folded ? DETAIL_MAX - 16 : sizeof detail);
	bc_text_add(&t, bc_str_of(event));
	add_fields(&t, fields);
	bool cut = t.cut;
	t.cap = sizeof detail;
	if (cut)
		bc_text_add(&t, BC_STR(" cut=true"));
	if (folded) {
		f->repeated++;
		memcpy(f->detail, detail, t.n + 1);
		return;
	}
	*f = (struct fold){ .level = level, .since = now };
	memcpy(f->key, key, sizeof key);
	print_or_lose(log, level, detail, "");
}

void bc_log_flush(struct bc_log *log)
{
	if (log == NULL)
		return;
	bc_mono_time now = log->clock.mono();
	for (size_t i = 0; i < N_FOLDS; i++)
		if (log->folds[i].key[0] != '\0' && now.ns - log->folds[i].since.ns >= FOLD_WINDOW)
			end_fold(log, &log->folds[i]);
}

void bc_log_free(struct bc_log **log)
{
	if (*log == NULL)
		return;
	for (size_t i = 0; i < N_FOLDS; i++)
		if ((*log)->folds[i].key[0] != '\0')
			end_fold(*log, &(*log)->folds[i]);
	log_out_close(&(*log)->out);
	free(*log);
	*log = NULL;
}
