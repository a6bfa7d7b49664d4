/* Whatever happens to streams and snapshots, in the order the fuzzer likes, a book that is called
 * right is the true one: tests/support/join_model.h. The first byte says whether numbers have
 * holes. */
#include "tests/support/join_model.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct model m;
	if (size < 2)
		return 0;
	m.bytes = data + 1;
	m.n_bytes = size - 1;
	m.rng = 1;
	m.most = 300;
	m.holes = data[0] & 1;
	m.sync = m.holes ? &usdm_sync : &spot_sync;
	if (model_run(&m, (uint32_t)size) != NULL)
		abort();
	return 0;
}
