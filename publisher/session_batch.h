/* session_batch.h - whom a subscription names: session_batch.c, for session_subscribe.c alone. */
#ifndef SESSION_BATCH_H
#define SESSION_BATCH_H

#include "publisher/session_private.h"

/* Copies. BC_ENOMEM. */
bc_status names_put(struct names *names, bc_str name);
void names_clear(struct names *names);
void names_free(struct names *names);

/* What is to be said next. BC_ENOTFOUND: nothing is left to say. BC_ENOMEM: there is, but not now.
 */
bc_status batch_begin(struct session *s, uint32_t connection);
/* All of it was said, and where the exchange answers, answered: those it names are carried. */
void batch_done(struct session *s, uint32_t connection);
void batch_end(struct connection *c);                /* nothing more is said of it */
void batch_forget(struct batch *b, uint32_t symbol); /* its number may soon be another's */

static inline bool adds(const struct session *s, const struct connection *c)
{
	return s->x->lines[c->line].mode == BC_SUBSCRIBE_ADDS;
}

/* Does a connection, or its successor for it, carry the symbol? */
static inline bool carried(const struct session *s, const struct symbol *sym, uint32_t connection)
{
	const struct connection *c = &s->connections[connection];
	if (sym->name.p == NULL)
		return false;
	return sym->on[c->line] == connection ||
	       (c->successor && sym->on[c->line] == c->handover->old);
}

static inline uint32_t *asked_by(struct symbol *sym, const struct connection *c)
{
	return c->successor ? &sym->aside->asked_next : &sym->aside->asked;
}

static inline uint32_t *subscribed_by(struct symbol *sym, const struct connection *c)
{
	return c->successor ? &sym->aside->subscribed_next : &sym->subscribed;
}

#endif
