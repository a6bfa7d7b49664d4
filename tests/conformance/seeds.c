/* seeds.c - the short cases as inputs of tests/fuzz/transport_drive.h, one file each. */
#include "tests/conformance/seeds.h"

#include "tests/conformance/run.h"
#include "tests/fuzz/transport_drive.h"

#include <stdio.h>
#include <string.h>

#define SEED_MAX  1500
#define PIECE_MAX 64
#define ACCEPTED  SWITCHING ACCEPT "'\r\n'"
#define DEFLATING SWITCHING ACCEPT "'Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n'"

enum { ACT_MORE = 64, ACT_SEND = 181, ACT_PING = 184, ACT_FIN = 204, ACT_RESET = 206 };

static bool starts(const char **says, const char *words)
{
	const size_t n = strlen(words);
	if (strncmp(*says, words, n) != 0)
		return false;
	*says += n;
	return true;
}

static unsigned int flags_of(const struct conformance_case *c, const char **says)
{
	const unsigned int cap = c->cap_bytes == 0 ? 3 : c->cap_bytes <= 100 ? 1 : 2;
	unsigned int flags = cap * 4;
	if (starts(says, DEFLATING))
		flags |= DRIVE_COMPRESSION;
	else if (!starts(says, ACCEPTED))
		flags |= DRIVE_RAW_ANSWER | (c->compression ? DRIVE_COMPRESSION : 0u);
	return flags;
}

/* The bytes from `at` to `end` as pieces; the last one is sent, the others wait for it. */
static void pieces_add(struct sim_buffer *seed, const struct sim_buffer *bytes, size_t at,
		       size_t end)
{
	while (at < end) {
		const size_t n = end - at < PIECE_MAX ? end - at : PIECE_MAX;
		sim_buffer_char(seed, (char)(n - 1 + (at + n < end ? ACT_MORE : 0)));
		sim_buffer_add(seed, bytes->data + at, n);
		at += n;
	}
}

static void script_add_acts(struct sim_buffer *seed, const struct script *s)
{
	size_t at = 0;
	for (size_t i = 0; i < s->n_steps; i++) {
		const struct script_step *step = &s->steps[i];
		pieces_add(seed, &s->bytes, at, step->at);
		at = step->at;
		if (step->kind == STEP_FIN || step->kind == STEP_RST)
			sim_buffer_char(seed, (char)(step->kind == STEP_FIN ? ACT_FIN : ACT_RESET));
	}
	pieces_add(seed, &s->bytes, at, s->bytes.n);
}

static void seed_make(struct sim_buffer *seed, const struct conformance_case *c)
{
	const char *says = c->says;
	struct script script = { .n_steps = 0 };
	const unsigned int flags = flags_of(c, &says);
	sim_buffer_char(seed, (char)flags);
	script_add(&script, says, "\xfe");
	if ((flags & DRIVE_RAW_ANSWER) != 0) {
		sim_buffer_char(seed, (char)(script.bytes.n >> 8));
		sim_buffer_char(seed, (char)script.bytes.n);
		sim_buffer_add(seed, script.bytes.data, script.bytes.n);
	} else {
		if (c->acts != NULL) {
			sim_buffer_char(seed, (char)ACT_SEND);
			sim_buffer_char(seed, (char)ACT_PING);
		}
		script_add_acts(seed, &script);
	}
	script_free(&script);
}

static bool seed_write(const char *directory, const struct conformance_case *c, size_t i)
{
	char path[4096];
	struct sim_buffer seed = { .n = 0 };
	seed_make(&seed, c);
	bool good = true;
	snprintf(path, sizeof path, "%s/case-%03zu", directory, i);
	if (seed.n <= SEED_MAX) {
		FILE *file = fopen(path, "wb");
		good = file != NULL && fwrite(seed.data, 1, seed.n, file) == seed.n;
		good = file != NULL && fclose(file) == 0 && good;
	}
	if (!good)
		perror(path);
	sim_buffer_free(&seed);
	return good;
}

bool seeds_write(const char *directory)
{
	size_t n = 0;
	for (size_t i = 0; conformance_families[i] != NULL; i++)
		for (size_t k = 0; k < conformance_families[i]->n; k++)
			if (!seed_write(directory, &conformance_families[i]->cases[k], n++))
				return false;
	return true;
}
