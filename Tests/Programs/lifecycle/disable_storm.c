/*
 * Walks the heap between malloc_disable and malloc_enable while threads allocate, resize and free
 * blocks of every kind. Each block that the walk reports can be read until malloc_enable: no other
 * thread returns memory meanwhile.
 *
 *   disable_storm WALKS
 */
#include "interface.h"
#include "random.h"
#include "threads.h"
#include <stdatomic.h>

enum { busy_threads = 4 };
static _Atomic bool stop;
static _Atomic size_t operations;
static volatile unsigned char sum;

static void *be_busy(void *seed) {
  random_t random = {.state = (uintptr_t)seed};
  unsigned char *blocks[8] = {0};
  while (!stop) {
    unsigned char **block = &blocks[random_below(&random, 8)];
    size_t size = (size_t)1 << random_below(&random, 24);
    if (*block != NULL && random_below(&random, 2) == 0) {
      *block = realloc(*block, size);
      CHECK(*block != NULL);
    } else {
      free(*block);
      *block = malloc(size);
      CHECK(*block != NULL);
    }
    (*block)[size - 1] = 1;
    operations++;
  }
  for (int i = 0; i < 8; i++) {
    free(blocks[i]);
  }
  return NULL;
}

static void read_block(uintptr_t block, size_t size, void *unused) {
  (void)unused;
  volatile unsigned char *bytes = (volatile unsigned char *)block;
  sum += bytes[0] + bytes[size / 2] + bytes[size - 1];
}

int main(int count, char **arguments) {
  CHECK(count == 2);
  alarm(200);
  pthread_t threads[busy_threads];
  for (uintptr_t i = 0; i < busy_threads; i++) {
    threads[i] = start(be_busy, (void *)(i + 1));
  }
  for (int i = atoi(arguments[1]); i > 0; i--) {
    AVAILABLE(malloc_disable)();
    int first = AVAILABLE(malloc_iterate)(0, SIZE_MAX, read_block, NULL);
    int second = AVAILABLE(malloc_iterate)(0, SIZE_MAX, read_block, NULL);
    AVAILABLE(malloc_enable)();
    CHECK(first == 0 && second == 0);
    usleep(1000);
  }
  stop = true;
  for (int i = 0; i < busy_threads; i++) {
    join(threads[i]);
  }
  return 0;
}
