/* guard_page.h - input that ends against an unreadable page, so that reading one byte too many
 * crashes the test instead of passing by luck.
 *
 *   struct guard_page g;
 *   guard_page_open(&g, 4096);
 *   const char *p = guard_page_put(&g, bytes, n);    n bytes, the page after them unreadable
 *   guard_page_close(&g); */
#ifndef TESTS_GUARD_PAGE_H
#define TESTS_GUARD_PAGE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

struct guard_page {
	char *map;
	size_t usable, total; /* bytes */
};

static inline void guard_page_open(struct guard_page *g, size_t at_least)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	g->usable = (at_least + page - 1) / page * page;
	g->total = g->usable + page;
	g->map = mmap(NULL, g->total, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (g->map == MAP_FAILED || mprotect(g->map + g->usable, page, PROT_NONE) != 0) {
		perror("guard_page_open");
		abort();
	}
}

/* Copies n bytes so that they end at the guard. The copy is valid until the next call. */
static inline char *guard_page_put(struct guard_page *g, const void *bytes, size_t n)
{
	if (n > g->usable) {
		fprintf(stderr, "guard_page_put: %zu bytes do not fit\n", n);
		abort();
	}
	char *p = g->map + g->usable - n;
	if (n > 0)
		memcpy(p, bytes, n);
	return p;
}

static inline void guard_page_close(struct guard_page *g)
{
	munmap(g->map, g->total);
}

#endif
