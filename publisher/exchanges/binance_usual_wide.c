/* binance_usual_wide.c - binance_usual.c, compiled for x86-64-v3 where the compiler can. */
#define binance_read_usual binance_read_usual_wide
/* NOLINTNEXTLINE(bugprone-suspicious-include): its functions, once more */
#include "publisher/exchanges/binance_usual.c"
