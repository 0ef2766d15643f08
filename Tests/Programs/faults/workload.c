/*
 * Uses the heap while system calls of the allocator fail. Each request gives a block or NULL with
 * ENOMEM; whatever happens, the blocks keep their contents and overlap nowhere, and a walk of the
 * heap finds them all. When the faults are over every request succeeds again.
 *
 *   workload small|medium|large|realloc|aligned|threads|purge|processes [served]
 *
 * `served`: what fails is of no consequence, every request succeeds all the time.
 */
#include "faults.h"
#include "interface.h"
#include "random.h"
#include "shadow.h"
#include "threads.h"
#include <sys/prctl.h>

enum { slot_count = 256 };
static shadow_t slots[slot_count];
static bool must_serve;

/* ---- Requests that may fail ---- */

static bool is_served(const void *address) {
  CHECK_THAT(address != NULL || errno == ENOMEM, "errno %d", errno);
  CHECK_THAT(address != NULL || !must_serve, "no memory although it can be had");
  return address != NULL;
}

static void obtain(random_t *random, shadow_t *slot, size_t size, size_t alignment) {
  *slot = (shadow_t){.size = size, .alignment = alignment, .pattern = random_next(random)};
  errno = 0;
  if (alignment != 0) {
    slot->address = aligned_alloc(alignment, size);
  } else if (random_below(random, 3) == 0) {
    slot->address = calloc(1, size);
    CHECK(slot->address == NULL || holds(slot->address, size, 0));
  } else {
    slot->address = malloc(size);
  }
  if (is_served(slot->address)) {
    shadow_born(slot);
  }
}

static void give_up(shadow_t *slot) {
  if (slot->address != NULL) {
    shadow_dies(slot);
    free(slot->address);
    slot->address = NULL;
  }
}

static void change_size(shadow_t *slot, size_t size) {
  shadow_dies(slot);
  errno = 0;
  unsigned char *address = realloc(slot->address, size);
  if (!is_served(address)) {
    /* Nothing happened. */
    owner_map_claim(slot->address, slot->size);
    shadow_visit(slot, slot->size, shadow_verify);
    return;
  }
  shadow_t moved = *slot;
  moved.address = address;
  shadow_visit(&moved, size < slot->size ? size : slot->size, shadow_verify);
  slot->address = address;
  slot->size = size;
  slot->alignment = 0;
  shadow_born(slot);
}

/* Fills, empties and resizes the first `count` slots at random, with sizes from a range. */
static void churn(shadow_t *some, size_t count, uint64_t seed, size_t steps, size_t low,
                  size_t high) {
  random_t random = {.state = seed};
  for (size_t i = 0; i < steps; i++) {
    shadow_t *slot = &some[random_below(&random, count)];
    size_t size = low + random_below(&random, high - low);
    if (slot->address == NULL) {
      obtain(&random, slot, size, 0);
    } else if (random_below(&random, 4) == 0) {
      change_size(slot, size);
    } else {
      give_up(slot);
    }
  }
}

/* ---- Workloads ---- */

static void use_small(void) {
  for (unsigned i = 0; i < 4; i++) {
    churn(slots, slot_count, i, 600, 1, (size_t)16 << (i * 3));
  }
  churn(slots, slot_count, 5, 600, 20000, 32768);
}

static void use_medium(void) { churn(slots, 24, 1, 150, 33000, 1 << 20); }

static void use_large(void) { churn(slots, 6, 1, 40, (size_t)1 << 20, (size_t)3 << 20); }

/* Two blocks that grow in turn get in each other's way; a third shrinks again and again. */
static void use_realloc(void) {
  random_t random = {.state = 1};
  for (int round = 0; round < 2; round++) {
    for (int i = 0; i < 3; i++) {
      give_up(&slots[i]);
      obtain(&random, &slots[i], 20000, 0);
    }
    for (size_t size = 30000; size < (size_t)4 << 20; size += size / 2) {
      for (int i = 0; i < 3; i++) {
        if (slots[i].address != NULL) {
          change_size(&slots[i], i == 2 ? slots[i].size / 3 + size % 99000 : size);
        }
      }
      obtain(&random, &slots[3 + size % 10], size / 3, 0);
      give_up(&slots[3 + random_below(&random, 10)]);
    }
  }
}

