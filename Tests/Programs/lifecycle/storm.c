/*
 * Uses the heap from the main thread and from a few others; what is preloaded around it varies.
 */
#include "threads.h"

static void *use(void *salt) {
  for (unsigned i = 0; i < 200; i++) {
    use_the_heap(i + (unsigned)(uintptr_t)salt);
  }
  return NULL;
}

int main(void) {
  pthread_t threads[3];
  for (uintptr_t i = 0; i < 3; i++) {
    threads[i] = start(use, (void *)(i * 1000));
  }
  use(NULL);
  for (int i = 0; i < 3; i++) {
    join(threads[i]);
  }
  CHECK(dlsym(RTLD_DEFAULT, "free") != NULL);
  return 0;
}
