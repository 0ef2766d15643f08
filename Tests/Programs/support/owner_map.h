/*
 * owner_map.h — one bit for every 16 bytes of the address space, set while a live block covers
 * them. Two blocks that overlap are seen at once, whichever threads own them. Blocks are aligned to
 * 16, so none shares its 16 bytes with another.
 */
#ifndef OWNER_MAP_H
#define OWNER_MAP_H

#include "check.h"
#include <sys/mman.h>

/* 47 bits of address, 16 bytes a bit, 64 bits a word: 1 TiB of address space, touched where used.
 */
enum { address_bits = 47 };
static uint64_t *owner_words;

static inline void owner_map_create(void) {
  size_t bytes = ((size_t)1 << address_bits) / 16 / 8;
  void *map =
      mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  CHECK(map != MAP_FAILED);
  CHECK(madvise(map, bytes, MADV_NOHUGEPAGE) == 0 || errno == EINVAL);
  owner_words = map;
}

static inline void owner_map_change(const void *block, size_t size, bool set) {
  size_t first = (uintptr_t)block / 16;
  size_t end = first + (size == 0 ? 1 : (size + 15) / 16);
  CHECK((uintptr_t)block >> address_bits == 0 && end > first);
  for (size_t bit = first; bit < end;) {
    size_t count = 64 - bit % 64 < end - bit ? 64 - bit % 64 : end - bit;
    uint64_t mask = (count == 64 ? ~(uint64_t)0 : ((uint64_t)1 << count) - 1) << (bit % 64);
    uint64_t *word = &owner_words[bit / 64];
    if (set) {
      uint64_t before = __atomic_fetch_or(word, mask, __ATOMIC_RELAXED);
      CHECK_THAT((before & mask) == 0, "block %p of %zu bytes overlaps a live one at %#zx", block,
                 size, bit * 16);
    } else {
      uint64_t before = __atomic_fetch_and(word, ~mask, __ATOMIC_RELAXED);
      CHECK_THAT((before & mask) == mask, "the map itself is wrong at %p", block);
    }
    bit += count;
  }
}

static inline void owner_map_claim(const void *block, size_t size) {
  owner_map_change(block, size, true);
}

static inline void owner_map_release(const void *block, size_t size) {
  owner_map_change(block, size, false);
}

#endif
