/*
 * Forks while a thread gives all free memory back again and again, for which it takes whole lists of
 * slabs away: the child must find their free blocks, and take few slabs beside them.
 *
 *   fork_sweep FORKS
 */
#include "interface.h"
#include "threads.h"
#include <stdatomic.h>

enum { count = 200000, block_bytes = 1000, most_new_slabs = 40 };
static void *blocks[count];
static _Atomic bool stop;

static void *trim(void *unused) {
  while (!stop) {
    malloc_trim(0);
  }
  return unused;
}

static size_t created_slabs(void) {
  hakmem_statistics_t statistics;
  AVAILABLE(hakmem_statistics)(&statistics, sizeof statistics);
  return statistics.slabs_created;
}

__attribute__((noreturn)) static void child(void) {
  alarm(100);
  size_t before = created_slabs();
  for (int i = 0; i < count; i++) {
    if (i % 4 != 0) {
      blocks[i] = malloc(block_bytes);
      CHECK(blocks[i] != NULL);
    }
  }
  size_t created = created_slabs() - before;
  CHECK_THAT(created <= most_new_slabs, "%zu slabs", created);
  for (int i = 0; i < count; i++) {
    free(blocks[i]);
  }
  _exit(0);
}

int main(int argument_count, char **arguments) {
  CHECK(argument_count == 2);
  alarm(300);
  for (int i = 0; i < count; i++) {
    blocks[i] = malloc(block_bytes);
    CHECK(blocks[i] != NULL);
  }
  for (int i = 0; i < count; i++) {
    if (i % 4 != 0) {
      free(blocks[i]);
    }
  }
  pthread_t trimmer = start(trim, NULL);
  for (int i = atoi(arguments[1]); i > 0; i--) {
    fork_child(child);
  }
  stop = true;
  join(trimmer);
  return 0;
}
