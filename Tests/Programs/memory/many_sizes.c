/*
 * Buffers of ever other sizes, one after the other, touch the pages of few size classes: what one class
 * has cached serves the next smaller ones, cleared where calloc asks for it.
 */
#include "check.h"
#include "interface.h"

static unsigned char *allocate(size_t size, int clear) {
  unsigned char *block = clear ? calloc(1, size) : malloc(size);
  CHECK(block != NULL);
  for (size_t byte = 0; clear && byte < size; byte++) CHECK(block[byte] == 0);
  memset(block, 0xa5, size);
  return block;
}

int main(int argc, char **argv) {
  if (!runs_on_hakmem()) SKIP("hakmem_statistics");
  CHECK(argc == 2);
  int clear = strcmp(argv[1], "calloc") == 0;
  /* The thread gets its cache. */
  for (int call = 0; call < 64; call++) free(allocate(40, clear));
  size_t sizes = 0;
  for (size_t size = 30 << 10; size > 2 << 10; size -= size / 16) {
    free(allocate(size, clear));
    sizes++;
  }
  CHECK(sizes > 35);
  hakmem_statistics_t statistics;
  AVAILABLE(hakmem_statistics)(&statistics, sizeof statistics);
  /* 30, 15, 7, 4 KiB and what lies beside them on a page; each size on pages of its own: 440 KiB. */
  CHECK_THAT(
      statistics.thread_cache_bytes < 160 << 10, "%zu bytes cached", (size_t)statistics.thread_cache_bytes);
  return 0;
}
