/*
 * HAKMEM_PURGE=free: free pages stay until the kernel is short of memory, calloc knows that they are
 * not zero, and malloc_trim returns them at once.    lazy free|dontneed slabs|runs
 */
#include "resident.h"

enum { largest_count = 40000 };

static size_t lazy_bytes(void) { return rollup_bytes("LazyFree"); }

/* Of `kept_in` blocks one stays; 0: none. */
static void fill_and_free(unsigned char *blocks[], int count, size_t size, int kept_in) {
  for (int i = 0; i < count; i++) {
    blocks[i] = malloc(size);
    CHECK(blocks[i] != NULL);
    memset(blocks[i], 255, size);
  }
  for (int i = 0; i < count; i++) {
    if (kept_in == 0 || i % kept_in != 0) {
      free(blocks[i]);
      blocks[i] = NULL;
    }
  }
}

/* Blocks of every kind from memory that was used and given back. */
static void expect_zero(void) {
  for (size_t block = 1; block <= (size_t)2 << 20; block = block * 5 / 4 + 1) {
    void *kept[8];
    for (int i = 0; i < 8; i++) {
      kept[i] = calloc(1, block);
      CHECK_THAT(kept[i] != NULL && holds(kept[i], block, 0), "calloc(1, %zu)", block);
      memset(kept[i], 1, block);
    }
    for (int i = 0; i < 8; i++) {
      free(kept[i]);
    }
  }
}

static void round_trip(bool is_lazy, int count, size_t size, int kept_in) {
  static unsigned char *blocks[largest_count];
  const size_t first = resident_bytes(), used = (size_t)count * size;
  fill_and_free(blocks, count, size, kept_in);
  const size_t lazy = lazy_bytes(), resident = resident_bytes();
  if (is_lazy) {
    CHECK_THAT(lazy > used / 2 && resident > lazy, "%zu lazy, %zu resident", lazy, resident);
  } else {
    CHECK_THAT(lazy == 0, "%zu lazy, %zu resident", lazy, resident);
  }
  expect_zero();
  for (int i = 0; i < count; i++) {
    CHECK(blocks[i] == NULL || holds(blocks[i], size, 255));
  }
  malloc_trim(0);
  CHECK_THAT(lazy_bytes() < used / 100, "%zu lazy", lazy_bytes());
  CHECK(kept_in != 0 || resident_bytes() < first + ((size_t)4 << 20));
  for (int i = 0; i < count; i++) {
    free(blocks[i]);
  }
}

int main(int arguments_count, char **arguments) {
  if (!runs_on_hakmem()) {
    SKIP("HAKMEM_PURGE");
    return 0;
  }
  CHECK(arguments_count == 3);
  const bool is_lazy = strcmp(arguments[1], "free") == 0;
  for (int keeps_some = 0; keeps_some < 2; keeps_some++) {
    if (strcmp(arguments[2], "slabs") == 0) {
      round_trip(is_lazy, largest_count, 1600, keeps_some * 20);
    } else {
      round_trip(is_lazy, 200, 400000, keeps_some * 5);
    }
  }
  return 0;
}
