/* session_sync.c - books out of snapshots and changes. So far only what the requests ask of it. */
#include "publisher/session_private.h"

uint64_t sync_urgency(const struct session *s, uint32_t symbol)
{
	(void)s;
	(void)symbol;
	return 0;
}

void sync_asked(struct session *s, uint32_t symbol)
{
	(void)s;
	(void)symbol;
}

void sync_answered(struct session *s, uint32_t symbol)
{
	(void)s;
	(void)symbol;
}

void sync_snapshot(struct session *s, uint32_t symbol, const struct bc_event *event)
{
	(void)s;
	(void)symbol;
	(void)event;
}
