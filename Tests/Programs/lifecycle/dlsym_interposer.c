/*
 * A library that replaces dlsym with one that allocates, as some profilers do. It is preloaded
 * before or after the allocator, which must not need dlsym for its first allocation.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

static int depth;

void *dlsym(void *handle, const char *name) {
  static void *(*real)(void *, const char *);
  depth++;
  char *copy = malloc(strlen(name) + 1);
  strcpy(copy, name);
  char *zeroed = calloc(1, 5000);
  if (real == NULL) {
    real = (void *(*)(void *, const char *))dlvsym(RTLD_NEXT, "dlsym", "GLIBC_2.34");
    if (real == NULL) {
      real = (void *(*)(void *, const char *))dlvsym(RTLD_NEXT, "dlsym", "GLIBC_2.2.5");
    }
  }
  void *result = depth > 10 ? NULL : real(handle, copy);
  free(copy);
  free(zeroed);
  depth--;
  return result;
}

__attribute__((constructor(101))) static void first(void) {
  void *(*found)(size_t) = (void *(*)(size_t))dlsym(RTLD_DEFAULT, "malloc");
  free(found(100));
}
