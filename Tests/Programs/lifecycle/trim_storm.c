/*
 * Trims while other threads make and retire slabs. In hardened mode a trim looks at the canaries of
 * all live blocks, whose slabs must stay meanwhile. Argument: how many trims.
 */
#include "random.h"
#include "threads.h"
#include <malloc.h>
#include <stdatomic.h>

enum { thread_count = 6, most = 4000, most_bytes = 2 << 20 };

static atomic_bool is_over;

static void *fill_and_free(void *argument) {
  random_t random = {.state = (uintptr_t)argument + 1};
  static _Thread_local void *blocks[most];
  while (!is_over) {
    const size_t size = (size_t)16 << random_below(&random, 9);
    size_t count = (size_t)random_below(&random, most);
    if (count * size > most_bytes) {
      count = most_bytes / size;
    }
    for (size_t i = 0; i < count; i++) {
      blocks[i] = malloc(size);
      CHECK(blocks[i] != NULL);
      memset(blocks[i], (int)i, size);
    }
    for (size_t i = 0; i < count; i++) {
      CHECK(((unsigned char *)blocks[i])[size - 1] == (unsigned char)i);
      free(blocks[i]);
    }
  }
  return NULL;
}

int main(int argc, char **argv) {
  CHECK(argc == 2);
  pthread_t threads[thread_count];
  for (uintptr_t i = 0; i < thread_count; i++) {
    threads[i] = start(fill_and_free, (void *)i);
  }
  for (int round = atoi(argv[1]); round > 0; round--) {
    malloc_trim(0);
  }
  is_over = true;
  for (int i = 0; i < thread_count; i++) {
    join(threads[i]);
  }
  return 0;
}
