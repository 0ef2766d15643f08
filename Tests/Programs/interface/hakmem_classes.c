/*
 * Size classes as the interface shows them: ascending, multiples of 16, each size in the smallest
 * class that holds it, waste within bounds; and prewarming of one.
 */
#include "interface.h"

static void classes_ascend(void) {
  int classes = AVAILABLE(hakmem_size_class_count)();
  size_t previous = 0;
  CHECK(classes > 10);
  for (int i = 1; i < classes; i++) {
    size_t bytes = AVAILABLE(hakmem_size_class_bytes)(i);
    CHECK_THAT(bytes > previous && bytes % 16 == 0, "class %d has %zu bytes", i, bytes);
    previous = bytes;
  }
  CHECK(AVAILABLE(hakmem_size_class_bytes)(0) == 0);
}

static void each_size_is_in_the_smallest_class_that_holds_it(void) {
  int classes = AVAILABLE(hakmem_size_class_count)();
  size_t largest = AVAILABLE(hakmem_size_class_bytes)(classes - 1);
  for (size_t size = 1; size <= largest; size++) {
    int serving = AVAILABLE(hakmem_size_class_of)(size);
    CHECK_THAT(serving >= 1 && serving < classes, "size %zu", size);
    CHECK_THAT(AVAILABLE(hakmem_size_class_bytes)(serving) >= size, "size %zu", size);
    CHECK_THAT(serving == 1 || AVAILABLE(hakmem_size_class_bytes)(serving - 1) < size, "size %zu",
               size);
  }
  CHECK(AVAILABLE(hakmem_size_class_of)(largest + 1) == 0);
  CHECK(AVAILABLE(hakmem_size_class_of)(SIZE_MAX) == 0);
}

static void blocks_are_of_their_class(void) {
  int classes = AVAILABLE(hakmem_size_class_count)();
  for (int i = 1; i < classes; i++) {
    size_t bytes = AVAILABLE(hakmem_size_class_bytes)(i);
    void *block = malloc(bytes);
    CHECK(block != NULL);
    CHECK_THAT(malloc_usable_size(block) == bytes, "class %d, %zu bytes", i, bytes);
    free(block);
  }
}

static void prewarm_makes_superslabs_ready(void) {
  CHECK(AVAILABLE(hak_ss_prewarm_init)() >= 0);
  CHECK(AVAILABLE(hak_ss_prewarm_class)(1, 2) == 2);
  CHECK(AVAILABLE(hak_ss_prewarm_class)(AVAILABLE(hakmem_size_class_count)() - 1, 1) == 1);
  CHECK(AVAILABLE(hak_ss_prewarm_class)(1, 0) == 0);
  errno = 0;
  CHECK(AVAILABLE(hak_ss_prewarm_class)(0, 1) == -1 && errno == EINVAL);
  errno = 0;
  CHECK(AVAILABLE(hak_ss_prewarm_class)(AVAILABLE(hakmem_size_class_count)(), 1) == -1);
  CHECK(errno == EINVAL);
  errno = 0;
  CHECK(AVAILABLE(hak_ss_prewarm_class)(1, -1) == -1 && errno == EINVAL);
  for (int i = 0; i < 100000; i++) {
    CHECK(malloc(16) != NULL);
  }
}

static void purge_releases_what_was_freed(void) {
  enum { count = 30000 };
  static void *blocks[count];
  for (int i = 0; i < count; i++) {
    blocks[i] = malloc(1000);
    CHECK(blocks[i] != NULL);
    memset(blocks[i], 1, 1000);
  }
  for (int i = 0; i < count; i++) {
    free(blocks[i]);
  }
  size_t released = AVAILABLE(hakmem_purge)();
  hakmem_statistics_t statistics;
  AVAILABLE(hakmem_statistics)(&statistics, sizeof statistics);
  size_t left = statistics.page_free_bytes + statistics.slab_free_bytes + statistics.depot_bytes +
                statistics.thread_cache_bytes;
  CHECK_THAT(released > 0 && left < (1 << 20), "%zu bytes released, %zu left", released, left);
  int trimmed = AVAILABLE(hakmem_malloc_trim)(0);
  CHECK(trimmed == 0 || trimmed == 1);
}

int main(void) {
  if (!runs_on_hakmem()) {
    SKIP(
        "hakmem_size_class_of and family, hak_ss_prewarm_init, hak_ss_prewarm_class, hakmem_purge");
    return 0;
  }
  classes_ascend();
  each_size_is_in_the_smallest_class_that_holds_it();
  blocks_are_of_their_class();
  prewarm_makes_superslabs_ready();
  purge_releases_what_was_freed();
  return 0;
}
