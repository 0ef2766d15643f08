/*
 * System interfaces that the Swift overlay of glibc does not show.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HAKMEM_TOOL_SYSTEM_H
#define HAKMEM_TOOL_SYSTEM_H

#include <stdbool.h>

#include "profile_system.h"

/* Whether the file at `path` carries file capabilities (the xattr security.capability). */
bool hakmem_tool_has_capabilities(const char *path);

/* The file of the object that serves the symbol `name` in this process, or NULL. The string
 * belongs to the loader. */
const char *hakmem_tool_object_of(const char *name);

/* Processors that this process may run on, or 0 when that cannot be told. */
int hakmem_tool_available_processors(void);

/* The C library's version, "2.36", or NULL when it has no such thing. */
const char *hakmem_tool_libc_version(void);

#endif
