/* golden.h - files of expected output under tests/golden.
 *
 * `BOOKCAST_GOLDEN=update <test>` writes what came instead of comparing; read the difference
 * before committing it. */
#ifndef BC_TEST_GOLDEN_H
#define BC_TEST_GOLDEN_H

#include <criterion/criterion.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline const char *golden_source(void)
{
	const char *source = getenv("BOOKCAST_SOURCE");
	return source != NULL ? source : ".";
}

static inline char *golden_read(const char *path)
{
	char *text = NULL;
	size_t size = 0;
	FILE *f = fopen(path, "re"), *copy = open_memstream(&text, &size);
	for (int c; f != NULL && (c = getc(f)) != EOF;)
		putc(c, copy);
	fclose(copy);
	if (f != NULL)
		fclose(f);
	return text;
}

/* `got` must be the content of tests/golden/<name>. */
static inline void golden_expect(const char *name, const char *got)
{
	char path[512];
	const char *mode = getenv("BOOKCAST_GOLDEN");
	snprintf(path, sizeof path, "%s/tests/golden/%s", golden_source(), name);
	if (mode != NULL && strcmp(mode, "update") == 0) {
		FILE *f = fopen(path, "we");
		cr_assert_not_null(f, "%s", path);
		fputs(got, f);
		fclose(f);
		return;
	}
	char *want = golden_read(path);
	cr_expect(strcmp(got, want) == 0, "%s\n--- got\n%s\n--- want\n%s", name, got, want);
	free(want);
}

#endif
