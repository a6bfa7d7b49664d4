/* corpus_main.c - replays saved inputs through a fuzz target, as an ordinary test without clang:
 *
 *   fuzz_x [-option...] FILE-OR-DIRECTORY...
 *
 * Every input ends against an unreadable page. An empty corpus fails: it would prove nothing. */
#include "tests/support/guard_page.h"

#include <dirent.h>
#include <stdint.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv) __attribute__((weak));

#define INPUT_MAX (4u << 20)

static struct guard_page guard;
static char *scratch;

static size_t replay_file(const char *path)
{
	FILE *file = fopen(path, "rb");
	if (file == NULL) {
		perror(path);
		exit(EXIT_FAILURE);
	}
	size_t n = fread(scratch, 1, INPUT_MAX, file);
	if (ferror(file) || fgetc(file) != EOF) {
		fprintf(stderr, "%s: cannot be read, or has more than %u bytes\n", path, INPUT_MAX);
		exit(EXIT_FAILURE);
	}
	fclose(file);
	LLVMFuzzerTestOneInput((const uint8_t *)guard_page_put(&guard, scratch, n), n);
	return 1;
}

static size_t replay(const char *path)
{
	struct stat st;
	if (stat(path, &st) != 0) {
		perror(path);
		exit(EXIT_FAILURE);
	}
	if (!S_ISDIR(st.st_mode))
		return replay_file(path);

	DIR *dir = opendir(path);
	if (dir == NULL) {
		perror(path);
		exit(EXIT_FAILURE);
	}
	size_t n = 0;
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		char inner[4096];
		if (entry->d_name[0] == '.')
			continue;
		int length = snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
		if (length < 0 || (size_t)length >= sizeof inner) {
			fprintf(stderr, "%s/%s: path too long\n", path, entry->d_name);
			exit(EXIT_FAILURE);
		}
		n += replay(inner);
	}
	closedir(dir);
	return n;
}

int main(int argc, char **argv)
{
	size_t n = 0;
	guard_page_open(&guard, INPUT_MAX);
	scratch = malloc(INPUT_MAX);
	if (scratch == NULL)
		return EXIT_FAILURE;
	if (LLVMFuzzerInitialize != NULL)
		LLVMFuzzerInitialize(&argc, &argv);
	for (int i = 1; i < argc; i++)
		if (argv[i][0] != '-')
			n += replay(argv[i]);
	printf("%s: %zu inputs replayed\n", argv[0], n);
	free(scratch);
	guard_page_close(&guard);
	return n > 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
