/*
 * System interfaces that the Swift overlay of glibc does not show.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HAKMEM_TOOL_SYSTEM_H
#define HAKMEM_TOOL_SYSTEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

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

/* Neighbouring pages of a process that are present, of one kind. */
struct hakmem_tool_pages {
  uint64_t start, end;
  bool is_huge;
};

/* Finds present pages from `start` to `end`, pages of zeroes left out where the kernel can tell
 * (Linux 6.7); `pagemap` is an open /proc/PID/pagemap. Writes up to `capacity` stretches, returns how
 * many and in *next where to go on; -1 with errno on failure. */
long hakmem_tool_present_pages(int pagemap, uint64_t start, uint64_t end,
                               struct hakmem_tool_pages *found, size_t capacity, uint64_t *next);

/* Whether a process on this machine, also in another container, has the open file for writing or
 * maps it so: 1 or 0; -1 when that cannot be told. `file` is open for reading only. Source: fcntl(2),
 * leases. */
int hakmem_tool_is_written_to(int file);

/* Makes a file in memory, at most readable by this process. Its descriptor, -1 on failure. */
int hakmem_tool_memory_file(const char *name);

#endif
