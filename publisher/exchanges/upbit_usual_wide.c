/* upbit_usual_wide.c - upbit_usual.c, compiled for x86-64-v3 where the compiler can. */
#define upbit_read_usual upbit_read_usual_wide
/* NOLINTNEXTLINE(bugprone-suspicious-include): its functions, once more */
#include "publisher/exchanges/upbit_usual.c"
