/*
 * malloc: alignment, distinct blocks, writable to the last byte, and its one error.
 */
#include "check.h"
#include "sizes.h"

static void every_small_size_is_aligned_to_16(void) {
  for (size_t size = 0; size <= 70000; size += size < 5000 ? 1 : 61) {
    unsigned char *block = malloc(size);
    CHECK(block != NULL);
    CHECK_THAT(is_aligned(block, 16), "size %zu gave %p", size, (void *)block);
    memset(block, 0xA5, size);
    CHECK(holds(block, size, 0xA5));
    free(block);
  }
}

static void every_border_size_is_aligned_and_writable(void) {
  size_t sizes[max_border_sizes];
  size_t count = border_sizes(sizes, (size_t)64 << 20);
  for (size_t i = 0; i < count; i++) {
    unsigned char *block = malloc(sizes[i]);
    CHECK(block != NULL);
    CHECK_THAT(is_aligned(block, 16), "size %zu gave %p", sizes[i], (void *)block);
    CHECK(malloc_usable_size(block) >= sizes[i]);
    touch(block, sizes[i]);
    free(block);
  }
}

static void blocks_of_size_0_are_distinct(void) {
  enum { count = 1000 };
  static void *blocks[count];
  for (int i = 0; i < count; i++) {
    blocks[i] = malloc(0);
    CHECK(blocks[i] != NULL);
    CHECK(is_aligned(blocks[i], 16));
    for (int j = 0; j < i; j++) {
      CHECK(blocks[i] != blocks[j]);
    }
  }
  for (int i = 0; i < count; i++) {
    free(blocks[i]);
  }
}

static void live_blocks_do_not_overlap(void) {
  enum { count = 4000 };
  static unsigned char *blocks[count];
  for (int i = 0; i < count; i++) {
    size_t size = (size_t)(i % 2000);
    blocks[i] = malloc(size);
    CHECK(blocks[i] != NULL);
    memset(blocks[i], i & 0xFF, size);
  }
  for (int i = 0; i < count; i++) {
    CHECK(holds(blocks[i], (size_t)(i % 2000), (unsigned char)(i & 0xFF)));
    free(blocks[i]);
  }
}

static void impossible_sizes_fail_with_enomem(void) {
  const size_t sizes[] = {(size_t)PTRDIFF_MAX + 1,
                          (size_t)PTRDIFF_MAX - 1,
                          (size_t)PTRDIFF_MAX,
                          SIZE_MAX,
                          SIZE_MAX - 1,
                          SIZE_MAX - 15,
                          SIZE_MAX - 16,
                          SIZE_MAX - 4095,
                          SIZE_MAX - 65536,
                          (size_t)1 << 62,
                          (size_t)1 << 48};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    errno = 0;
    void *block = malloc(opaque_size(sizes[i]));
    CHECK_THAT(block == NULL, "size %#zx gave %p", sizes[i], block);
    CHECK_THAT(errno == ENOMEM, "size %#zx set errno to %d", sizes[i], errno);
  }
  void *block = malloc(100);
  CHECK(block != NULL);
  free(block);
}

static void success_keeps_errno(void) {
  for (size_t size = 0; size <= ((size_t)4 << 20); size = size * 2 + 1) {
    errno = 4242;
    void *block = malloc(size);
    CHECK(block != NULL);
    CHECK_THAT(errno == 4242, "size %zu", size);
    free(block);
  }
}

int main(void) {
  every_small_size_is_aligned_to_16();
  every_border_size_is_aligned_and_writable();
  blocks_of_size_0_are_distinct();
  live_blocks_do_not_overlap();
  impossible_sizes_fail_with_enomem();
  /* A page that lies free in the thread's cache serves none of them. */
  free(aligned_alloc(1 << 16, 100));
  impossible_sizes_fail_with_enomem();
  success_keeps_errno();
  return 0;
}
