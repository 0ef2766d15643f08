/*
 * Threads that never allocate and only free what others allocated, one wave after the other.
 */
#include "threads.h"

enum { blocks_each = 500, waves = 200, at_once = 8 };

static void *free_all(void *argument) {
  void **blocks = argument;
  for (int i = 0; i < blocks_each; i++) {
    free(blocks[i]);
  }
  return NULL;
}

int main(void) {
  static void *blocks[at_once][blocks_each];
  for (int wave = 0; wave < waves; wave++) {
    pthread_t threads[at_once];
    for (int i = 0; i < at_once; i++) {
      for (int j = 0; j < blocks_each; j++) {
        size_t size = (size_t)(j * 37 + wave) % 2000 + (j == 7 ? 100000 : 0);
        blocks[i][j] = malloc(size);
        CHECK(blocks[i][j] != NULL);
        memset(blocks[i][j], 1, size);
      }
      threads[i] = start(free_all, blocks[i]);
    }
    for (int i = 0; i < at_once; i++) {
      join(threads[i]);
    }
  }
  return 0;
}
