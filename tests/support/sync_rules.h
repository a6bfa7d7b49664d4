/* sync_rules.h - how changes link, as Binance numbers them: spot without holes, USD-M futures with
 * holes and the number of the change before. For tests of the join that shall not depend on an
 * adapter. */
#ifndef TESTS_SYNC_RULES_H
#define TESTS_SYNC_RULES_H

#include "publisher/exchanges/exchange.h"

static enum bc_link spot_covers(uint64_t at, const struct bc_delta *d)
{
	return d->last_seq <= at        ? BC_LINK_OLD
	       : d->first_seq <= at + 1 ? BC_LINK_NEXT
					: BC_LINK_GAP;
}

static enum bc_link usdm_covers(uint64_t at, const struct bc_delta *d)
{
	if (d->last_seq < at)
		return BC_LINK_OLD;
	if (d->first_seq <= at || (d->prev_seq != BC_SEQ_NONE && d->prev_seq <= at))
		return BC_LINK_NEXT;
	return BC_LINK_GAP;
}

static enum bc_link usdm_follows(uint64_t last, const struct bc_delta *d)
{
	if (d->prev_seq == last)
		return BC_LINK_NEXT;
	return d->last_seq <= last ? BC_LINK_OLD : BC_LINK_GAP;
}

static const struct bc_sync spot_sync = { .covers = spot_covers, .follows = spot_covers };
static const struct bc_sync usdm_sync = { .covers = usdm_covers, .follows = usdm_follows };

#endif
