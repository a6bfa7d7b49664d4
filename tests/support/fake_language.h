/* fake_language.h - the words of the fake exchanges, see fake_exchange.h. */
#ifndef FAKE_LANGUAGE_H
#define FAKE_LANGUAGE_H

#include "publisher/exchanges/exchange.h"

bc_status fake_input(void *state, const struct bc_input *input, const struct bc_feed_sink *sink);

#endif
