/* Whatever a server sends, in whatever pieces: the direct transport tells whole messages under
 * their cap, text that is UTF-8, one `closed` and nothing after it, within its memory. */
#include "tests/fuzz/transport_drive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct drive drive;
	if (drive.ops == NULL)
		drive_start(&drive, &bc_transport_direct);
	drive_run(&drive, data, size, ~0u, false);
	return 0;
}
