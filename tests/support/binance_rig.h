/* binance_rig.h - one connection to a simulated Binance, spot or USD-M: see sim_face_rig.h. */
#ifndef TESTS_BINANCE_RIG_H
#define TESTS_BINANCE_RIG_H

#include "publisher/simulator/binance.h"
#include "tests/support/sim_face_rig.h"

#include <jansson.h>

#define SPOT (&sim_face_binance_spot)
#define USDM (&sim_face_binance_usdm)

#define SUBSCRIBE(names) "{\"method\":\"SUBSCRIBE\",\"params\":[" names "],\"id\":1}"

static const struct sim_face *const faces[] = { SPOT, USDM };

/* The i-th frame as JSON; its "data" if it has one. */
static inline json_t *event_of(const struct rig *r, size_t i)
{
	json_t *root, *data;

	cr_assert_lt(i, r->n);
	root = json_loads(r->frames[i], 0, NULL);
	cr_assert_not_null(root, "%s", r->frames[i]);
	data = json_object_get(root, "data");
	if (data == NULL)
		return root;
	json_incref(data);
	json_decref(root);
	return data;
}

static inline struct rig *rig_at(const struct sim_face *face, const char *path)
{
	struct rig *r = rig_new(face, 15, 2000, 60, 1);

	cr_assert_eq(rig_open(r, path), 101, "%s", path);
	return r;
}

#endif