static void use_aligned(void) {
  random_t random = {.state = 1};
  for (size_t alignment = 32; alignment <= (size_t)32 << 20; alignment *= 2) {
    for (size_t size = 1; size < (size_t)3 << 20; size = size * 17 + 3) {
      shadow_t *slot = &slots[random_below(&random, 40)];
      give_up(slot);
      obtain(&random, slot, size, alignment);
    }
  }
}

static void *be_one_thread(void *number) {
  size_t index = (size_t)number;
  churn(&slots[index * 32], 32, index, 150, 1, index % 3 == 0 ? 300000 : 3000);
  return NULL;
}

static void use_threads(void) {
  for (int round = 0; round < 3; round++) {
    pthread_t threads[8];
    size_t count = 0;
    for (; count < 6; count++) {
      int status = pthread_create(&threads[count], NULL, be_one_thread, (void *)count);
      if (status != 0) {
        CHECK_THAT(status == EAGAIN && !must_serve, "pthread_create: %d", status);
        break;
      }
    }
    be_one_thread((void *)(size_t)7);
    for (size_t i = 0; i < count; i++) {
      join(threads[i]);
    }
  }
}

static void use_purge(void) {
  CHECK(AVAILABLE(hak_ss_prewarm_class)(3, 2) >= 0);
  for (unsigned i = 0; i < 4; i++) {
    churn(slots, 64, i, 100, 1, i % 2 == 0 ? 40000 : 400);
    churn(slots, 8, i, 12, 1 << 15, (size_t)3 << 19);
    malloc_trim(0);
    if (i % 2 == 1) {
      for (int slot = 0; slot < slot_count; slot += 2) {
        give_up(&slots[slot]);
      }
    }
  }
}

/* Children of busy threads use the heap and end; whether they can be made is not ours. */
static void *fork_some(void *seed) {
  for (int i = 0; i < 3; i++) {
    pid_t child = fork();
    if (child == 0) {
      alarm(50);
      be_one_thread((void *)(size_t)6);
      _exit(0);
    }
    if (child > 0) {
      expect_exit_0(child);
    }
    churn(&slots[(size_t)seed * 32], 32, (uint64_t)i, 100, 1, 30000);
  }
  return NULL;
}

static void use_processes(void) {
  pthread_t thread;
  int status = pthread_create(&thread, NULL, be_one_thread, (void *)1);
  fork_some((void *)2);
  if (status == 0) {
    join(thread);
  }
}

static const struct {
  const char *name;
  void (*run)(void);
} workloads[] = {
    {"small", use_small},     {"medium", use_medium},   {"large", use_large},
    {"realloc", use_realloc}, {"aligned", use_aligned}, {"threads", use_threads},
    {"purge", use_purge},     {"processes", use_processes},
};

/* ---- What must hold afterwards ---- */

static bool seen[slot_count];

static void visit(uintptr_t block, size_t size, void *unused) {
  (void)unused;
  for (int i = 0; i < slot_count; i++) {
    if ((uintptr_t)slots[i].address == block) {
      CHECK(!seen[i] && size >= slots[i].size);
      seen[i] = true;
    }
  }
}

static void verify_all(void) {
  for (int i = 0; i < slot_count; i++) {
    if (slots[i].address != NULL) {
      shadow_visit(&slots[i], slots[i].size, shadow_verify);
    }
  }
  AVAILABLE(malloc_disable)();
  int status = AVAILABLE(malloc_iterate)(0, SIZE_MAX, visit, NULL);
  AVAILABLE(malloc_enable)();
  CHECK(status == 0);
  for (int i = 0; i < slot_count; i++) {
    CHECK(slots[i].address == NULL || seen[i]);
  }
}

int main(int count, char **arguments) {
  CHECK(count == 2 || (count == 3 && strcmp(arguments[2], "served") == 0));
  must_serve = count == 3;
  alarm(100);
  owner_map_create();
  for (size_t i = 0; i < sizeof workloads / sizeof workloads[0]; i++) {
    if (strcmp(workloads[i].name, arguments[1]) == 0) {
      workloads[i].run();
      prctl(end_of_faults, 0, 0, 0, 0);
      must_serve = true;
      verify_all();
      workloads[i].run();
      for (int slot = 0; slot < slot_count; slot++) {
        give_up(&slots[slot]);
      }
      malloc_trim(0);
      use_the_heap(1);
      return 0;
    }
  }
  CHECK_THAT(false, "no workload %s", arguments[1]);
}
