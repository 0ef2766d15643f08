/*
 * malloc_iterate with malloc_disable and malloc_enable, as bionic defines them: between the two,
 * every live block that starts in the range is reported once, with at least its size, and other
 * threads wait at their next allocation.
 */
#include "interface.h"
#include <pthread.h>
#include <stdatomic.h>

enum { count = 2000 };
static struct {
  uintptr_t address;
  size_t size;
  int seen;
} blocks[count];
static size_t reported, strangers;

static void *const token = &reported;

static void record(uintptr_t base, size_t size, void *argument) {
  CHECK(argument == token);
  reported++;
  for (int i = 0; i < count; i++) {
    if (blocks[i].address == base) {
      CHECK(size >= blocks[i].size);
      blocks[i].seen++;
      return;
    }
  }
  strangers++;
}

static __typeof__(&malloc_iterate) iterate;
static __typeof__(&malloc_disable) disable;
static __typeof__(&malloc_enable) enable;

static void walk(uintptr_t base, size_t size) {
  reported = strangers = 0;
  for (int i = 0; i < count; i++) {
    blocks[i].seen = 0;
  }
  disable();
  int status = iterate(base, size, record, token);
  enable();
  CHECK(status == 0);
}

static size_t size_of(int index) {
  return index % 100 == 0 ? (size_t)(index + 1) * 3000 : (size_t)(index * 13 % 6000);
}

static void every_live_block_is_reported_once(void) {
  for (int i = 0; i < count; i++) {
    blocks[i].size = size_of(i);
    blocks[i].address = (uintptr_t)malloc(blocks[i].size);
    CHECK(blocks[i].address != 0);
  }
  walk(0, SIZE_MAX);
  for (int i = 0; i < count; i++) {
    CHECK_THAT(blocks[i].seen == 1, "block %d of %zu bytes was seen %d times", i, blocks[i].size,
               blocks[i].seen);
  }
  CHECK_THAT(strangers < 1000, "%zu blocks that nobody allocated", strangers);
}

static void freed_blocks_are_not_reported(void) {
  for (int i = 0; i < count; i += 2) {
    free((void *)blocks[i].address);
  }
  walk(0, SIZE_MAX);
  for (int i = 0; i < count; i++) {
    CHECK_THAT(blocks[i].seen == i % 2, "block %d of %zu bytes was seen %d times", i,
               blocks[i].size, blocks[i].seen);
    /* Others may get this place from now on. */
    blocks[i].address = i % 2 == 0 ? 0 : blocks[i].address;
  }
}

static void only_the_range_is_reported(void) {
  for (int i = 1; i < count; i += 202) {
    walk(blocks[i].address, 1);
    CHECK(blocks[i].seen == 1 && reported == 1);
    walk(blocks[i].address + 1, 15);
    CHECK(reported == 0);
  }
  walk(blocks[1].address, 0);
  CHECK(reported == 0);
}

static _Atomic bool stop;
static _Atomic unsigned long rounds;

static void *churn(void *argument) {
  (void)argument;
  while (!stop) {
    void *block = malloc(rounds * 37 % 40000);
    CHECK(block != NULL);
    free(block);
    rounds++;
  }
  return NULL;
}

static void other_threads_wait_and_go_on(void) {
  enum { thread_count = 3 };
  pthread_t threads[thread_count];
  for (int i = 0; i < thread_count; i++) {
    CHECK(pthread_create(&threads[i], NULL, churn, NULL) == 0);
  }
  for (int round = 0; round < 200; round++) {
    walk(0, SIZE_MAX);
    for (int i = 1; i < count; i += 2) {
      CHECK(blocks[i].seen == 1);
    }
    unsigned long before = rounds;
    while (rounds == before) {
      usleep(100);
    }
  }
  stop = true;
  for (int i = 0; i < thread_count; i++) {
    CHECK(pthread_join(threads[i], NULL) == 0);
  }
}

static void the_calling_thread_may_free_and_allocate(void) {
  disable();
  void *block = malloc(100), *large = malloc(100000);
  free(block);
  free(large);
  free((void *)blocks[1].address);
  enable();
  CHECK(block != NULL && large != NULL);
}

int main(void) {
  iterate = AVAILABLE(malloc_iterate);
  disable = AVAILABLE(malloc_disable);
  enable = AVAILABLE(malloc_enable);
  if (iterate == NULL || disable == NULL || enable == NULL) {
    SKIP("malloc_iterate, malloc_disable, malloc_enable");
    return 0;
  }
  every_live_block_is_reported_once();
  freed_blocks_are_not_reported();
  only_the_range_is_reported();
  other_threads_wait_and_go_on();
  the_calling_thread_may_free_and_allocate();
  return 0;
}
