/* arrived.h - whether what one end of a loopback connection sent has come to the other one. */
#ifndef TESTS_CONFORMANCE_ARRIVED_H
#define TESTS_CONFORMANCE_ARRIVED_H

#include <stdbool.h>

/* Between the two the kernel may hold it, where neither end shows it, and does when it is busy.
 * True where one of them is no socket any more. */
bool has_arrived(int from, int to);

#endif
