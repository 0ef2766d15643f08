/*
 * A block that grows past the page runs leaves none of their pages behind.
 */
#include "check.h"
#include "interface.h"

int main(void) {
  if (!runs_on_hakmem()) SKIP("hakmem_statistics");
  size_t size = 33 << 10;
  unsigned char *block = malloc(size);
  CHECK(block != NULL);
  memset(block, 1, size);
  while (size < 4 << 20) {
    size_t grown = size + size / 2;
    block = realloc(block, grown);
    CHECK(block != NULL && block[0] == 1 && block[size - 1] == 1);
    memset(block + size, 1, grown - size);
    size = grown;
  }
  hakmem_statistics_t statistics;
  AVAILABLE(hakmem_statistics)(&statistics, sizeof statistics);
  size_t left = statistics.page_free_bytes + statistics.thread_cache_bytes + statistics.slab_free_bytes;
  CHECK_THAT(left < 256 << 10, "%zu bytes left free", left);
  free(block);
  return 0;
}
