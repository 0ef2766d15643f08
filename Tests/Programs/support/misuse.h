/*
 * misuse.h — what the misuse programs share. Each misuses the heap once and must not live to
 * return 0.
 */
#ifndef MISUSE_H
#define MISUSE_H

#include "check.h"

/* The compiler must not know that this block was freed. */
#define opaque_again(block) opaque((void *)opaque_size((uintptr_t)(block)))

/* A misuse that was not seen at once has until here: the caches are emptied, so that every block
 * goes back to where it came from. */
static inline int unnoticed(void) {
  malloc_trim(0);
  fprintf(stderr, "the misuse went unnoticed\n");
  return 0;
}

#endif
