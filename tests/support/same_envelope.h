/* same_envelope.h - field by field: structs have padding that memcmp would see. */
#ifndef TESTS_SAME_ENVELOPE_H
#define TESTS_SAME_ENVELOPE_H

#include "proto/message.h"

static inline bool same_envelope(const struct bc_envelope *a, const struct bc_envelope *b)
{
	return a->channel == b->channel && a->epoch == b->epoch && a->seq == b->seq &&
	       a->exchange_seq == b->exchange_seq && a->ts_exchange.ns == b->ts_exchange.ns &&
	       a->ts_recv.ns == b->ts_recv.ns && a->ts_publish.ns == b->ts_publish.ns &&
	       a->state == b->state && a->reason == b->reason && a->since.ns == b->since.ns &&
	       a->flags == b->flags;
}

#endif
