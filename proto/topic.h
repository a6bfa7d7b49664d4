/* topic.h - <exchange>.<symbol>.<channel>, what ZeroMQ filters on.
 *
 * A topic splits at its first and its last dot: symbols may hold dots. Symbols that begin with
 * '@' are reserved for gateways (@<instance>). A frame on the bus is topic, one NUL, payload, so
 * that topic + NUL is an exact filter. Topics are at most BC_TOPIC_MAX bytes because libzmq
 * 4.3.4 never matches some longer ones (libzmq issue 4564). */
#ifndef BC_PROTO_TOPIC_H
#define BC_PROTO_TOPIC_H

#include "proto/message.h"

#define BC_TOPIC_MAX 240

struct bc_topic {
	bc_str exchange, symbol;
	bc_str channel; /* the whole last part: "candle-1m" */
};

/* Splits and checks; the parts point into `text`.
 * BC_EPARSE: not three parts, empty part, NUL inside, not UTF-8. BC_ERANGE: too long. */
bc_status bc_topic_split(bc_str text, struct bc_topic *out);

/* Writes the topic and a NUL into out[BC_TOPIC_MAX + 1]; *len without the NUL. `interval` is
 * read for candles only. Same errors as above for a symbol that cannot be one. */
bc_status bc_topic_make(bc_str exchange, bc_str symbol, enum bc_channel channel,
			enum bc_interval interval, char *out, size_t *len);

/* May this be a symbol of an exchange? Not empty, no '@' first, no NUL, UTF-8, short enough for
 * every topic of `exchange`. */
bc_status bc_symbol_check(bc_str exchange, bc_str symbol);

/* Splits a bus frame at its first NUL. BC_EPARSE: no NUL or an empty topic. */
bc_status bc_frame_split(const void *frame, size_t n, bc_str *topic, bc_str *payload);

#endif
