/* shard.h - which of the n gateways of an exchange serves a symbol.
 *
 * Rendezvous hashing: every shard has a score for a symbol, and the highest one has it. When a
 * shard comes, it takes from each of the others what it scores highest for, and nothing else
 * moves; when the last one goes, its symbols are shared out, and nothing else moves. Every gateway
 * computes the same by itself. docs/SHARDING.md has the function in five lines of Python, and
 * vectors.
 *
 *   key       FNV-1a, 64 bit, of the bytes "<exchange>.<symbol>"
 *   score(i)  the (i + 1)-th number of SplitMix64 seeded with the key; i counts from 0
 *   owner     the i with the largest score; of equal ones the smallest i
 *
 * Weights, where they are given, are told to all alike as a text: see bc_division_weigh().
 *
 * Pure. Threads a division is read-only once it is made. */
#ifndef BC_SHARD_H
#define BC_SHARD_H

#include "proto/value.h"

#define BC_SHARDS_MAX 256
#define BC_SHARD_NONE UINT32_MAX /* the index of a gateway that is to own nothing */

uint64_t bc_shard_score(bc_str exchange, bc_str symbol, uint32_t shard);
uint32_t bc_shard_of(bc_str exchange, bc_str symbol, uint32_t count);

/* "i/n", i from 0. BC_EINVAL: not that, and why[cap] says what would be right. */
bc_status bc_shard_parse(const char *text, uint32_t *index, uint32_t *count, char *why, size_t cap);

/* ------------------------------------------------------------------ with weights */

struct bc_division;

/* The caller owns *out; `exchange` is copied. */
bc_status bc_division_new(struct bc_division **out, const char *exchange, uint32_t count);
void bc_division_free(struct bc_division **division); /* safe on NULL */

/* Weighs the symbols of `text`, which holds "SYMBOL WEIGHT" a line; '#' begins a comment. Weights
 * are messages a second or anything else in proportion: 0 to 1e9, three decimals at most. They are
 * dealt out by falling weight (of equal ones by name), each to the shard with the highest score
 * that stays within 1.25 times the mean with it; where there is none, to the one that has least.
 * Symbols that are not named go by their scores alone. Call it once.
 * BC_EPARSE: why[cap] names the line. BC_ENOMEM. */
bc_status bc_division_weigh(struct bc_division *division, bc_str text, char *why, size_t cap);

uint32_t bc_division_owner(const struct bc_division *division, bc_str symbol);
uint32_t bc_division_count(const struct bc_division *division);
/* Of what the weights say; the same where two gateways divide alike. 0: by scores alone. */
uint64_t bc_division_mark(const struct bc_division *division);

#endif
