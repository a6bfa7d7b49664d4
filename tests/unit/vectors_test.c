/* The golden vectors of proto/vectors, with our codec. A .hex file is a frame of the bus, a .json
 * file of the same name the line it means. tests/check_vectors.py reads the same files with code
 * that shares nothing with ours.
 *
 * Where the encoding is to change or a sample is new, BOOKCAST_WRITE_VECTORS=1 writes the samples'
 * files anew; the difference is then read by a person. */
#include "common/message_json.h"
#include "proto/topic.h"
#include "tests/support/guard_page.h"
#include "tests/support/sample_messages.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

#define CAP        8192
#define MAX_LEVELS 64

static void path_of(char *out, size_t cap, const char *name, const char *suffix)
{
	const char *source = getenv("BOOKCAST_SOURCE");
	cr_assert_not_null(source, "BOOKCAST_SOURCE is not set: run this by ctest");
	snprintf(out, cap, "%s/proto/vectors/%s%s", source, name, suffix);
}

static size_t read_file(const char *name, const char *suffix, char *out)
{
	char path[1024];
	path_of(path, sizeof path, name, suffix);
	FILE *file = fopen(path, "rb");
	cr_assert_not_null(file, "%s", path);
	size_t n = fread(out, 1, CAP - 1, file);
	cr_assert_lt(n, CAP - 1, "%s is too long", path);
	fclose(file);
	out[n] = '\0';
	return n;
}

static void write_file(const char *name, const char *suffix, const char *bytes, size_t n)
{
	char path[1024];
	path_of(path, sizeof path, name, suffix);
	FILE *file = fopen(path, "wb");
	cr_assert_not_null(file, "%s", path);
	cr_assert_eq(fwrite(bytes, 1, n, file), n);
	cr_assert_eq(fclose(file), 0);
}

/* Sixteen bytes a line. */
static size_t to_hex(const uint8_t *bytes, size_t n, char *out)
{
	char *p = out;
	for (size_t i = 0; i < n; i++)
		p += sprintf(p, "%02x%c", bytes[i], i % 16 == 15 || i + 1 == n ? '\n' : ' ');
	return (size_t)(p - out);
}

static size_t read_hex(const char *name, uint8_t *out)
{
	char text[CAP];
	size_t n = 0;
	read_file(name, ".hex", text);
	for (const char *p = text; *p != '\0';) {
		char *end;
		unsigned long byte = strtoul(p, &end, 16);
		cr_assert(end == p + 2 && byte <= UINT8_MAX, "%s: %s", name, p);
		out[n++] = (uint8_t)byte;
		p = end + (*end != '\0');
	}
	return n;
}

static void line_of(const uint8_t *frame, size_t n, char *out)
{
	bc_str topic, payload;
	struct bc_topic parts;
	struct bc_message m;
	bc_level levels[MAX_LEVELS];
	struct bc_json_writer w;
	cr_assert_eq(bc_frame_split(frame, n, &topic, &payload), BC_OK);
	cr_assert_eq(bc_topic_split(topic, &parts), BC_OK);
	cr_assert_eq(bc_message_decode(payload, &m, levels, MAX_LEVELS), BC_OK);
	cr_assert_eq(bc_channel_of(parts.channel), (int)m.envelope.channel);
	struct bc_message_view view = { .exchange = parts.exchange, .symbol = parts.symbol };
	bc_json_start(&w, out, CAP, NULL, NULL);
	cr_assert_eq(bc_message_json(&w, &m, &view), BC_OK);
}

static void write_vectors(const struct samples *samples)
{
	for (size_t i = 0; i < samples->n; i++) {
		const struct sample *s = &samples->of[i];
		uint8_t frame[CAP];
		char text[CAP];
		size_t n = sample_frame(s, frame, sizeof frame);
		cr_assert_neq(n, 0, "%s", s->name);
		write_file(s->name, ".hex", text, to_hex(frame, n, text));
		line_of(frame, n, text);
		write_file(s->name, ".json", text, strlen(text));
	}
}

Test(vectors, our_encoder_writes_them)
{
	struct samples samples;
	samples_make(&samples);
	cr_assert_gt(samples.n, 0);
	if (getenv("BOOKCAST_WRITE_VECTORS") != NULL)
		write_vectors(&samples);
	for (size_t i = 0; i < samples.n; i++) {
		uint8_t got[CAP], want[CAP];
		size_t n_got = sample_frame(&samples.of[i], got, sizeof got);
		size_t n_want = read_hex(samples.of[i].name, want);
		cr_expect_eq(n_got, n_want, "%s", samples.of[i].name);
		cr_expect_eq(memcmp(got, want, n_want), 0, "%s", samples.of[i].name);
	}
}

Test(vectors, our_decoder_reads_what_they_mean)
{
	char directory[1024];
	struct guard_page g;
	size_t n_seen[BC_N_CHANNELS] = { 0 };
	path_of(directory, sizeof directory, "", "");
	DIR *dir = opendir(directory);
	cr_assert_not_null(dir, "%s", directory);
	guard_page_open(&g, CAP);
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		char name[256], want[CAP], got[CAP];
		uint8_t frame[CAP];
		char *suffix = strstr(entry->d_name, ".hex");
		if (suffix == NULL)
			continue;
		snprintf(name, sizeof name, "%.*s", (int)(suffix - entry->d_name), entry->d_name);
		size_t n = read_hex(name, frame);
		read_file(name, ".json", want);
		line_of((const uint8_t *)guard_page_put(&g, frame, n), n, got);
		cr_expect_str_eq(got, want, "%s", name);
		for (unsigned c = 0; c < BC_N_CHANNELS; c++)
			n_seen[c] +=
				strncmp(name, bc_channel_word(c), strlen(bc_channel_word(c))) == 0;
	}
	for (unsigned c = 0; c < BC_CHANNEL_DELTA; c++)
		cr_expect_geq(n_seen[c], 2, "channel %s has %zu vectors", bc_channel_word(c),
			      n_seen[c]);
	closedir(dir);
	guard_page_close(&g);
}
