/* words.h - what states and reasons mean, for people. */
#ifndef CLI_WORDS_H
#define CLI_WORDS_H

#include "proto/message.h"

/* The colour of a state: an SGR code of grid.h. */
const char *paint_state(enum bc_state state);

/* A sentence: what this state means and why. */
const char *why_state(enum bc_state state, enum bc_reason reason);

#endif
