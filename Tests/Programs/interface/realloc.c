/*
 * realloc: contents survive every border in both directions; NULL, size 0, and failure.
 */
#include "check.h"
#include "sizes.h"

static const size_t steps[] = {1,
                               15,
                               16,
                               17,
                               128,
                               129,
                               1000,
                               1024,
                               1025,
                               1040,
                               4095,
                               4096,
                               4097,
                               4112,
                               20000,
                               32768,
                               32769,
                               65536,
                               100000,
                               262144,
                               1000000,
                               1 << 20,
                               (1 << 20) + 1,
                               (2 << 20) - 16,
                               2 << 20,
                               (2 << 20) + 1,
                               3 << 20,
                               8 << 20,
                               33 << 20};
enum { step_count = sizeof steps / sizeof steps[0] };

/* Byte `offset` of the pattern; differs between neighbouring pages and blocks. */
static unsigned char pattern(size_t offset) {
  return (unsigned char)(offset * 31 + (offset >> 8) * 7 + (offset >> 16));
}

static void fill(unsigned char *block, size_t from, size_t to) {
  for (size_t i = from; i < to; i++) {
    block[i] = pattern(i);
  }
}

static void verify(const unsigned char *block, size_t size, size_t from, size_t to) {
  for (size_t i = 0; i < size; i++) {
    CHECK_THAT(block[i] == pattern(i), "byte %zu after %zu -> %zu", i, from, to);
  }
}

static size_t smaller(size_t a, size_t b) { return a < b ? a : b; }

static void every_step_to_every_other_keeps_contents(void) {
  for (int from = 0; from < step_count; from++) {
    for (int to = 0; to < step_count; to++) {
      if (steps[from] + steps[to] > ((size_t)12 << 20) && (from + to) % 5 != 0) {
        continue;
      }
      unsigned char *block = malloc(steps[from]);
      CHECK(block != NULL);
      fill(block, 0, steps[from]);
      unsigned char *resized = realloc(block, steps[to]);
      CHECK(resized != NULL);
      CHECK(is_aligned(resized, 16));
      CHECK(malloc_usable_size(resized) >= steps[to]);
      verify(resized, smaller(steps[from], steps[to]), steps[from], steps[to]);
      touch(resized, steps[to]);
      free(resized);
    }
  }
}

static void growing_and_shrinking_one_block_keeps_contents(void) {
  size_t sizes[max_border_sizes];
  size_t count = border_sizes(sizes, (size_t)4 << 20);
  unsigned char *block = malloc(1);
  CHECK(block != NULL);
  block[0] = pattern(0);
  size_t size = 1;
  for (size_t i = 2; i < count; i++) {
    block = realloc(block, sizes[i]);
    CHECK(block != NULL);
    CHECK(block[size - 1] == pattern(size - 1));
    fill(block, size, sizes[i]);
    size = sizes[i];
  }
  verify(block, size, 0, size);
  for (size_t i = count - 1; i > 1; i--) {
    block = realloc(block, sizes[i]);
    CHECK(block != NULL);
    CHECK(block[sizes[i] - 1] == pattern(sizes[i] - 1));
  }
  verify(block, sizes[2], size, sizes[2]);
  free(block);
}

/* Blocks with neighbours on both sides, so that growth in place would be seen to overlap. */
static void neighbours_are_left_alone(void) {
  enum { count = 64 };
  for (int step = 0; step < step_count && steps[step] <= (1 << 20); step++) {
    unsigned char *blocks[count];
    for (int i = 0; i < count; i++) {
      blocks[i] = malloc(steps[step]);
      CHECK(blocks[i] != NULL);
      memset(blocks[i], i, steps[step]);
    }
    for (int i = 0; i < count; i += 2) {
      size_t grown = steps[step] * 2 + 16;
      blocks[i] = realloc(blocks[i], grown);
      CHECK(blocks[i] != NULL);
      CHECK(holds(blocks[i], steps[step], (unsigned char)i));
      memset(blocks[i], 0xFF, grown);
    }
    for (int i = 1; i < count; i += 2) {
      CHECK_THAT(holds(blocks[i], steps[step], (unsigned char)i), "size %zu", steps[step]);
    }
    for (int i = 0; i < count; i++) {
      free(blocks[i]);
    }
  }
}

static void aligned_blocks_keep_contents(void) {
  for (size_t alignment = 32; alignment <= ((size_t)4 << 20); alignment *= 4) {
    for (int step = 4; step < step_count; step += 3) {
      unsigned char *block = memalign(alignment, 1000);
      CHECK(block != NULL && is_aligned(block, alignment));
      fill(block, 0, 1000);
      block = realloc(block, steps[step]);
      CHECK(block != NULL);
      verify(block, smaller(1000, steps[step]), 1000, steps[step]);
      touch(block, steps[step]);
      free(block);
    }
  }
}

static void null_allocates(void) {
  for (int step = 0; step < step_count; step++) {
    void *block = realloc(opaque(NULL), steps[step]);
    CHECK(block != NULL);
    touch(block, steps[step]);
    free(block);
  }
  void *empty = realloc(opaque(NULL), opaque_size(0));
  CHECK(empty != NULL);
  free(empty);
}

static void size_0_frees(void) {
  for (int round = 0; round < 100000; round++) {
    void *block = malloc(100000);
    CHECK(block != NULL);
    *(char *)block = 1;
    CHECK(realloc(block, opaque_size(0)) == NULL);
  }
}

static void failure_keeps_the_block(void) {
  const size_t impossible[] = {SIZE_MAX, (size_t)PTRDIFF_MAX + 1, (size_t)PTRDIFF_MAX,
                               SIZE_MAX - 4095};
  for (int step = 0; step < step_count; step++) {
    unsigned char *block = malloc(steps[step]);
    CHECK(block != NULL);
    fill(block, 0, steps[step]);
    for (size_t i = 0; i < sizeof impossible / sizeof impossible[0]; i++) {
      errno = 0;
      CHECK(realloc(block, opaque_size(impossible[i])) == NULL);
      CHECK(errno == ENOMEM);
    }
    verify(block, steps[step], steps[step], steps[step]);
    free(block);
  }
}

/* Also where a block of twice the size lies free and nothing else was used yet. */
static void the_same_size_leaves_the_block(void) {
  for (size_t size = 1030; size < 32000; size *= 2) {
    free(opaque(malloc(2 * size)));
    void *block = opaque(malloc(size));
    void *same = realloc(block, size);
    CHECK_THAT(same == block, "%zu bytes", size);
    free(same);
  }
}

int main(void) {
  the_same_size_leaves_the_block();
  every_step_to_every_other_keeps_contents();
  growing_and_shrinking_one_block_keeps_contents();
  neighbours_are_left_alone();
  aligned_blocks_keep_contents();
  null_allocates();
  size_0_frees();
  failure_keeps_the_block();
  return 0;
}
