/*
 * valloc and pvalloc: page-aligned blocks; pvalloc also rounds the size up to whole pages.
 */
#include "check.h"

static const size_t sizes[] = {0, 1, 100, 4095, 4096, 4097, 10000, 65536, 100000, 1 << 20, 3 << 20};
enum { size_count = sizeof sizes / sizeof sizes[0] };

static void valloc_aligns_to_pages(size_t page) {
  for (int i = 0; i < size_count; i++) {
    void *block = valloc(sizes[i]);
    CHECK(block != NULL && is_aligned(block, page));
    CHECK(malloc_usable_size(block) >= sizes[i]);
    touch(block, sizes[i]);
    free(block);
  }
}

static void pvalloc_aligns_and_rounds_up_to_pages(size_t page) {
  for (int i = 0; i < size_count; i++) {
    size_t rounded = (sizes[i] + page - 1) & ~(page - 1);
    void *block = pvalloc(sizes[i]);
    CHECK(block != NULL && is_aligned(block, page));
    CHECK_THAT(malloc_usable_size(block) >= rounded, "size %zu: %zu usable", sizes[i],
               malloc_usable_size(block));
    touch(block, rounded);
    free(block);
  }
}

static void impossible_sizes_fail_with_enomem(void) {
  const size_t impossible[] = {SIZE_MAX,        SIZE_MAX - 100,          SIZE_MAX - 4095,
                               SIZE_MAX - 4096, (size_t)PTRDIFF_MAX + 1, (size_t)PTRDIFF_MAX};
  for (size_t i = 0; i < sizeof impossible / sizeof impossible[0]; i++) {
    errno = 0;
    CHECK(valloc(opaque_size(impossible[i])) == NULL);
    CHECK(errno == ENOMEM);
    errno = 0;
    CHECK(pvalloc(opaque_size(impossible[i])) == NULL);
    CHECK(errno == ENOMEM);
  }
}

int main(void) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  valloc_aligns_to_pages(page);
  pvalloc_aligns_and_rounds_up_to_pages(page);
  impossible_sizes_fail_with_enomem();
  return 0;
}
