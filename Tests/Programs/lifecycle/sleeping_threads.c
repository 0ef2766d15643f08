/*
 * A thousand threads, or as many as are asked for, that allocated and then sleep: they hold little,
 * the others go on, and all end well.
 *
 *   sleeping_threads [THREADS]
 */
#include "threads.h"
#include <semaphore.h>

enum { most_threads = 10000 };
static uintptr_t thread_count = 1000;
static sem_t asleep, wake;

/* One thread of sixteen uses all of the heap, the others small blocks: touching large ones is what
 * takes time. */
static void use_some(uintptr_t salt) {
  if (salt % 16 == 0) {
    use_the_heap((unsigned)salt);
    return;
  }
  enum { count = 40 };
  void *blocks[count];
  for (unsigned i = 0; i < count; i++) {
    size_t size = ((unsigned)salt * 31 + i * 97) % 1000;
    blocks[i] = memset(malloc(size), (int)i, size);
  }
  for (unsigned i = 0; i < count; i++) {
    CHECK(holds(blocks[i], ((unsigned)salt * 31 + i * 97) % 1000, (unsigned char)i));
    free(blocks[i]);
  }
}

static void *allocate_and_sleep(void *salt) {
  use_some((uintptr_t)salt);
  void *kept = memset(malloc(200), 3, 200);
  sem_post(&asleep);
  while (sem_wait(&wake) != 0) {
  }
  CHECK(holds(kept, 200, 3));
  use_some((uintptr_t)salt + 1);
  return kept;
}

int main(int count, char **arguments) {
  static pthread_t threads[most_threads];
  if (count == 2) {
    thread_count = strtoul(arguments[1], NULL, 0);
    CHECK(thread_count <= most_threads);
  }
  pthread_attr_t attributes;
  CHECK(sem_init(&asleep, 0, 0) == 0 && sem_init(&wake, 0, 0) == 0);
  CHECK(pthread_attr_init(&attributes) == 0);
  CHECK(pthread_attr_setstacksize(&attributes, 16384) == 0);
  for (uintptr_t i = 0; i < thread_count; i++) {
    CHECK(pthread_create(&threads[i], &attributes, allocate_and_sleep, (void *)i) == 0);
  }
  for (uintptr_t i = 0; i < thread_count; i++) {
    while (sem_wait(&asleep) != 0) {
    }
  }
  for (unsigned i = 0; i < 1000; i++) {
    use_the_heap(i);
  }
  malloc_trim(0);
  for (uintptr_t i = 0; i < thread_count; i++) {
    sem_post(&wake);
  }
  for (uintptr_t i = 0; i < thread_count; i++) {
    free(join(threads[i]));
  }
  return 0;
}
