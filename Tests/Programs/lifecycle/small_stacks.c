/*
 * Threads with the smallest stack that pthreads allows, 16 KiB, use the whole heap: slow paths,
 * refills, large blocks, thread exit.
 */
#include "threads.h"
#include <limits.h>

static void *use_all_paths(void *salt) {
  unsigned start_at = (unsigned)(uintptr_t)salt;
  for (unsigned i = 0; i < 50; i++) {
    void *blocks[100];
    for (unsigned j = 0; j < 100; j++) {
      size_t size = (j * 131 + i + start_at) % 9000;
      blocks[j] = malloc(size);
      CHECK(blocks[j] != NULL);
      touch(blocks[j], size);
    }
    void *large = calloc(1, (size_t)3 << 20);
    CHECK(large != NULL);
    large = realloc(large, (size_t)7 << 20);
    CHECK(large != NULL);
    free(large);
    free(memalign(65536, 100000));
    for (int j = 0; j < 100; j++) {
      free(blocks[j]);
    }
  }
  malloc_trim(0);
  return malloc(10);
}

int main(void) {
  pthread_attr_t attributes;
  CHECK(pthread_attr_init(&attributes) == 0);
  CHECK(pthread_attr_setstacksize(&attributes, 16384) == 0);
  for (uintptr_t round = 0; round < 20; round++) {
    pthread_t threads[4];
    for (uintptr_t i = 0; i < 4; i++) {
      CHECK(pthread_create(&threads[i], &attributes, use_all_paths, (void *)(round + i)) == 0);
    }
    for (int i = 0; i < 4; i++) {
      free(join(threads[i]));
    }
  }
  return 0;
}
