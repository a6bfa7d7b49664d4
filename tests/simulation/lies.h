/* lies.h - false messages, to see that the judge sees them: each is what one mistake in the
 * gateway would publish. */
#ifndef BC_SIMULATION_LIES_H
#define BC_SIMULATION_LIES_H

#include "proto/message.h"

struct lie {
	const char *what;                                     /* for people */
	const char *check;                                    /* the one that must catch it */
	bool (*tell)(struct bc_message *m, bc_level *levels); /* false: not with this message */
};

extern const struct lie lies[]; /* ends with what NULL */

#endif
