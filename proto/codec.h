/* codec.h - messages to bytes and back: proto/README.md is the specification.
 *
 * Encoding writes msgpack [version, [envelope], [body]] into the caller's buffer; decoding is
 * total: any bytes give a message or a status, without allocation and without reading past n.
 * Threads: pure functions. */
#ifndef BC_PROTO_CODEC_H
#define BC_PROTO_CODEC_H

#include "proto/message.h"

#define BC_WIRE_VERSION 1

/* Bytes that suffice for any message whose strings (a symbol list: its encoded bytes) total
 * `n_strings` bytes with n_levels levels (both sides together). */
size_t bc_message_bound(size_t n_levels, size_t n_strings);

/* Equal messages give equal bytes.
 *   BC_ERANGE  cap is too small; any below bc_message_bound() may be
 *   BC_EINVAL  something in m cannot be encoded: an unknown price or quantity, a number out of its
 *              bounds or of its table, a string that is not UTF-8, an unknown time of the envelope
 *              other than ts_exchange, a channel without a body */
bc_status bc_message_encode(const struct bc_message *m, uint8_t *out, size_t cap, size_t *len);

/* The same in two parts, head before body: whoever says the same again with another envelope keeps
 * the bytes of the body. A body depends on the channel alone. Errors are those of the whole. */
bc_status bc_head_encode(const struct bc_envelope *e, uint8_t *out, size_t cap, size_t *len);
bc_status bc_body_encode(const struct bc_message *m, uint8_t *out, size_t cap, size_t *len);

/* Decodes into *out. Levels go to levels[max_levels] (bids first), strings stay in `payload`;
 * both must outlive *out. Elements and array items that are not known are skipped; numbers of
 * enumerations that are not known are kept (their word is "?", no unknown state is fit).
 * Decimals come at the exponent they were sent at, exact but not normal.
 *   BC_EPARSE    not a message
 *   BC_EVERSION  a newer major version
 *   BC_ENOTFOUND a channel this program does not know; the envelope is decoded
 *   BC_ERANGE    more levels than max_levels, or a number out of bounds
 * Only after BC_OK is all of *out to be used. */
bc_status bc_message_decode(bc_str payload, struct bc_message *out, bc_level *levels,
			    size_t max_levels);

/* The symbol list of @<instance>.state is written from an array; *list points into out.
 * BC_ERANGE: cap is too small (5 bytes a string and 12 suffice). BC_EINVAL: not UTF-8. */
bc_status bc_list_encode(const bc_str *items, uint32_t n, uint8_t *out, size_t cap,
			 struct bc_list *list);
/* Iterates: start with *offset = 0; false at the end. */
bool bc_list_next(const struct bc_list *list, size_t *offset, bc_str *item);

#endif
