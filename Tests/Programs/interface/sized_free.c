/*
 * free_sized, free_aligned_sized and cfree: free under other names, with the request repeated.
 */
#include "interface.h"
#include "sizes.h"

static void free_sized_takes_every_unaligned_block(void) {
  __typeof__(&free_sized) release = AVAILABLE(free_sized);
  if (release == NULL) {
    SKIP("free_sized");
    return;
  }
  release(NULL, 0);
  release(NULL, 100);
  size_t sizes[max_border_sizes];
  size_t count = border_sizes(sizes, (size_t)8 << 20);
  for (int round = 0; round < 200; round++) {
    for (size_t i = 0; i < count; i++) {
      void *block = i % 3 == 0 ? calloc(1, sizes[i]) : malloc(sizes[i]);
      CHECK(block != NULL);
      if (round == 0) {
        touch(block, sizes[i]);
        block = i % 5 == 0 && sizes[i] > 0 ? realloc(block, sizes[i]) : block;
      }
      errno = 4242;
      release(block, sizes[i]);
      CHECK(errno == 4242);
    }
  }
}

static void free_aligned_sized_takes_every_aligned_block(void) {
  __typeof__(&free_aligned_sized) release = AVAILABLE(free_aligned_sized);
  if (release == NULL) {
    SKIP("free_aligned_sized");
    return;
  }
  release(NULL, 64, 100);
  for (size_t alignment = 1; alignment <= ((size_t)1 << 30); alignment *= 2) {
    for (size_t size = 0; size <= ((size_t)4 << 20); size = size * 3 + 1) {
      void *block = aligned_alloc(alignment, size);
      CHECK(block != NULL);
      errno = 4242;
      release(block, alignment, size);
      CHECK(errno == 4242);
    }
  }
}

static void cfree_frees(void) {
  __typeof__(&cfree) release = AVAILABLE(cfree);
  if (release == NULL) {
    SKIP("cfree");
    return;
  }
  release(NULL);
  for (int round = 0; round < 20000; round++) {
    release(calloc(1, 100));
    release(malloc(100000));
  }
}

int main(void) {
  free_sized_takes_every_unaligned_block();
  free_aligned_sized_takes_every_aligned_block();
  cfree_frees();
  return 0;
}
