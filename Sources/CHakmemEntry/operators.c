/* The C++ allocation operators that may throw, compiled with -fexceptions: an exception cannot
 * pass through a Swift function. Source: ISO C++ 17.6.3 [new.delete].
 * SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
#include <stdlib.h>

#include "hakmem_entry.h"

typedef void (*new_handler)(void);

/* From libstdc++ or libc++; absent in a program without C++, which never calls an operator. */
__attribute__((weak)) new_handler _ZSt15get_new_handlerv(void);
__attribute__((weak, noreturn)) void _ZSt17__throw_bad_allocv(void);

/* Calls the program's new-handler; false when there is none. */
static int call_new_handler(void) {
  new_handler handler = _ZSt15get_new_handlerv ? _ZSt15get_new_handlerv() : NULL;
  if (!handler) return 0;
  handler();
  return 1;
}

static void *throw_bad_alloc(void) {
  if (_ZSt17__throw_bad_allocv) _ZSt17__throw_bad_allocv();
  abort();
}

static __attribute__((noinline)) void *new_slow(size_t size) {
  while (call_new_handler()) {
    void *block = hakmem_malloc(size);
    if (block) return block;
  }
  return throw_bad_alloc();
}

static __attribute__((noinline)) void *new_aligned_slow(size_t alignment, size_t size) {
  while (call_new_handler()) {
    void *block = hakmem_new_aligned(alignment, size);
    if (block) return block;
  }
  return throw_bad_alloc();
}

/* The nothrow forms must catch what a new-handler throws, which C cannot: the C++ library's own
 * nothrow forms do, and call the throwing forms above. */
static __attribute__((noinline)) void *new_nothrow_slow(size_t size) {
  void *(*next)(size_t, const void *) = NULL;
  if (!_ZSt15get_new_handlerv || !_ZSt15get_new_handlerv()) return NULL;
  *(void **)&next = dlsym(RTLD_NEXT, "_ZnwmRKSt9nothrow_t");
  return next ? next(size, NULL) : NULL;
}

static __attribute__((noinline)) void *new_aligned_nothrow_slow(size_t alignment, size_t size) {
  void *(*next)(size_t, size_t, const void *) = NULL;
  if (!_ZSt15get_new_handlerv || !_ZSt15get_new_handlerv()) return NULL;
  *(void **)&next = dlsym(RTLD_NEXT, "_ZnwmSt11align_val_tRKSt9nothrow_t");
  return next ? next(size, alignment, NULL) : NULL;
}

__attribute__((visibility("default"))) void *hakmem_operator_new(size_t size) {
  void *block = hakmem_malloc(size);
  return __builtin_expect(block != NULL, 1) ? block : new_slow(size);
}

__attribute__((visibility("default"))) void *hakmem_operator_new_nothrow(size_t size) {
  void *block = hakmem_malloc(size);
  return __builtin_expect(block != NULL, 1) ? block : new_nothrow_slow(size);
}

__attribute__((visibility("default"))) void *hakmem_operator_new_aligned(size_t size,
                                                                         size_t alignment) {
  void *block = hakmem_new_aligned(alignment, size);
  return __builtin_expect(block != NULL, 1) ? block : new_aligned_slow(alignment, size);
}

__attribute__((visibility("default"))) void *hakmem_operator_new_aligned_nothrow(
    size_t size, size_t alignment) {
  void *block = hakmem_new_aligned(alignment, size);
  return __builtin_expect(block != NULL, 1) ? block : new_aligned_nothrow_slow(alignment, size);
}
