#include "common/sequence.h"

/* `seq` arrived where `expected` was due. */
static struct bc_sequence_step step_of(enum bc_sequence_verdict verdict, uint64_t expected,
				       uint64_t seq)
{
	struct bc_sequence_step step = { .verdict = verdict };
	if (seq > expected) {
		step.from = expected;
		step.to = seq - 1;
		step.n_lost = seq - expected;
	}
	return step;
}

struct bc_sequence_step bc_sequence_next(struct bc_sequence *s, uint64_t epoch, uint64_t seq)
{
	struct bc_sequence_step step;
	if (s->epoch == 0 && s->last == 0)
		step = step_of(BC_SEQUENCE_FIRST, seq, seq);
	else if (epoch < s->epoch)
		return step_of(BC_SEQUENCE_OLDER_EPOCH, seq, seq);
	else if (epoch > s->epoch)
		step = step_of(BC_SEQUENCE_NEWER_EPOCH, 1, seq);
	else if (seq <= s->last)
		return step_of(BC_SEQUENCE_DUPLICATE, seq, seq);
	else if (seq == s->last + 1)
		step = step_of(BC_SEQUENCE_NEXT, seq, seq);
	else
		step = step_of(BC_SEQUENCE_GAP, s->last + 1, seq);
	s->epoch = epoch;
	s->last = seq;
	return step;
}
