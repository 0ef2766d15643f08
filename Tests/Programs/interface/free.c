/*
 * free: ignores NULL, keeps errno, takes blocks from any thread, and what it returned is reusable.
 */
#include "check.h"
#include <pthread.h>

static const size_t sizes[] = {0,       1,       16,    100,    1024,    1040,          4096,
                               5000,    32768,   40000, 131072, 1 << 20, (1 << 20) + 1, 2 << 20,
                               5 << 20, 40 << 20};
enum { size_count = sizeof sizes / sizeof sizes[0] };

static void null_is_ignored(void) {
  errno = 4242;
  free(opaque(NULL));
  CHECK(errno == 4242);
}

static void errno_is_kept(void) {
  for (int i = 0; i < size_count; i++) {
    void *block = malloc(sizes[i]);
    CHECK(block != NULL);
    touch(block, sizes[i]);
    errno = 4242;
    free(block);
    CHECK_THAT(errno == 4242, "size %zu", sizes[i]);
  }
}

/* Enough blocks that the thread's cache overflows and pages go back to the kernel. */
static void errno_is_kept_when_caches_overflow(void) {
  enum { count = 20000 };
  static void *blocks[count];
  for (size_t size = 16; size <= 16384; size *= 4) {
    int used = size > 4096 ? count / 10 : count;
    for (int i = 0; i < used; i++) {
      blocks[i] = malloc(size);
      CHECK(blocks[i] != NULL);
    }
    errno = 4242;
    for (int i = 0; i < used; i++) {
      free(blocks[i]);
    }
    CHECK_THAT(errno == 4242, "size %zu", size);
  }
}

static void *free_all(void *argument) {
  void **blocks = argument;
  for (int i = 0; i < size_count; i++) {
    errno = 4242;
    free(blocks[i]);
    CHECK(errno == 4242);
  }
  return NULL;
}

static void blocks_of_other_threads_are_taken(void) {
  for (int round = 0; round < 20; round++) {
    void *blocks[size_count];
    for (int i = 0; i < size_count; i++) {
      blocks[i] = malloc(sizes[i]);
      CHECK(blocks[i] != NULL);
    }
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, free_all, blocks) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
  }
}

/* 256 GiB in all: impossible unless blocks are used again. */
static void freed_memory_is_used_again(void) {
  for (int round = 0; round < 4096; round++) {
    char *block = malloc((size_t)64 << 20);
    CHECK(block != NULL);
    block[round * 4096] = 1;
    free(block);
  }
}

int main(void) {
  null_is_ignored();
  errno_is_kept();
  errno_is_kept_when_caches_overflow();
  blocks_of_other_threads_are_taken();
  freed_memory_is_used_again();
  return 0;
}
