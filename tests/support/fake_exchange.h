/* fake_exchange.h - an exchange whose language is made for tests: words in, events out.
 *
 *   book SYMBOL BID ASK      bbo SYMBOL BID ASK      trade SYMBOL ID      ticker SYMBOL
 *   again SYMBOL ID          a trade marked as snapshot, as after subscribing
 *   future SYMBOL            a ticker whose exchange time is an hour ahead
 *   at SYMBOL MS BID ASK     a book with that exchange time; whole ...: marked as snapshot
 *   range SYMBOL             a value of this symbol does not fit
 *   foreign                  a message of a kind we did not ask for
 *   refuse SYMBOL            a message of this symbol is not understood
 *   resync SYMBOL            the adapter asks for the symbol anew
 *   limit                    an error frame: a rate limit was hit
 *   up                       understood, no data
 *   list SYMBOL[:STATUS]...  the REST answer with the instruments; STATUS delisted, suspended
 *   ticks SYMBOL...          the REST answer with tick sizes
 *   candle SYMBOL 1m MS      the candle that opened then
 *   polled SYMBOL MS BID ASK...   the REST answer with books of several; "tickers SYMBOL MS..."
 *   trades ID@MS...          the REST answer with trades of a symbol; "candles MS..." with candles
 * Anything else is nonsense. It subscribes with "sub SYMBOL...", a frame that replaces.
 *
 * fake_diff_exchange sends changes and serves snapshots; its frames add. Numbers link as on Binance
 * spot: each change begins one after the end of the one before.
 *   delta SYMBOL FIRST LAST b PRICE=QUANTITY... a PRICE=QUANTITY...   0 deletes
 *   tick SYMBOL SEQ BID ASK                                           a bbo with its number
 *   snap SEQ b PRICE=QUANTITY... a ...   the REST answer to "/snap LIMIT SYMBOL", best first
 *
 * fake_lines_exchange sends books on one line and all else on another; its frames add, three names
 * each, and are answered: "sub#ID AAA BBB CCC", "unsub#ID AAA". A connection lives for a day.
 *   ack ID                   the frame is acknowledged
 *   no ID                    it is refused
 *   slower ID                it came too soon
 *   leaving                  the exchange is going to close this connection */
#ifndef FAKE_EXCHANGE_H
#define FAKE_EXCHANGE_H

#include "publisher/exchanges/exchange.h"

extern const struct bc_exchange fake_exchange, fake_diff_exchange, fake_lines_exchange;

#endif
