/*
 * hakmem_walk: stretches lie apart, cover what is mapped, and agree with the statistics; and a
 * library that serves this process does not become a view of another.
 */
#include "interface.h"

#include <errno.h>
#include <unistd.h>

enum { count = 4000, most = 100000 };
static void *blocks[count];
static hakmem_stretch_t stretches[most];
static size_t found;

static void add(const hakmem_stretch_t *stretch, void *argument) {
  (void)argument;
  if (found < most) stretches[found] = *stretch;
  found++;
}

static int by_start(const void *a, const void *b) {
  uintptr_t left = ((const hakmem_stretch_t *)a)->start;
  uintptr_t right = ((const hakmem_stretch_t *)b)->start;
  return left < right ? -1 : left > right;
}

static size_t bytes_in(hakmem_state_t state) {
  size_t bytes = 0;
  for (size_t i = 0; i < found; i++) {
    if (stretches[i].state == state) bytes += stretches[i].size;
  }
  return bytes;
}

static void stretches_agree_with_the_statistics(void) {
  for (int i = 0; i < count; i++) {
    blocks[i] = malloc((size_t)(i * 37 % 3000));
    CHECK(blocks[i] != NULL);
  }
  for (int i = 0; i < count; i += 3) {
    free(blocks[i]);
    blocks[i] = NULL;
  }
  void *medium = malloc(100000), *large = malloc((size_t)5 << 20);
  CHECK(medium != NULL && large != NULL);
  found = 0;
  hakmem_statistics_t total;
  AVAILABLE(hakmem_disable)();
  AVAILABLE(hakmem_statistics)(&total, sizeof total);
  int status = AVAILABLE(hakmem_walk)(add, NULL);
  AVAILABLE(hakmem_enable)();
  CHECK(status == 0 && found <= most);
  CHECK_THAT(bytes_in(HAKMEM_LIVE) == total.live_bytes, "%zu walked, %zu counted",
             bytes_in(HAKMEM_LIVE), total.live_bytes);
  CHECK_THAT(bytes_in(HAKMEM_IN_DEPOT) == total.depot_bytes, "%zu walked, %zu counted",
             bytes_in(HAKMEM_IN_DEPOT), total.depot_bytes);
  CHECK(bytes_in(HAKMEM_CACHED) >= total.thread_cache_bytes);
  CHECK(bytes_in(HAKMEM_IN_SLAB) + bytes_in(HAKMEM_FRESH) == total.slab_free_bytes);
  CHECK(bytes_in(HAKMEM_METADATA) >= total.metadata_bytes);
  size_t blocks_bytes = 0;
  for (size_t i = 0; i < found; i++) {
    if (stretches[i].state != HAKMEM_METADATA) blocks_bytes += stretches[i].size;
  }
  CHECK_THAT(blocks_bytes == total.mapped_bytes, "%zu walked, %zu mapped", blocks_bytes,
             total.mapped_bytes);
  qsort(stretches, found, sizeof stretches[0], by_start);
  for (size_t i = 1; i < found; i++) {
    CHECK_THAT(stretches[i - 1].start + stretches[i - 1].size <= stretches[i].start,
               "stretches %zu and %zu overlap", i - 1, i);
  }
  for (int i = 0; i < count; i++) {
    free(blocks[i]);
  }
  free(medium);
  free(large);
}

static bool refuse(uintptr_t address, void *buffer, size_t size, void *argument) {
  (void)address, (void)buffer, (void)size, (void)argument;
  return false;
}

static void a_serving_library_is_no_view(void) {
  CHECK(AVAILABLE(hakmem_view)(0, refuse, NULL) == EBUSY);
  void *block = malloc(100);
  CHECK(block != NULL);
  free(block);
}

int main(void) {
  if (!runs_on_hakmem()) {
    SKIP("hakmem_walk");
    return 0;
  }
  stretches_agree_with_the_statistics();
  a_serving_library_is_no_view();
  return 0;
}
