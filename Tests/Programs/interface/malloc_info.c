/*
 * malloc_info writes the heap's state as XML to a FILE; the test parses what is printed here.
 * It fails for options other than 0.
 */
#include "check.h"
#include <pthread.h>

static void *allocate_a_little(void *argument) {
  (void)argument;
  void *block = malloc(300);
  CHECK(block != NULL);
  return block;
}

int main(void) {
  void *blocks[300];
  for (size_t i = 0; i < 300; i++) {
    blocks[i] = malloc(i * i);
    CHECK(blocks[i] != NULL);
  }
  pthread_t thread;
  void *other = NULL;
  CHECK(pthread_create(&thread, NULL, allocate_a_little, NULL) == 0);
  CHECK(pthread_join(thread, &other) == 0);
  for (size_t i = 0; i < 300; i += 2) {
    free(blocks[i]);
  }
  CHECK(malloc_info(1, stderr) != 0);
  CHECK(malloc_info(-1, stderr) != 0);
  CHECK(malloc_info(0, stdout) == 0);
  CHECK(fflush(stdout) == 0);
  for (size_t i = 1; i < 300; i += 2) {
    free(blocks[i]);
  }
  free(other);
  return 0;
}
