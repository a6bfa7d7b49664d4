/* clock.h - the only place that reads clocks. Logic takes times as arguments instead. */
#ifndef BC_CLOCK_H
#define BC_CLOCK_H

#include "proto/value.h"

bc_wall_time bc_wall_now(void);
bc_mono_time bc_mono_now(void);
bc_mono_time bc_boot_now(void); /* counts while the machine sleeps; ahead of mono after a suspend */

/* "2026-11-21T03:50:00.123456789Z" and a NUL. */
#define BC_TIME_TEXT_MAX 36
size_t bc_wall_format(bc_wall_time t, char *out);

#endif
