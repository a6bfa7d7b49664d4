/* After the same upgrade both transports hand over the same, as far as the direct one goes: it is
 * stricter (docs/WEBSOCKET.md). Where it sees no violation, they tell the same to the end. */
#include "tests/fuzz/transport_drive.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct drive direct, lws;
	if (direct.ops == NULL) {
		drive_start(&direct, &bc_transport_direct);
		drive_start(&lws, &bc_transport_lws);
	}
	drive_run(&direct, data, size, DRIVE_CAP, true);
	drive_run(&lws, data, size, DRIVE_CAP, true);
	const bool strict = direct.why == BC_WS_PROTOCOL || direct.why == BC_WS_TOO_LARGE;
	if (!direct.opened || !lws.opened || direct.told.n > lws.told.n ||
	    (direct.told.n > 0 && memcmp(direct.told.data, lws.told.data, direct.told.n) != 0) ||
	    (!strict && direct.told.n != lws.told.n))
		abort();
	return 0;
}
