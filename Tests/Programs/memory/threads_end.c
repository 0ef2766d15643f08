/*
 * What ended threads had at hand goes back without a later call: eight threads at once fill their
 * caches and the depot with blocks of every small size, and end.
 */
#include "random.h"
#include "resident.h"
#include "threads.h"

enum { thread_count = 8, slots = 400, rounds = 40000, largest = 2000 };

static pthread_barrier_t all_run;

static void *work(void *number) {
  void *blocks[slots] = {NULL};
  random_t random = {.state = (uintptr_t)number};
  pthread_barrier_wait(&all_run);
  for (int i = 0; i < rounds; i++) {
    void **slot = &blocks[random_next(&random) % slots];
    free(*slot);
    *slot = malloc(1 + random_next(&random) % largest);
    CHECK(*slot != NULL);
    memset(*slot, 1, 1);
  }
  for (int i = 0; i < slots; i++) {
    free(blocks[i]);
  }
  pthread_barrier_wait(&all_run);
  return NULL;
}

int main(void) {
  if (!runs_on_hakmem()) {
    SKIP("what ended threads leave");
    return 0;
  }
  pthread_t threads[thread_count];
  CHECK(pthread_barrier_init(&all_run, NULL, thread_count) == 0);
  const size_t before = resident_bytes();
  for (uintptr_t i = 0; i < thread_count; i++) {
    threads[i] = start(work, (void *)i);
  }
  for (int i = 0; i < thread_count; i++) {
    join(threads[i]);
  }
  const size_t after = resident_bytes();
  /* 1.25 MiB of free pages that are kept in any case, stacks that libc keeps, the heap's own records. */
  CHECK_THAT(after < before + ((size_t)5 << 19), "%zu and %zu bytes", before, after);
  return 0;
}
