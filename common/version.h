/* version.h - what was built: "0.1.0", and the commit ("unknown" outside of a git checkout). */
#ifndef BC_VERSION_H
#define BC_VERSION_H

extern const char bc_version[];
extern const char bc_version_git[];

#endif
