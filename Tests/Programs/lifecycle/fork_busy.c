/*
 * Forks from a process whose threads allocate all the time, from the main thread and from the busy
 * threads themselves; each child allocates, frees its parent's blocks, starts threads, and exits.
 *
 *   fork_busy FORKS
 */
#include "threads.h"
#include <stdatomic.h>

enum { busy_threads = 4, inherited_count = 100 };

static _Atomic bool stop;
static void *inherited[inherited_count];

static void *use_once(void *salt) {
  use_the_heap((unsigned)(uintptr_t)salt);
  return NULL;
}

__attribute__((noreturn)) static void child(void) {
  alarm(60);
  for (unsigned i = 0; i < 20; i++) {
    use_the_heap(i);
  }
  for (int i = 0; i < inherited_count; i++) {
    free(inherited[i]);
  }
  pthread_t threads[3];
  for (uintptr_t i = 0; i < 3; i++) {
    threads[i] = start(use_once, (void *)i);
  }
  use_the_heap(1000);
  for (int i = 0; i < 3; i++) {
    join(threads[i]);
  }
  malloc_trim(0);
  _exit(0);
}

static void *be_busy(void *number) {
  for (unsigned i = 0; !stop; i++) {
    use_the_heap(i + (unsigned)(uintptr_t)number * 1000);
    if (i % 4000 == 3999) {
      fork_child(child);
    }
    if (i % 500 == 0) {
      malloc_trim(0);
    }
  }
  return NULL;
}

int main(int count, char **arguments) {
  CHECK(count == 2);
  alarm(150);
  for (int i = 0; i < inherited_count; i++) {
    inherited[i] = malloc((size_t)i * 400);
    CHECK(inherited[i] != NULL);
  }
  pthread_t threads[busy_threads];
  for (uintptr_t i = 0; i < busy_threads; i++) {
    threads[i] = start(be_busy, (void *)i);
  }
  for (int i = atoi(arguments[1]); i > 0; i--) {
    fork_child(child);
  }
  stop = true;
  for (int i = 0; i < busy_threads; i++) {
    join(threads[i]);
  }
  return 0;
}
