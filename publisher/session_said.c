/* session_said.c - what was said of symbols at run time, from one gateway to the next, so that who
 * has never heard it does not serve what was removed, or forget what was added. */
#include "publisher/session_private.h"

#include <stdio.h>
#include <string.h>

#define SAID_MAX 512 /* of a line, with its NUL */

bc_status session_said(const struct session *s, char **out)
{
	return wanted_said(&s->wanted, out);
}

/* The next line without its end; NULL: there is none. */
static const char *next_line(const char *at, char line[SAID_MAX])
{
	const char *end = at != NULL ? strchr(at, '\n') : NULL;
	if (end == NULL || (size_t)(end - at) >= SAID_MAX)
		return NULL;
	memcpy(line, at, (size_t)(end - at));
	line[end - at] = '\0';
	return end + 1;
}

static bc_status check(const struct session *s, const char *said, char *why, size_t cap)
{
	char line[SAID_MAX];
	while (*said != '\0') {
		said = next_line(said, line);
		if (said == NULL || (line[0] != '+' && line[0] != '-')) {
			snprintf(why, cap,
				 "must be lines such as +KRW-BTC and -KRW-*, each with "
				 "its end");
			return BC_EINVAL;
		}
		bc_status rc = session_check_symbol(s->x, line + 1, why, cap);
		if (rc != BC_OK)
			return rc;
	}
	return BC_OK;
}

bc_status session_say(struct session *s, struct session_now now, const char *said, char *why,
		      size_t cap)
{
	char line[SAID_MAX], native[BC_TOPIC_MAX + 1];
	session_begin(s, now);
	bc_status rc = check(s, said, why, cap), one;
	if (rc != BC_OK)
		return rc;
	while ((said = next_line(said, line)) != NULL) {
		const char *key = directory_key(s, line + 1, native);
		one = line[0] == '+' ? wanted_add(&s->wanted, line + 1, key)
				     : wanted_remove(&s->wanted, line + 1, key);
		rc = one != BC_OK ? one : rc;
	}
	one = directory_reconcile(s);
	rc = one != BC_OK ? one : rc;
	if (rc != BC_OK)
		snprintf(why, cap, "%s", bc_status_text(rc));
	return rc;
}
