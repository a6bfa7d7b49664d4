/* alloc_count.h - counts the allocations of our own code. Include it in one file of a test, and
 * link the test with bc_count_allocations(name): the linker then sends malloc and its relatives, as
 * our objects call them, through here. Calls that libraries make among themselves are not seen.
 *
 *   alloc_count = 0; ...the path...; cr_expect_eq(alloc_count, 0) */
#ifndef TESTS_ALLOC_COUNT_H
#define TESTS_ALLOC_COUNT_H

#include <stdlib.h>
#include <string.h>

static unsigned long alloc_count;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
char *__real_strdup(const char *text);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
char *__wrap_strdup(const char *text);

void *__wrap_malloc(size_t n)
{
	alloc_count++;
	return __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	alloc_count++;
	return __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
	alloc_count++;
	return __real_realloc(p, n);
}

char *__wrap_strdup(const char *text)
{
	alloc_count++;
	return __real_strdup(text);
}

#endif
