#include "publisher/simulator/binance.h"
#include "publisher/simulator/face.h"
#include "publisher/simulator/upbit.h"

const struct sim_face *const sim_faces[] = {
	&sim_face_upbit,
	&sim_face_binance_spot,
	&sim_face_binance_usdm,
	NULL,
};

const struct sim_face *sim_face_find(const char *name)
{
	for (size_t i = 0; sim_faces[i] != NULL; i++)
		if (bc_str_is(bc_str_of(name), sim_faces[i]->name))
			return sim_faces[i];
	return NULL;
}
