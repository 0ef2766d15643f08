/*
 * Under a limit of address space (RLIMIT_AS, set already): a block grows as long as the bytes that it
 * gains are available, not twice its size; and SuperSlabs whose addresses were given up for a large
 * block come back although the program has mapped something at some of them.
 */
#include "interface.h"
#include <sys/mman.h>
#include <sys/resource.h>

static size_t limit;

static void grow_beyond_half_of_the_limit(void) {
  size_t size = limit / 10 * 4;
  unsigned char *block = malloc(size);
  CHECK(block != NULL);
  for (size_t offset = 0; offset < size; offset += 4096) {
    block[offset] = (unsigned char)(offset >> 12);
  }
  /* In its way. */
  uintptr_t end = ((uintptr_t)block + size + 4095) & ~(uintptr_t)4095;
  void *other = mmap((void *)end, 4096, PROT_READ,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  CHECK(other == (void *)end);
  block = realloc(block, limit / 10 * 6);
  CHECK(block != NULL);
  for (size_t offset = 0; offset < size; offset += 4096) {
    CHECK(block[offset] == (unsigned char)(offset >> 12));
  }
  CHECK(munmap(other, 4096) == 0);
  free(block);
}

static size_t metadata_bytes(void) {
  hakmem_statistics_t figures;
  AVAILABLE(hakmem_statistics)(&figures, sizeof figures);
  return figures.metadata_bytes;
}

/* A block in the middle of what was filled last. */
static uintptr_t middle;

static void *fill(size_t size, size_t bytes) {
  void **first = NULL;
  for (size_t total = 0; total < bytes; total += size) {
    void **block = malloc(size);
    CHECK(block != NULL);
    *block = first;
    first = block;
    middle = total < bytes / 2 ? (uintptr_t)block : middle;
  }
  return first;
}

static void release(void *first) {
  while (first != NULL) {
    void *next = *(void **)first;
    free(first);
    first = next;
  }
}

static void superslabs_come_back(void) {
  size_t before = 0;
  for (int round = 0; round < 8; round++) {
    void *blocks = fill(30000, limit / 2);
    uintptr_t superslab = middle & ~(uintptr_t)((2 << 20) - 1);
    release(blocks);
    free(opaque(malloc(limit / 10 * 6)));
    /* It is unmapped now: something else takes its place. */
    void *mine = mmap((void *)superslab, 4096, PROT_READ,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    release(fill(30000, limit / 2));
    CHECK(mine == MAP_FAILED || munmap(mine, 4096) == 0);
    CHECK(round > 0 || mine != MAP_FAILED);
    before = round == 1 ? metadata_bytes() : before;
  }
  CHECK_THAT(metadata_bytes() <= before + (256 << 10), "%zu bytes of metadata, %zu before",
             metadata_bytes(), before);
}

int main(void) {
  struct rlimit address_space;
  CHECK(getrlimit(RLIMIT_AS, &address_space) == 0);
  limit = address_space.rlim_cur;
  CHECK(limit != RLIM_INFINITY);
  grow_beyond_half_of_the_limit();
  superslabs_come_back();
  return 0;
}
