/*
 * A randomised model of the heap: every function, sizes with emphasis on borders, any thread frees
 * what another allocated; contents, alignment, overlap and zeros are checked against a shadow.
 *
 *   model SEED OPERATIONS THREADS SLOTS
 *
 * The seed is printed; with one thread it repeats a run exactly.
 */
#include "interface.h"
#include "random.h"
#include "shadow.h"
#include <pthread.h>

enum { shared_slots = 512 };

static uint64_t seed;
static size_t operations, thread_count, slots_per_thread;

/* Blocks on their way between threads: each slot is owned by whoever exchanged it out. */
static shadow_t *shared[shared_slots];

static __typeof__(&free_sized) release_sized;
static __typeof__(&free_aligned_sized) release_aligned_sized;
static __typeof__(&reallocf) resize_or_free;

static size_t random_size(random_t *random) {
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

static size_t random_alignment(random_t *random) {
  uint64_t kind = random_below(random, 1000);
  return (size_t)1 << (kind < 900 ? 3 + random_below(random, 7) : random_below(random, 20));
}

static void allocate(random_t *random, shadow_t *block) {
  block->size = random_size(random);
  block->alignment = 0;
  block->pattern = random_next(random);
  uint64_t kind = random_below(random, 100);
  void *address = NULL;
  if (kind < 50) {
    address = malloc(block->size);
  } else if (kind < 65) {
    address = calloc(1, block->size);
    CHECK(address != NULL);
    CHECK_THAT(holds(address, block->size, 0), "calloc(1, %zu) at %p", block->size, address);
  } else if (kind < 75) {
    address = realloc(opaque(NULL), block->size);
  } else if (kind < 98) {
    block->alignment = random_alignment(random);
    if (kind < 82 && block->alignment >= sizeof(void *)) {
      CHECK(posix_memalign(&address, block->alignment, block->size) == 0);
    } else {
      address = kind < 90 ? memalign(block->alignment, block->size)
                          : aligned_alloc(block->alignment, block->size);
    }
  } else {
    block->alignment = (size_t)sysconf(_SC_PAGESIZE);
    address = kind == 98 ? valloc(block->size) : pvalloc(block->size);
  }
  block->address = address;
  shadow_born(block);
}

static void release(random_t *random, shadow_t *block) {
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

static void resize(random_t *random, shadow_t *block) {
  uint64_t kind = random_below(random, 8);
  size_t size = kind < 4   ? random_size(random)
                : kind < 6 ? block->size + 1 + random_below(random, 64)
                           : block->size / 2;
  size += size == 0;
  shadow_dies(block);
  uint64_t function = random_below(random, 10);
  void *address = function == 0 && resize_or_free != NULL ? resize_or_free(block->address, size)
                  : function < 3                          ? reallocarray(block->address, 1, size)
                                                          : realloc(block->address, size);
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

/* Gives a block to whichever thread comes next to the same place, and takes what lay there. */
static void hand_over(random_t *random, shadow_t **slot) {
  shadow_t **place = &shared[random_below(random, shared_slots)];
  *slot = __atomic_exchange_n(place, *slot, __ATOMIC_ACQ_REL);
}

static shadow_t *new_shadows(size_t count) {
  void *pages = mmap(NULL, count * sizeof(shadow_t), PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(pages != MAP_FAILED);
  return pages;
}

static void *run(void *argument) {
  uint64_t number = (uint64_t)(uintptr_t)argument;
  random_t random = {seed + number * 0x9E3779B97F4A7C15u};
  shadow_t *shadows = new_shadows(slots_per_thread);
  void *pages = mmap(NULL, slots_per_thread * sizeof(shadow_t *), PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(pages != MAP_FAILED);
  shadow_t **slots = pages;
  for (size_t i = 0; i < slots_per_thread; i++) {
    slots[i] = &shadows[i];
  }
  for (size_t i = 0; i < operations / thread_count; i++) {
    shadow_t **slot = &slots[random_below(&random, slots_per_thread)];
    uint64_t action = random_below(&random, 100);
    if ((*slot)->address == NULL) {
      allocate(&random, *slot);
    } else if (action < 70) {
      release(&random, *slot);
    } else if (action < 85) {
      resize(&random, *slot);
    } else if (thread_count > 1) {
      hand_over(&random, slot);
    }
    if (random_below(&random, 200000) == 0) {
      malloc_trim(0);
    }
  }
  for (size_t i = 0; i < slots_per_thread; i++) {
    if (slots[i]->address != NULL) {
      release(&random, slots[i]);
    }
  }
  return NULL;
}

static void run_threads(void) {
  static pthread_t threads[1024];
  for (size_t i = 1; i < thread_count; i++) {
    CHECK(pthread_create(&threads[i], NULL, run, (void *)i) == 0);
  }
  run(NULL);
  for (size_t i = 1; i < thread_count; i++) {
    CHECK(pthread_join(threads[i], NULL) == 0);
  }
}

int main(int count, char **arguments) {
  CHECK_THAT(count == 5, "usage: model SEED OPERATIONS THREADS SLOTS");
  seed = strtoull(arguments[1], NULL, 0);
  operations = strtoull(arguments[2], NULL, 0);
  thread_count = strtoull(arguments[3], NULL, 0);
  slots_per_thread = strtoull(arguments[4], NULL, 0);
  CHECK(thread_count >= 1 && thread_count <= 1024 && slots_per_thread >= 1);
  printf("seed %#zx, %zu operations, %zu threads, %zu slots\n", (size_t)seed, operations,
         thread_count, slots_per_thread);
  fflush(stdout);

  owner_map_create();
  release_sized = AVAILABLE(free_sized);
  release_aligned_sized = AVAILABLE(free_aligned_sized);
  resize_or_free = AVAILABLE(reallocf);
  shadow_t *travellers = new_shadows(shared_slots);
  for (int i = 0; i < shared_slots; i++) {
    shared[i] = &travellers[i];
  }
  run_threads();
  random_t random = {seed};
  for (int i = 0; i < shared_slots; i++) {
    if (shared[i]->address != NULL) {
      release(&random, shared[i]);
    }
  }
  return 0;
}
