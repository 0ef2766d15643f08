/*
 * shadow.h — a block as the model knows it: where it is, how large, how aligned, and the pattern it
 * holds. Every block is claimed in the owner map, filled, verified and released through here.
 */
#ifndef SHADOW_H
#define SHADOW_H

#include "owner_map.h"

typedef struct {
  unsigned char *address; /* NULL: an empty slot */
  size_t size;
  size_t alignment; /* as requested; 0 for none */
  uint64_t pattern;
} shadow_t;

/* Blocks above this are filled and verified at both ends and once a page. */
static const size_t filled_completely = 16384;

static inline uint64_t shadow_word(const shadow_t *block, size_t index) {
  return block->pattern + index * 0x9E3779B97F4A7C15u;
}

enum shadow_action { shadow_fill, shadow_verify };

/* Fills a block with its pattern, or verifies the pattern within the first `limit` bytes. */
static inline void shadow_visit(const shadow_t *block, size_t limit, enum shadow_action action) {
  size_t words = block->size / 8;
  bool complete = block->size <= filled_completely;
  for (size_t i = 0; i < words && (i + 1) * 8 <= limit;) {
    uint64_t expected = shadow_word(block, i), found;
    unsigned char *place = block->address + i * 8;
    if (action == shadow_fill) {
      memcpy(place, &expected, 8);
    } else {
      memcpy(&found, place, 8);
      CHECK_THAT(found == expected, "block %p of %zu bytes: %#zx at offset %zu, not %#zx",
                 (void *)block->address, block->size, (size_t)found, i * 8, (size_t)expected);
    }
    bool at_an_end = i < 512 || i + 512 >= words;
    i += complete || at_an_end ? 1 : i + 1024 >= words ? words - 512 - i : 512;
  }
  for (size_t i = words * 8; i < block->size && i < limit; i++) {
    unsigned char expected = (unsigned char)(block->pattern + i);
    if (action == shadow_fill) {
      block->address[i] = expected;
    } else {
      CHECK_THAT(block->address[i] == expected, "block %p of %zu bytes: byte %zu",
                 (void *)block->address, block->size, i);
    }
  }
}

/* Takes in a block that an allocation returned. */
static inline void shadow_born(shadow_t *block) {
  CHECK_THAT(block->address != NULL, "size %zu, alignment %zu: errno %d", block->size,
             block->alignment, errno);
  size_t alignment = block->alignment < 16 ? 16 : block->alignment;
  CHECK_THAT(is_aligned(block->address, alignment), "%p of %zu bytes, alignment %zu",
             (void *)block->address, block->size, alignment);
  size_t usable = malloc_usable_size(block->address);
  CHECK_THAT(usable >= block->size, "%p: %zu usable of %zu", (void *)block->address, usable,
             block->size);
  owner_map_claim(block->address, block->size);
  shadow_visit(block, block->size, shadow_fill);
}

/* Verifies a block that is about to be freed or resized, and forgets its place. */
static inline void shadow_dies(const shadow_t *block) {
  shadow_visit(block, block->size, shadow_verify);
  owner_map_release(block->address, block->size);
}

/* Takes a block back that could not be resized. */
static inline void shadow_lives_on(const shadow_t *block) {
  owner_map_claim(block->address, block->size);
  shadow_visit(block, block->size, shadow_verify);
}

#endif
