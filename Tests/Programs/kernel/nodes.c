/*
 * Memory by NUMA node: threads that run on processor 0 and on processor 1 take blocks from SuperSlabs
 * of their own if these processors are of different nodes, and share SuperSlabs if not. What one
 * frees of the other's, a lot of it, serves the other again.      nodes apart|together
 */
#include "interface.h"
#include "threads.h"
#include <sched.h>

enum { blocks_of_each = 20000, superslab_shift = 21, most = 4096 };
static unsigned char *blocks[2][blocks_of_each];
static uintptr_t superslabs[2][most];
static int superslab_count[2];
static pthread_barrier_t barrier;

static size_t size_of(int i) { return i % 500 == 0 ? 100000 : 16 + (size_t)i * 37 % 3000; }

static void fill(int processor) {
  for (int i = 0; i < blocks_of_each; i++) {
    blocks[processor][i] = malloc(size_of(i));
    CHECK(blocks[processor][i] != NULL);
    memset(blocks[processor][i], processor + 1, size_of(i));
  }
}

static bool is_noted(int processor, uintptr_t number) {
  for (int i = 0; i < superslab_count[processor]; i++) {
    if (superslabs[processor][i] == number) {
      return true;
    }
  }
  return false;
}

static void note_superslabs(int processor) {
  superslab_count[processor] = 0;
  for (int i = 0; i < blocks_of_each; i++) {
    uintptr_t number = (uintptr_t)blocks[processor][i] >> superslab_shift;
    if (!is_noted(processor, number)) {
      CHECK(superslab_count[processor] < most);
      superslabs[processor][superslab_count[processor]++] = number;
    }
  }
}

static void *live(void *argument) {
  const int mine = (int)(uintptr_t)argument, other = 1 - mine;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(mine, &set);
  CHECK(sched_setaffinity(0, sizeof set, &set) == 0);
  /* No cache that another thread left on another processor. */
  pthread_barrier_wait(&barrier);
  fill(mine);
  note_superslabs(mine);
  pthread_barrier_wait(&barrier);
  for (int i = 0; i < blocks_of_each; i++) {
    CHECK(holds(blocks[other][i], size_of(i), (unsigned char)(other + 1)));
    free(blocks[other][i]);
  }
  pthread_barrier_wait(&barrier);
  /* Everybody's caches and shelves go home. */
  AVAILABLE(malloc_trim)(0);
  pthread_barrier_wait(&barrier);
  fill(mine);
  pthread_barrier_wait(&barrier);
  return NULL;
}

static int shared_superslabs(void) {
  int shared = 0;
  for (int i = 0; i < superslab_count[0]; i++) {
    shared += is_noted(1, superslabs[0][i]);
  }
  return shared;
}

int main(int count, char **arguments) {
  pthread_t threads[2];
  if (!runs_on_hakmem()) {
    SKIP("SuperSlabs by node");
    return 0;
  }
  CHECK(count == 2);
  CHECK(pthread_barrier_init(&barrier, NULL, 2) == 0);
  for (uintptr_t i = 0; i < 2; i++) {
    CHECK(pthread_create(&threads[i], NULL, live, (void *)i) == 0);
  }
  join(threads[0]);
  join(threads[1]);
  const bool is_apart = strcmp(arguments[1], "apart") == 0;
  CHECK_THAT((shared_superslabs() == 0) == is_apart, "%d SuperSlabs are shared",
             shared_superslabs());
  note_superslabs(0);
  note_superslabs(1);
  CHECK_THAT((shared_superslabs() == 0) == is_apart, "%d SuperSlabs are shared after a trim",
             shared_superslabs());
  return 0;
}
