/*
 * A library that wraps malloc, free, calloc and realloc and finds the real ones by RTLD_NEXT, as
 * heap profilers do. It is preloaded before the allocator.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>

static __thread int calls;

#define NEXT(name)                                                                                 \
  static __typeof__(&name) next;                                                                   \
  if (next == NULL) {                                                                              \
    next = (__typeof__(&name))dlsym(RTLD_NEXT, #name);                                             \
  }                                                                                                \
  calls++

void *malloc(size_t size) {
  NEXT(malloc);
  return next(size);
}

void free(void *pointer) {
  NEXT(free);
  next(pointer);
}

void *calloc(size_t count, size_t size) {
  NEXT(calloc);
  return next(count, size);
}

void *realloc(void *pointer, size_t size) {
  NEXT(realloc);
  return next(pointer, size);
}
