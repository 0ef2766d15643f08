/*
 * A library whose constructor runs as early as any may, and whose destructor runs as late: both
 * use the heap. It is preloaded before or after the allocator.
 */
#include "threads.h"

static void *kept[50];

static void *use_as_thread(void *unused) {
  use_the_heap(1);
  return unused;
}

__attribute__((constructor(101))) static void first(void) {
  for (size_t i = 0; i < 50; i++) {
    kept[i] = memset(malloc(i * 200), (int)i, i * 200);
  }
  use_the_heap(2);
  join(start(use_as_thread, NULL));
}

__attribute__((destructor(101))) static void last(void) {
  for (size_t i = 0; i < 50; i++) {
    CHECK(holds(kept[i], i * 200, (unsigned char)i));
    free(kept[i]);
  }
  use_the_heap(3);
}
