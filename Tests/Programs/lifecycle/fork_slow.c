/*
 * Forks while every other thread is in a slow path: batches come and go, slabs are swept and retired,
 * page runs and large blocks are resized, everything is purged. In the child these threads are gone,
 * each at some point of its path. The child must find its blocks whole, use every part of the heap,
 * start threads, and walk the heap.
 *
 *   fork_slow FORKS
 */
#include "interface.h"
#include "random.h"
#include "threads.h"
#include <stdatomic.h>

enum { busy_threads = 4, kept_count = 3000 };
static _Atomic bool stop;
static unsigned char *kept[kept_count];

static size_t kept_size(int index) {
  return index % 500 == 0 ? 1500000 : index % 100 == 0 ? 100000 : (size_t)(index * 37 % 9000) + 1;
}

/* More blocks of a class than a cache and a shelf hold. */
static void drive_batches(size_t size) {
  enum { count = 1500 };
  void *blocks[count];
  for (int i = 0; i < count; i++) {
    blocks[i] = malloc(size);
    CHECK(blocks[i] != NULL);
  }
  for (int i = 0; i < count; i++) {
    free(blocks[i]);
  }
}

static void *be_slow(void *seed) {
  random_t random = {.state = (uintptr_t)seed};
  while (!stop) {
    switch (random_below(&random, 5)) {
    case 0: drive_batches((size_t)8 << random_below(&random, 9)); break;
    case 1: malloc_trim(0); break;
    case 2: {
      unsigned char *block = malloc(40000);
      for (size_t size = 60000; size < (size_t)8 << 20 && block != NULL; size *= 2) {
        block = realloc(block, size);
        CHECK(block != NULL);
        block[size - 1] = 1;
      }
      free(block);
      break;
    }
    case 3: free(join(start((void *(*)(void *))(void *)malloc, (void *)100))); break;
    default: use_the_heap((unsigned)random_next(&random));
    }
  }
  return NULL;
}

static void verify_kept(void) {
  for (int i = 0; i < kept_count; i++) {
    CHECK(holds(kept[i], kept_size(i), (unsigned char)i));
  }
}

static size_t walked;
static void count_block(uintptr_t block, size_t size, void *unused) {
  (void)block, (void)size, (void)unused;
  walked++;
}

static void *use_once(void *salt) {
  use_the_heap((unsigned)(uintptr_t)salt);
  drive_batches(100);
  return NULL;
}

__attribute__((noreturn)) static void child(void) {
  alarm(100);
  verify_kept();
  use_once(NULL);
  pthread_t threads[2] = {start(use_once, (void *)1), start(use_once, (void *)2)};
  join(threads[0]);
  join(threads[1]);
  malloc_trim(0);
  if (runs_on_hakmem()) {
    AVAILABLE(malloc_disable)();
    CHECK(AVAILABLE(malloc_iterate)(0, SIZE_MAX, count_block, NULL) == 0);
    AVAILABLE(malloc_enable)();
    CHECK(walked >= kept_count);
  }
  for (int i = 0; i < kept_count; i++) {
    free(kept[i]);
  }
  use_once(NULL);
  _exit(0);
}

int main(int count, char **arguments) {
  CHECK(count == 2);
  alarm(300);
  for (int i = 0; i < kept_count; i++) {
    kept[i] = malloc(kept_size(i));
    CHECK(kept[i] != NULL);
    memset(kept[i], i & 0xFF, kept_size(i));
  }
  pthread_t threads[busy_threads];
  for (uintptr_t i = 0; i < busy_threads; i++) {
    threads[i] = start(be_slow, (void *)(i + 1));
  }
  for (int i = atoi(arguments[1]); i > 0; i--) {
    fork_child(child);
  }
  stop = true;
  for (int i = 0; i < busy_threads; i++) {
    join(threads[i]);
  }
  verify_kept();
  return 0;
}
