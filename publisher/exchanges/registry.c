#include "publisher/exchanges/exchange.h"

#include <string.h>

/* One line an exchange: its file defines bc_exchange_<name>. */
#define EXCHANGE_ROWS(X) X(upbit) X(binance_spot) X(binance_usdm)

#define DECLARE(name) extern const struct bc_exchange bc_exchange_##name;
EXCHANGE_ROWS(DECLARE)

const struct bc_exchange *const bc_exchanges[] = {
#define LIST(name) &bc_exchange_##name,
	EXCHANGE_ROWS(LIST) NULL,
};

const struct bc_exchange *bc_exchange_find(const char *id)
{
	for (size_t i = 0; bc_exchanges[i] != NULL; i++)
		if (strcmp(bc_exchanges[i]->id, id) == 0)
			return bc_exchanges[i];
	return NULL;
}
