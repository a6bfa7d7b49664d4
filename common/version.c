#include "common/version.h"

const char bc_version[] = BOOKCAST_VERSION;
const char bc_version_git[] = BOOKCAST_GIT;
