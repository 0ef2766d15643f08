/*
 * reallocarray and reallocf: realloc with an overflow check, and realloc that frees on failure.
 */
#include "interface.h"

static void reallocarray_multiplies(void) {
  unsigned char *block = reallocarray(opaque(NULL), 10, 20);
  CHECK(block != NULL);
  CHECK(malloc_usable_size(block) >= 200);
  memset(block, 7, 200);
  block = reallocarray(block, 3000, 100);
  CHECK(block != NULL);
  CHECK(malloc_usable_size(block) >= 300000);
  CHECK(holds(block, 200, 7));
  touch(block, 300000);
  block = reallocarray(block, 5, 10);
  CHECK(block != NULL);
  CHECK(holds(block + 1, 49, 7));
  free(block);
}

static void reallocarray_overflow_fails_and_keeps_the_block(void) {
  const size_t pairs[][2] = {
      {SIZE_MAX, 2},           {2, SIZE_MAX},         {(size_t)1 << 32, (size_t)1 << 32},
      {SIZE_MAX / 16 + 1, 16}, {SIZE_MAX / 2 + 2, 2}, {(size_t)PTRDIFF_MAX + 1, 1}};
  unsigned char *block = malloc(100);
  CHECK(block != NULL);
  memset(block, 7, 100);
  for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
    errno = 0;
    CHECK(reallocarray(block, opaque_size(pairs[i][0]), opaque_size(pairs[i][1])) == NULL);
    CHECK(errno == ENOMEM);
  }
  CHECK(holds(block, 100, 7));
  free(block);
}

static void reallocarray_of_zero_bytes_frees(void) {
  for (int round = 0; round < 20000; round++) {
    CHECK(reallocarray(malloc(100000), opaque_size(0), 8) == NULL);
    CHECK(reallocarray(malloc(100000), 8, opaque_size(0)) == NULL);
  }
}

static void reallocf_resizes_and_frees_on_failure(void) {
  __typeof__(&reallocf) resize_or_free = AVAILABLE(reallocf);
  if (resize_or_free == NULL) {
    SKIP("reallocf");
    return;
  }
  unsigned char *block = resize_or_free(NULL, 100);
  CHECK(block != NULL);
  memset(block, 7, 100);
  block = resize_or_free(block, 100000);
  CHECK(block != NULL);
  CHECK(holds(block, 100, 7));
  free(block);
  CHECK(resize_or_free(malloc(10), opaque_size(0)) == NULL);
  /* 100 GiB in all unless the failing call frees. */
  for (int round = 0; round < 100000; round++) {
    char *large = malloc(1 << 20);
    CHECK(large != NULL);
    large[0] = 1;
    errno = 0;
    CHECK(resize_or_free(large, opaque_size(SIZE_MAX)) == NULL);
    CHECK(errno == ENOMEM);
  }
}

int main(void) {
  reallocarray_multiplies();
  reallocarray_overflow_fails_and_keeps_the_block();
  reallocarray_of_zero_bytes_frees();
  reallocf_resizes_and_frees_on_failure();
  return 0;
}
