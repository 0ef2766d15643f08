/*
 * malloc_usable_size: 0 for NULL, at least the request, all of it writable, and kept by realloc.
 */
#include "check.h"
#include "sizes.h"

static void null_has_none(void) { CHECK(malloc_usable_size(opaque(NULL)) == 0); }

static void all_of_it_may_be_written(void) {
  enum { live = 8 };
  size_t sizes[max_border_sizes];
  size_t count = border_sizes(sizes, (size_t)16 << 20);
  for (size_t i = 0; i < count; i++) {
    unsigned char *blocks[live];
    size_t usable[live];
    int used = sizes[i] > (1 << 20) ? 2 : live;
    for (int j = 0; j < used; j++) {
      blocks[j] = malloc(sizes[i]);
      CHECK(blocks[j] != NULL);
      usable[j] = malloc_usable_size(blocks[j]);
      CHECK_THAT(usable[j] >= sizes[i], "%zu of %zu", usable[j], sizes[i]);
      memset(blocks[j], j + 1, usable[j]);
    }
    for (int j = 0; j < used; j++) {
      CHECK(holds(blocks[j], usable[j], (unsigned char)(j + 1)));
      CHECK(malloc_usable_size(blocks[j]) == usable[j]);
      free(blocks[j]);
    }
  }
}

static void it_holds_for_aligned_blocks(void) {
  for (size_t alignment = 16; alignment <= ((size_t)1 << 22); alignment *= 2) {
    for (size_t size = 1; size <= ((size_t)4 << 20); size = size * 3 + 5) {
      unsigned char *block = memalign(alignment, size), *next = memalign(alignment, size);
      CHECK(block != NULL && next != NULL);
      size_t usable = malloc_usable_size(block), next_usable = malloc_usable_size(next);
      CHECK(usable >= size && next_usable >= size);
      memset(block, 1, usable);
      memset(next, 2, next_usable);
      CHECK(holds(block, usable, 1));
      free(block);
      CHECK(holds(next, next_usable, 2));
      free(next);
    }
  }
}

static void realloc_keeps_all_of_it(void) {
  for (size_t size = 1; size <= ((size_t)4 << 20); size = size * 2 + 3) {
    unsigned char *block = malloc(size);
    CHECK(block != NULL);
    size_t usable = malloc_usable_size(block);
    memset(block, 9, usable);
    block = realloc(block, usable * 3);
    CHECK(block != NULL);
    CHECK_THAT(holds(block, usable, 9), "size %zu, usable %zu", size, usable);
    free(block);
  }
}

int main(void) {
  null_has_none();
  all_of_it_may_be_written();
  it_holds_for_aligned_blocks();
  realloc_keeps_all_of_it();
  return 0;
}
