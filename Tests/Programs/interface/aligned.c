/*
 * memalign, aligned_alloc, posix_memalign: every power of two up to 1 GiB, at any size, and the
 * errors of each.
 */
#include "check.h"
#include "sizes.h"

static const size_t gibibyte = (size_t)1 << 30;

static const size_t sizes[] = {
    0,    1,    15,    16,    17,     48,      192,     1000,          1024,   1040,
    4096, 5000, 32768, 32769, 100000, 1 << 20, 2 << 20, (2 << 20) + 1, 5 << 20};
enum { size_count = sizeof sizes / sizeof sizes[0] };

static void check_block(unsigned char *block, size_t alignment, size_t size) {
  CHECK_THAT(block != NULL, "alignment %zu, size %zu", alignment, size);
  CHECK_THAT(is_aligned(block, alignment), "alignment %zu, size %zu: %p", alignment, size,
             (void *)block);
  CHECK(is_aligned(block, 16));
  CHECK(malloc_usable_size(block) >= size);
  touch(block, size);
}

static void every_power_of_two_up_to_1_gibibyte(void) {
  for (size_t alignment = 1; alignment <= gibibyte; alignment *= 2) {
    for (int i = 0; i < size_count; i++) {
      unsigned char *first = memalign(alignment, sizes[i]);
      check_block(first, alignment, sizes[i]);
      unsigned char *second = aligned_alloc(alignment, sizes[i]);
      check_block(second, alignment, sizes[i]);
      void *third = NULL;
      if (alignment >= sizeof(void *)) {
        CHECK(posix_memalign(&third, alignment, sizes[i]) == 0);
        check_block(third, alignment, sizes[i]);
        CHECK(third != first && third != second);
      }
      CHECK(first != second);
      free(second);
      free(third);
      free(first);
    }
  }
}

/* Many aligned blocks at once, all live, contents kept. */
static void aligned_blocks_do_not_overlap(void) {
  enum { count = 3000 };
  static unsigned char *blocks[count];
  for (int i = 0; i < count; i++) {
    size_t alignment = (size_t)16 << (i % 9), size = (size_t)(i * 7 % 1500);
    blocks[i] = memalign(alignment, size);
    check_block(blocks[i], alignment, size);
    memset(blocks[i], i & 0xFF, size);
  }
  for (int i = 0; i < count; i++) {
    CHECK(holds(blocks[i], (size_t)(i * 7 % 1500), (unsigned char)(i & 0xFF)));
    free(blocks[i]);
  }
}

static void posix_memalign_reports_errors_and_changes_nothing(void) {
  const size_t bad_alignments[] = {
      0, 1, 2, 4, 7, 12, 24, 40, 100, 4095, 4097, SIZE_MAX, sizeof(void *) * 3};
  char *const sentinel = (char *)&sizes;
  for (size_t i = 0; i < sizeof bad_alignments / sizeof bad_alignments[0]; i++) {
    void *result = sentinel;
    errno = 4242;
    CHECK_THAT(posix_memalign(&result, opaque_size(bad_alignments[i]), 100) == EINVAL,
               "alignment %zu", bad_alignments[i]);
    CHECK(result == sentinel);
    CHECK_THAT(errno == 4242, "alignment %zu set errno to %d", bad_alignments[i], errno);
  }
  const size_t impossible[] = {SIZE_MAX, (size_t)PTRDIFF_MAX + 1, SIZE_MAX - 4095,
                               (size_t)PTRDIFF_MAX};
  for (size_t alignment = 8; alignment <= gibibyte; alignment *= 4) {
    for (size_t i = 0; i < sizeof impossible / sizeof impossible[0]; i++) {
      void *result = sentinel;
      errno = 4242;
      CHECK(posix_memalign(&result, alignment, opaque_size(impossible[i])) == ENOMEM);
      CHECK(result == sentinel);
      /* As glibc does; POSIX leaves it open. */
      CHECK_THAT(errno == ENOMEM, "errno became %d", errno);
    }
  }
}

static void posix_memalign_success_keeps_errno(void) {
  for (size_t alignment = 8; alignment <= ((size_t)8 << 20); alignment *= 2) {
    void *result = NULL;
    errno = 4242;
    CHECK(posix_memalign(&result, alignment, 1000) == 0);
    CHECK(errno == 4242);
    free(result);
  }
}

static void impossible_sizes_fail_with_enomem(void) {
  const size_t impossible[] = {SIZE_MAX, SIZE_MAX - 15, (size_t)PTRDIFF_MAX + 1,
                               (size_t)PTRDIFF_MAX, SIZE_MAX - gibibyte};
  for (size_t alignment = 16; alignment <= gibibyte; alignment *= 2) {
    for (size_t i = 0; i < sizeof impossible / sizeof impossible[0]; i++) {
      errno = 0;
      CHECK(memalign(alignment, opaque_size(impossible[i])) == NULL);
      CHECK(errno == ENOMEM);
      errno = 0;
      CHECK(aligned_alloc(alignment, opaque_size(impossible[i])) == NULL);
      CHECK(errno == ENOMEM);
    }
  }
}

static void memalign_rounds_up_to_a_power_of_two(void) {
  const size_t pairs[][2] = {{0, 16},    {3, 16},      {17, 32},       {24, 32},
                             {100, 128}, {4097, 8192}, {65537, 131072}};
  for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
    void *block = memalign(opaque_size(pairs[i][0]), 100);
    check_block(block, pairs[i][1], 100);
    free(block);
  }
  errno = 0;
  CHECK(memalign(opaque_size(SIZE_MAX), 100) == NULL);
  CHECK(errno == EINVAL);
}

static void aligned_alloc_refuses_what_is_no_power_of_two(void) {
  if (!runs_on_hakmem()) {
    SKIP("aligned_alloc with an alignment that is no power of two");
    return;
  }
  const size_t bad_alignments[] = {0, 3, 12, 24, 100, 4097, SIZE_MAX};
  for (size_t i = 0; i < sizeof bad_alignments / sizeof bad_alignments[0]; i++) {
    errno = 0;
    CHECK_THAT(aligned_alloc(opaque_size(bad_alignments[i]), 100) == NULL, "alignment %zu",
               bad_alignments[i]);
    CHECK(errno == EINVAL);
  }
}

/* Above 1 GiB an allocator may refuse, but must not return what is not aligned. */
static void larger_alignments_are_refused_or_served(void) {
  for (size_t alignment = gibibyte * 2; alignment != 0; alignment *= 2) {
    errno = 0;
    void *block = memalign(opaque_size(alignment), 100);
    CHECK(block != NULL ? is_aligned(block, alignment) : errno == EINVAL || errno == ENOMEM);
    free(block);
    void *result = NULL;
    int status = posix_memalign(&result, opaque_size(alignment), 100);
    CHECK(status == 0 ? is_aligned(result, alignment) : status == EINVAL || status == ENOMEM);
    free(result);
  }
}

int main(void) {
  every_power_of_two_up_to_1_gibibyte();
  aligned_blocks_do_not_overlap();
  posix_memalign_reports_errors_and_changes_nothing();
  posix_memalign_success_keeps_errno();
  impossible_sizes_fail_with_enomem();
  memalign_rounds_up_to_a_power_of_two();
  aligned_alloc_refuses_what_is_no_power_of_two();
  larger_alignments_are_refused_or_served();
  return 0;
}
