/*
 * Under HAKMEM_LIMIT=64M allocation fails with NULL and ENOMEM, whatever the size; what was
 * allocated stays whole, and allocation succeeds again when memory is freed.
 */
#include "interface.h"
#include "resident.h"
#include "threads.h"

enum { limit = 64 << 20 };
static char limit_marker;

static hakmem_statistics_t statistics(void) {
  hakmem_statistics_t result = {0};
  AVAILABLE(hakmem_statistics)(&result, sizeof result);
  return result;
}

/* Fills the heap with blocks of `size`, each with its number, and links them. */
static void **fill(size_t size, size_t *count) {
  void **first = NULL;
  for (*count = 0;; (*count)++) {
    errno = 0;
    void **block = malloc(size);
    if (block == NULL) {
      break;
    }
    touch(block, size);
    block[0] = first;
    block[1] = (void *)*count;
    first = block;
  }
  CHECK_THAT(errno == ENOMEM, "size %zu: errno %d", size, errno);
  return first;
}

/* Frees every second block; returns the others. */
static void **free_half(void **first) {
  void **kept = NULL;
  for (bool drop = true; first != NULL; drop = !drop) {
    void **next = first[0];
    if (drop) {
      free(first);
    } else {
      first[0] = kept;
      kept = first;
    }
    first = next;
  }
  return kept;
}

static size_t free_all(void **first) {
  size_t count = 0;
  for (; first != NULL; count++) {
    void **next = first[0];
    free(first);
    first = next;
  }
  return count;
}

static void fill_with(size_t size) {
  size_t count, again;
  void **blocks = fill(size, &count);
  hakmem_statistics_t full = statistics();
  CHECK_THAT(full.limited_bytes <= limit, "%zu bytes", full.limited_bytes);
  CHECK_THAT(count * size > limit * 3 / 5, "only %zu blocks of %zu", count, size);
  size_t resident = resident_bytes();
  CHECK_THAT(resident < limit + (8 << 20), "%zu bytes resident", resident);

  /* Every way to ask for more says no in its own way, and leaves the heap as it is. */
  errno = 0;
  CHECK(calloc(1, (size_t)limit) == NULL && errno == ENOMEM);
  errno = 0;
  CHECK(aligned_alloc(4096, (size_t)limit) == NULL && errno == ENOMEM);
  void *untouched = &limit_marker;
  errno = 0;
  CHECK(posix_memalign(&untouched, 64, (size_t)limit) == ENOMEM && untouched == &limit_marker);
  CHECK(errno == ENOMEM);
  void *head = blocks[0];
  CHECK(realloc(blocks, (size_t)limit) == NULL && errno == ENOMEM);
  CHECK(blocks[0] == head && blocks[1] == (void *)(count - 1));

  blocks = free_half(blocks);
  void **more = fill(size, &again);
  CHECK_THAT(again >= count / 2 - count / 8, "%zu of %zu blocks of %zu again", again, count / 2,
             size);
  CHECK(free_all(more) == again);
  CHECK(free_all(blocks) == count - (count + 1) / 2);
  use_the_heap((unsigned)size);
}

int main(void) {
  if (!runs_on_hakmem()) {
    SKIP("HAKMEM_LIMIT");
    return 0;
  }
  CHECK(statistics().hard_limit_bytes == limit);
  static const size_t sizes[] = {64, 1000, 4368, 20000, 60000, 1 << 20, 5 << 20};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    fill_with(sizes[i]);
  }
  AVAILABLE(hakmem_purge)();
  CHECK_THAT(statistics().limited_bytes < 16 << 20, "%zu bytes", statistics().limited_bytes);
  return 0;
}
