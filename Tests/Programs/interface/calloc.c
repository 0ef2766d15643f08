/*
 * calloc: zero at every size, above all when the memory was used before; overflow is ENOMEM.
 */
#include "check.h"
#include "sizes.h"

static void dirty(size_t size) {
  enum { count = 8 };
  unsigned char *blocks[count];
  int used = size > (1 << 20) ? 2 : count;
  for (int i = 0; i < used; i++) {
    blocks[i] = malloc(size);
    CHECK(blocks[i] != NULL);
    memset(blocks[i], 0xFF, malloc_usable_size(blocks[i]));
  }
  for (int i = 0; i < used; i++) {
    free(blocks[i]);
  }
}

static void memory_used_before_is_zero(void) {
  size_t sizes[max_border_sizes];
  size_t count = border_sizes(sizes, (size_t)64 << 20);
  for (size_t i = 0; i < count; i++) {
    size_t size = sizes[i];
    if (size > ((size_t)8 << 20) && (i % 12) > 3) {
      continue;
    }
    dirty(size);
    for (int round = 0; round < 2; round++) {
      unsigned char *block = calloc(1, size);
      CHECK(block != NULL);
      CHECK(is_aligned(block, 16));
      CHECK_THAT(holds(block, size, 0), "calloc(1, %zu), round %d", size, round);
      memset(block, 0xEE, malloc_usable_size(block));
      free(block);
    }
  }
}

/* Pages that one size dirtied and another size gets. */
static void memory_of_another_size_is_zero(void) {
  static const size_t sizes[] = {32,    48,    512,    3000,    4096,   20000,
                                 32768, 70000, 300000, 1 << 20, 3 << 20};
  enum { count = sizeof sizes / sizeof sizes[0], blocks_each = 64 };
  for (int dirtier = 0; dirtier < count; dirtier++) {
    unsigned char *blocks[blocks_each];
    int used = sizes[dirtier] > 100000 ? 4 : blocks_each;
    for (int i = 0; i < used; i++) {
      blocks[i] = malloc(sizes[dirtier]);
      CHECK(blocks[i] != NULL);
      memset(blocks[i], 0xFF, sizes[dirtier]);
    }
    for (int i = 0; i < used; i++) {
      free(blocks[i]);
    }
    malloc_trim(0);
    for (int reader = 0; reader < count; reader++) {
      unsigned char *block = calloc(sizes[reader], 1);
      CHECK(block != NULL);
      CHECK_THAT(holds(block, sizes[reader], 0), "dirtied at %zu, read at %zu", sizes[dirtier],
                 sizes[reader]);
      free(block);
    }
  }
}

static void both_factors_count(void) {
  for (size_t factor = 1; factor < 400; factor += 7) {
    unsigned char *block = calloc(factor, factor);
    CHECK(block != NULL);
    CHECK(malloc_usable_size(block) >= factor * factor);
    CHECK(holds(block, factor * factor, 0));
    memset(block, 1, factor * factor);
    free(block);
  }
}

static void zero_factors_give_distinct_blocks(void) {
  void *first = calloc(0, 8), *second = calloc(8, 0), *third = calloc(0, 0);
  CHECK(first != NULL && second != NULL && third != NULL);
  CHECK(first != second && second != third && first != third);
  void *fourth = calloc(opaque_size(0), opaque_size(SIZE_MAX));
  CHECK(fourth != NULL);
  free(first);
  free(second);
  free(third);
  free(fourth);
}

static void overflow_fails_with_enomem(void) {
  const size_t pairs[][2] = {{SIZE_MAX, 2},
                             {2, SIZE_MAX},
                             {SIZE_MAX, SIZE_MAX},
                             {(size_t)1 << 32, (size_t)1 << 32},
                             {((size_t)1 << 32) + 1, (size_t)1 << 32},
                             {SIZE_MAX / 16 + 1, 16},
                             {SIZE_MAX / 2 + 2, 2},
                             {1, SIZE_MAX},
                             {SIZE_MAX, 1},
                             {(size_t)PTRDIFF_MAX + 1, 1},
                             {1, (size_t)PTRDIFF_MAX}};
  for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
    errno = 0;
    void *block = calloc(opaque_size(pairs[i][0]), opaque_size(pairs[i][1]));
    CHECK_THAT(block == NULL, "calloc(%#zx, %#zx) gave %p", pairs[i][0], pairs[i][1], block);
    CHECK(errno == ENOMEM);
  }
}

int main(void) {
  memory_used_before_is_zero();
  memory_of_another_size_is_zero();
  both_factors_count();
  zero_factors_give_distinct_blocks();
  overflow_fails_with_enomem();
  return 0;
}
