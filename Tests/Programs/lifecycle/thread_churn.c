/*
 * Thousands of threads that come and go, each leaving a block for others to free. Memory stays
 * bounded: what a thread held when it ended serves the next.
 *
 *   thread_churn THREADS
 */
#include "threads.h"

enum { at_once = 32 };

static size_t resident_pages(void) {
  size_t total = 0, resident = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  CHECK(file != NULL && fscanf(file, "%zu %zu", &total, &resident) == 2);
  fclose(file);
  return resident;
}

static void *visit(void *argument) {
  use_the_heap((unsigned)(uintptr_t)argument);
  return memset(malloc(700), 7, 700);
}

int main(int count, char **arguments) {
  CHECK(count == 2);
  unsigned total = (unsigned)strtoul(arguments[1], NULL, 0);
  size_t early = 0;
  for (unsigned first = 0; first < total; first += at_once) {
    pthread_t threads[at_once];
    for (unsigned i = 0; i < at_once; i++) {
      threads[i] = start(visit, (void *)(uintptr_t)(first + i));
    }
    for (unsigned i = 0; i < at_once; i++) {
      unsigned char *left = join(threads[i]);
      CHECK(holds(left, 700, 7));
      free(left);
    }
    if (first >= total / 4 && early == 0) {
      early = resident_pages();
    }
  }
  size_t late = resident_pages();
  CHECK_THAT(late < early * 2 + 4096, "%zu pages, then %zu", early, late);
  return 0;
}
