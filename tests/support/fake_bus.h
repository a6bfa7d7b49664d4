/* fake_bus.h - a cache and a gateway of fixed answers, as a process of its own. They speak the real
 * protocols and know nothing of the real programs.
 *
 * fake_bus_start() returns when both sockets are bound; fake_bus_stop() ends the process. */
#ifndef TESTS_FAKE_BUS_H
#define TESTS_FAKE_BUS_H

#include <sys/types.h>

struct fake_bus {
	char dir[64]; /* run directory with cache.rpc and upbit.0.pub */
	pid_t pid;
};

void fake_bus_start(struct fake_bus *bus);
void fake_bus_stop(struct fake_bus *bus); /* and removes the directory */

#endif
