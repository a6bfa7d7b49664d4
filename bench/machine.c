#include "bench/machine.h"

#include "bench/simdjson.h"
#include "common/text.h"
#include "common/version.h"

#include <elf.h>
#include <link.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>
#include <zmq.h>

/* ------------------------------------------------------------------ build id */

/* The note that ld leaves in the program itself. */
static void add_build_id(struct bc_text *t, const char *notes, size_t n)
{
	while (n >= sizeof(ElfW(Nhdr))) {
		ElfW(Nhdr) head;
		memcpy(&head, notes, sizeof head);
		size_t name = (head.n_namesz + 3u) & ~3u, value = (head.n_descsz + 3u) & ~3u;
		if (sizeof head + name + value > n)
			return;
		const char *id = notes + sizeof head + name;
		for (size_t i = 0; head.n_type == NT_GNU_BUILD_ID && i < head.n_descsz && i < 8;
		     i++)
			bc_text_addf(t, "%s%02x", i == 0 ? ", build " : "", (unsigned char)id[i]);
		notes += sizeof head + name + value;
		n -= sizeof head + name + value;
	}
}

static int first_object(struct dl_phdr_info *info, size_t size, void *out)
{
	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++)
		if (info->dlpi_phdr[i].p_type == PT_NOTE)
			add_build_id(out,
				     (const char *)(info->dlpi_addr + info->dlpi_phdr[i].p_vaddr),
				     info->dlpi_phdr[i].p_memsz);
	return 1; /* the first one is the program */
}

/* ------------------------------------------------------------------ machine */

static void read_cpu(char *out, size_t cap)
{
	FILE *file = fopen("/proc/cpuinfo", "r");
	char row[512];

	snprintf(out, cap, "unknown CPU");
	while (file != NULL && fgets(row, sizeof row, file) != NULL) {
		char *colon = strchr(row, ':');
		if (colon == NULL || strncmp(row, "model name", 10) != 0)
			continue;
		colon[strcspn(colon, "\n")] = '\0';
		snprintf(out, cap, "%s", colon + 2);
		break;
	}
	if (file != NULL)
		fclose(file);
}

static void read_libraries(char *out, size_t cap)
{
	struct bc_text t = bc_text_on(out, cap);
	int major, minor, patch;

	zmq_version(&major, &minor, &patch);
	bc_text_addf(&t, "libzmq %d.%d.%d, libwebsockets %s, OpenSSL %s, libuv %s, simdjson %s",
		     major, minor, patch, BENCH_LWS, OpenSSL_version(OPENSSL_VERSION_STRING),
		     uv_version_string(), bench_simdjson_version());
}

void bench_machine_read(struct bench_machine *m)
{
	struct utsname system;
	struct tm utc;
	time_t now = time(NULL);

	read_cpu(m->cpu, sizeof m->cpu);
	m->cores = sysconf(_SC_NPROCESSORS_ONLN);
	if (uname(&system) == 0)
		snprintf(m->kernel, sizeof m->kernel, "%.30s %.60s %.30s", system.sysname,
			 system.release, system.machine);
	strftime(m->date, sizeof m->date, "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&now, &utc));

	struct bc_text build = bc_text_on(m->build, sizeof m->build);
	bc_text_addf(&build, "bookcast %s (%s)", bc_version, bc_version_git);
	dl_iterate_phdr(first_object, &build);
#ifdef __clang__
	snprintf(m->compiler, sizeof m->compiler, "clang %s", __clang_version__);
#else
	snprintf(m->compiler, sizeof m->compiler, "gcc %s", __VERSION__);
#endif
	struct bc_text flags = bc_text_on(m->flags, sizeof m->flags);
	for (const char *p = BENCH_FLAGS; *p != '\0'; p++) /* one blank between them */
		if (*p != ' ' || (flags.n > 0 && flags.p[flags.n - 1] != ' '))
			bc_text_add(&flags, (bc_str){ p, 1 });
	read_libraries(m->libraries, sizeof m->libraries);
#ifdef __OPTIMIZE__
	m->optimized = strstr(BENCH_FLAGS, "-fsanitize") == NULL;
#endif
}
