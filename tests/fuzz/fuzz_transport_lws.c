/* The same of the transport over libwebsockets: fuzz_transport_direct.c. */
#include "tests/fuzz/transport_drive.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct drive drive;
	if (drive.ops == NULL)
		drive_start(&drive, &bc_transport_lws);
	drive_run(&drive, data, size, ~(unsigned int)DRIVE_COMPRESSION, false);
	return 0;
}
