/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "CHakmemToolSystem.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/xattr.h>
#include <unistd.h>

bool hakmem_tool_has_capabilities(const char *path) {
  return getxattr(path, "security.capability", NULL, 0) > 0;
}

const char *hakmem_tool_object_of(const char *name) {
  void *address = dlsym(RTLD_DEFAULT, name);
  Dl_info info;
  if (address == NULL || dladdr(address, &info) == 0) return NULL;
  return info.dli_fname;
}

int hakmem_tool_available_processors(void) {
  cpu_set_t set;
  return sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 0;
}

const char *hakmem_tool_libc_version(void) {
  const char *(*version)(void) = (const char *(*)(void))dlsym(RTLD_DEFAULT, "gnu_get_libc_version");
  return version != NULL ? version() : NULL;
}

int hakmem_tool_is_written_to(int file) {
  if (fcntl(file, F_SETLEASE, F_RDLCK) != 0) return errno == EAGAIN ? 1 : -1;
  fcntl(file, F_SETLEASE, F_UNLCK);
  return 0;
}

/* Source: Linux include/uapi/linux/fs.h, PAGEMAP_SCAN. */
struct region {
  uint64_t start, end, categories;
};
struct scan {
  uint64_t size, flags, start, end, walk_end, regions, regions_length, max_pages;
  uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};
enum { present = 1 << 3, zero_page = 1 << 5, huge = 1 << 6, batch = 512 };

static long scan_pages(int pagemap, uint64_t start, uint64_t end, struct hakmem_tool_pages *found,
                       size_t capacity, uint64_t *next) {
  struct region regions[batch];
  struct scan scan = {
      .size = sizeof scan,
      .start = start,
      .end = end,
      .regions = (uintptr_t)regions,
      .regions_length = capacity < batch ? capacity : batch,
      .category_inverted = zero_page,
      .category_mask = present | zero_page,
      .return_mask = present | huge,
  };
  long count = ioctl(pagemap, _IOWR('f', 16, struct scan), &scan);
  for (long i = 0; i < count; i++) {
    found[i].start = regions[i].start;
    found[i].end = regions[i].end;
    found[i].is_huge = (regions[i].categories & huge) != 0;
  }
  *next = scan.walk_end;
  return count;
}

/* Source: Linux Documentation/admin-guide/mm/pagemap.rst. */
static long read_pagemap(int pagemap, uint64_t start, uint64_t end, struct hakmem_tool_pages *found,
                         size_t capacity, uint64_t *next) {
  uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), entries[batch];
  size_t count = 0;
  while (start < end && count < capacity) {
    size_t wanted = (end - start) / page < batch ? (end - start) / page : batch;
    ssize_t bytes = pread(pagemap, entries, wanted * 8, (off_t)(start / page * 8));
    if (bytes < 0) return -1;
    if (bytes < 8) break;
    for (ssize_t i = 0; i < bytes / 8 && count < capacity; i++, start += page) {
      if (entries[i] >> 63 == 0) continue;
      if (count > 0 && found[count - 1].end == start) {
        found[count - 1].end = start + page;
      } else {
        found[count++] = (struct hakmem_tool_pages){start, start + page, false};
      }
    }
  }
  *next = count < capacity ? end : start;
  return (long)count;
}

long hakmem_tool_present_pages(int pagemap, uint64_t start, uint64_t end,
                               struct hakmem_tool_pages *found, size_t capacity, uint64_t *next) {
  long count = scan_pages(pagemap, start, end, found, capacity, next);
  if (count < 0 && (errno == ENOTTY || errno == EINVAL)) {
    return read_pagemap(pagemap, start, end, found, capacity, next);
  }
  return count;
}

int hakmem_tool_memory_file(const char *name) { return memfd_create(name, MFD_CLOEXEC); }
