/*
 * hakmem_statistics and its relatives: exact in a process of one thread, equal to one another, and
 * cut to the caller's size.
 */
#include "interface.h"

enum { count = 3000 };
static void *blocks[count];

static hakmem_statistics_t now(void) {
  hakmem_statistics_t statistics;
  memset(&statistics, 0xFF, sizeof statistics);
  AVAILABLE(hakmem_statistics)(&statistics, sizeof statistics);
  return statistics;
}

static void live_blocks_are_counted(size_t size) {
  hakmem_statistics_t before = now();
  size_t usable = 0;
  for (int i = 0; i < count; i++) {
    blocks[i] = malloc(size);
    CHECK(blocks[i] != NULL);
    usable += malloc_usable_size(blocks[i]);
  }
  hakmem_statistics_t full = now();
  CHECK_THAT(full.live_blocks - before.live_blocks == count, "size %zu: %zu more blocks", size,
             full.live_blocks - before.live_blocks);
  CHECK_THAT(full.live_bytes - before.live_bytes == usable, "size %zu: %zu more bytes, not %zu",
             size, full.live_bytes - before.live_bytes, usable);
  CHECK(full.mapped_bytes >= full.live_bytes);
  CHECK(full.metadata_bytes > 0 && full.thread_caches >= 1);
  for (int i = 0; i < count; i++) {
    free(blocks[i]);
  }
  hakmem_statistics_t after = now();
  CHECK_THAT(after.live_blocks == before.live_blocks, "size %zu: %zu blocks, before %zu", size,
             after.live_blocks, before.live_blocks);
  CHECK(after.live_bytes == before.live_bytes);
}

static void medium_and_large_blocks_are_told_apart(void) {
  hakmem_statistics_t before = now();
  void *medium = malloc(300000), *large = malloc((size_t)8 << 20);
  CHECK(medium != NULL && large != NULL);
  hakmem_statistics_t full = now();
  CHECK(full.live_medium_bytes - before.live_medium_bytes == malloc_usable_size(medium));
  CHECK(full.live_large_bytes - before.live_large_bytes == malloc_usable_size(large));
  CHECK(full.large_regions == before.large_regions + 1);
  free(medium);
  free(large);
  hakmem_statistics_t after = now();
  CHECK(after.large_regions == before.large_regions);
  CHECK(after.most_large_regions >= full.large_regions);
  CHECK(after.most_large_bytes >= full.live_large_bytes);
  CHECK(after.most_large_bytes >= before.most_large_bytes);
}

static void only_known_bytes_are_written(void) {
  union {
    hakmem_statistics_t statistics;
    unsigned char bytes[sizeof(hakmem_statistics_t)];
  } part;
  memset(&part, 0xA5, sizeof part);
  size_t known = offsetof(hakmem_statistics_t, live_medium_bytes);
  AVAILABLE(hakmem_statistics)(&part.statistics, known);
  CHECK(holds(part.bytes + known, sizeof part - known, 0xA5));
  AVAILABLE(hakmem_statistics)(&part.statistics, 0);
}

static void classes_add_up(void) {
  int classes = AVAILABLE(hakmem_size_class_count)();
  CHECK(classes > 1);
  hakmem_class_statistics_t one;
  for (int i = 0; i < count; i++) {
    blocks[i] = malloc(100);
    CHECK(blocks[i] != NULL);
  }
  int serving = AVAILABLE(hakmem_size_class_of)(100);
  CHECK(serving > 0);
  CHECK(AVAILABLE(hakmem_class_statistics)(serving, &one, sizeof one));
  CHECK(one.block_size == AVAILABLE(hakmem_size_class_bytes)(serving));
  CHECK_THAT(one.live_blocks >= count, "%zu live", one.live_blocks);
  CHECK(one.slabs >= 1);
  size_t live_bytes = 0;
  for (int i = 1; i < classes; i++) {
    CHECK(AVAILABLE(hakmem_class_statistics)(i, &one, sizeof one));
    live_bytes += one.live_blocks * one.block_size;
  }
  hakmem_statistics_t all = now();
  CHECK_THAT(live_bytes == all.live_bytes - all.live_medium_bytes - all.live_large_bytes,
             "%zu in classes, %zu in all", live_bytes,
             all.live_bytes - all.live_medium_bytes - all.live_large_bytes);
  CHECK(!AVAILABLE(hakmem_class_statistics)(classes, &one, sizeof one));
  CHECK(!AVAILABLE(hakmem_class_statistics)(-1, &one, sizeof one));
  for (int i = 0; i < count; i++) {
    free(blocks[i]);
  }
}

int main(void) {
  if (!runs_on_hakmem()) {
    SKIP("hakmem_statistics");
    return 0;
  }
  for (size_t size = 0; size <= 300000; size = size * 2 + 50) {
    live_blocks_are_counted(size);
  }
  medium_and_large_blocks_are_told_apart();
  only_known_bytes_are_written();
  classes_add_up();
  return 0;
}
