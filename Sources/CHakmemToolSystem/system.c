/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "CHakmemToolSystem.h"

#include <dlfcn.h>
#include <sched.h>
#include <stddef.h>
#include <sys/xattr.h>

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
