/* decode_floor.h - messages read by hand in the one order of keys in which they are made here: the
 * floor that is out of reach for a reader of what an exchange may send.
 *
 * It believes what it reads. It compares the keys, and takes the numbers as they come; it does not
 * know other orders, spaces, escapes, or more keys, does not see wrong numbers, wrong UTF-8 or the
 * end of the text, and checks neither symbols nor the order of levels. */
#ifndef BENCH_DECODE_FLOOR_H
#define BENCH_DECODE_FLOOR_H

#include "bench/decoded.h"
#include "bench/frames.h"

typedef bool decode_floor_fn(bc_str frame, struct decoded *out); /* false: other keys */

/* NULL: there is none for this shape. */
decode_floor_fn *decode_floor_of(const struct frame_shape *shape);

#endif
