/* ladder.h - one book for people: asks above, bids below, the spread between. */
#ifndef CLI_LADDER_H
#define CLI_LADDER_H

#include "subscribers/cli/answer.h"

/* depth: levels a side. utf8: bars may be drawn with block characters. */
bool ladder_print(FILE *out, const struct bc_book *book, uint32_t depth, bool color, bool utf8);

#endif
