/*
 * Under RLIMIT_AS: a request fails only when no memory of any kind can serve it. Once blocks of a page
 * and then of 8 bytes cannot be had, no size can; each block that was handed out until then has its
 * bytes to itself, and serves again when it is free.
 */
#include "resident.h"
#include "threads.h"

static size_t **fill(size_t **first, size_t size, bool zeroed) {
  for (;;) {
    errno = 0;
    size_t **block = zeroed ? calloc(1, size) : malloc(size);
    if (block == NULL) {
      CHECK(errno == ENOMEM);
      return first;
    }
    CHECK_THAT((uintptr_t)block % 16 == 0 && malloc_usable_size(block) >= size, "size %zu", size);
    for (size_t i = 0; zeroed && i < size / sizeof *block; i++) {
      CHECK_THAT(block[i] == NULL, "size %zu: word %zu is not zero", size, i);
    }
    memset(block, 0xff, size);
    *block = (size_t *)first;
    first = block;
  }
}

static void release(size_t **first) {
  while (first != NULL) {
    size_t **next = (size_t **)*first;
    free(first);
    first = next;
  }
}

int main(void) {
  limit_address_space(32 << 20);
  for (int round = 0; round < 4; round++) {
    bool zeroed = round % 2 != 0;
    size_t **blocks = fill(fill(NULL, 4104, zeroed), 8, zeroed);
    for (size_t size = 1; size <= (size_t)64 << 20; size += size / 3 + 1) {
      void *block = malloc(size);
      CHECK_THAT(block == NULL, "round %d: %zu bytes after 8 could not be had", round, size);
      CHECK_THAT(aligned_alloc(64, (size + 63) / 64 * 64) == NULL, "size %zu", size);
    }
    /* What shrinks stays where it is at worst. */
    CHECK(realloc(blocks, 1) == blocks);
    release(blocks);
    void *large = malloc((size_t)16 << 20);
    CHECK_THAT(large != NULL, "round %d: 16 MiB after all was freed", round);
    free(large);
  }
  return 0;
}
