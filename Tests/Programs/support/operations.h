/*
 * operations.h — one random allocation, release or change of size through any function of the
 * interface, checked against the shadow: what model and the fuzzer consist of.
 */
#ifndef OPERATIONS_H
#define OPERATIONS_H

#include "interface.h"
#include "random.h"
#include "shadow.h"

static __typeof__(&free_sized) release_sized;
static __typeof__(&free_aligned_sized) release_aligned_sized;
static __typeof__(&reallocf) resize_or_free;

/* Before the first operation. */
static inline void operations_prepare(void) {
  owner_map_create();
  release_sized = AVAILABLE(free_sized);
  release_aligned_sized = AVAILABLE(free_aligned_sized);
  resize_or_free = AVAILABLE(reallocf);
}

static inline size_t random_size(random_t *random) {
  uint64_t kind = random_below(random, 1000);
  if (kind < 500) {
    return random_below(random, 256);
  }
  if (kind < 750) {
    return random_below(random, 1200);
  }
  if (kind < 870) {
    /* On a border, or one off it, of a class: an eighth of a power of two. */
    size_t power = (size_t)16 << random_below(random, 11);
    return power + power / 8 * random_below(random, 8) + random_below(random, 3) - 1;
  }
  if (kind < 960) {
    return random_below(random, 8192);
  }
  if (kind < 993) {
    return random_below(random, 70000);
  }
  if (kind < 999) {
    return random_below(random, 1200000);
  }
  return random_below(random, (size_t)5 << 20);
}

static inline size_t random_alignment(random_t *random) {
  uint64_t kind = random_below(random, 1000);
  return (size_t)1 << (kind < 900 ? 3 + random_below(random, 7) : random_below(random, 20));
}

/* Whether the heap has a limit that requests may meet. */
static bool may_be_refused;
static size_t refusals;

/* Whether a request was refused, which has to be for want of memory. */
static inline bool is_refused(void *address, int error) {
  if (address != NULL || !may_be_refused) {
    return false;
  }
  CHECK_THAT(error == ENOMEM, "refused with %d", error);
  __atomic_fetch_add(&refusals, 1, __ATOMIC_RELAXED);
  return true;
}

static inline void allocate(random_t *random, shadow_t *block) {
  block->size = random_size(random);
  block->alignment = 0;
  block->pattern = random_next(random);
  uint64_t kind = random_below(random, 100);
  void *address = NULL;
  errno = 0;
  if (kind < 50) {
    address = malloc(block->size);
  } else if (kind < 65) {
    address = calloc(1, block->size);
    CHECK_THAT(address == NULL || holds(address, block->size, 0), "calloc(1, %zu) at %p", block->size, address);
  } else if (kind < 75) {
    address = realloc(opaque(NULL), block->size);
  } else if (kind < 98) {
    block->alignment = random_alignment(random);
    if (kind < 82 && block->alignment >= sizeof(void *)) {
      errno = posix_memalign(&address, block->alignment, block->size);
    } else {
      address = kind < 90 ? memalign(block->alignment, block->size)
                          : aligned_alloc(block->alignment, block->size);
    }
  } else {
    block->alignment = (size_t)sysconf(_SC_PAGESIZE);
    if (kind != 98) {
      size_t pages = (block->size + block->alignment - 1) / block->alignment;
      block->size = (pages == 0 ? 1 : pages) * block->alignment;
    }
    address = kind == 98 ? valloc(block->size) : pvalloc(block->size);
  }
  if (is_refused(address, errno)) {
    return;
  }
  block->address = address;
  shadow_born(block);
}

static inline void release(random_t *random, shadow_t *block) {
  shadow_dies(block);
  bool with_size = random_below(random, 3) == 0;
  if (with_size && block->alignment == 0 && release_sized != NULL) {
    release_sized(block->address, block->size);
  } else if (with_size && block->alignment != 0 && release_aligned_sized != NULL) {
    release_aligned_sized(block->address, block->alignment, block->size);
  } else if (random_below(random, 50) == 0) {
    CHECK(realloc(block->address, opaque_size(0)) == NULL);
  } else {
    free(block->address);
  }
  block->address = NULL;
}

static inline void resize(random_t *random, shadow_t *block) {
  uint64_t kind = random_below(random, 8);
  size_t size = kind < 4   ? random_size(random)
                : kind < 6 ? block->size + 1 + random_below(random, 64)
                           : block->size / 2;
  size += size == 0;
  shadow_dies(block);
  uint64_t function = random_below(random, 10);
  errno = 0;
  void *address = function == 0 && resize_or_free != NULL ? resize_or_free(block->address, size)
                  : function < 3                          ? reallocarray(block->address, 1, size)
                                                          : realloc(block->address, size);
  if (is_refused(address, errno)) {
    if (function == 0 && resize_or_free != NULL) {
      block->address = NULL;
    } else {
      shadow_lives_on(block);
    }
    return;
  }
  CHECK(address != NULL);
  shadow_t moved = *block;
  moved.address = address;
  shadow_visit(&moved, size < block->size ? size : block->size, shadow_verify);
  block->address = address;
  block->size = size;
  block->alignment = 0;
  block->pattern = random_next(random);
  shadow_born(block);
}

#endif
