/*
 * A randomised model of the heap: every function, sizes with emphasis on borders, any thread frees
 * what another allocated; contents, alignment, overlap and zeros are checked against a shadow.
 *
 *   model SEED OPERATIONS THREADS SLOTS [MEBIBYTES]
 *
 * The seed is printed; with one thread it repeats a run exactly. With MEBIBYTES the process may map so much
 * more once its threads are there (0: the heap has a limit otherwise): requests may fail then, and some must.
 */
#include "operations.h"
#include "resident.h"
#include <pthread.h>

enum { shared_slots = 512 };

static uint64_t seed;
static size_t operations, thread_count, slots_per_thread, mebibytes;
static pthread_barrier_t all_are_ready;

/* Blocks on their way between threads: each slot is owned by whoever exchanged it out. */
static shadow_t *shared[shared_slots];

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
  random_t random = {.state = seed + number * 0x9E3779B97F4A7C15u};
  shadow_t *shadows = new_shadows(slots_per_thread);
  void *pages = mmap(NULL, slots_per_thread * sizeof(shadow_t *), PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(pages != MAP_FAILED);
  shadow_t **slots = pages;
  for (size_t i = 0; i < slots_per_thread; i++) {
    slots[i] = &shadows[i];
  }
  pthread_barrier_wait(&all_are_ready);
  if (number == 0 && mebibytes > 0) {
    limit_address_space(mebibytes << 20);
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
  CHECK_THAT(count == 5 || count == 6, "usage: model SEED OPERATIONS THREADS SLOTS [MEBIBYTES]");
  seed = strtoull(arguments[1], NULL, 0);
  operations = strtoull(arguments[2], NULL, 0);
  thread_count = strtoull(arguments[3], NULL, 0);
  slots_per_thread = strtoull(arguments[4], NULL, 0);
  may_be_refused = count == 6;
  mebibytes = may_be_refused ? strtoull(arguments[5], NULL, 0) : 0;
  CHECK(thread_count >= 1 && thread_count <= 1024 && slots_per_thread >= 1);
  printf("seed %#zx, %zu operations, %zu threads, %zu slots\n", (size_t)seed, operations,
         thread_count, slots_per_thread);
  fflush(stdout);

  operations_prepare();
  pthread_barrier_init(&all_are_ready, NULL, (unsigned)thread_count);
  shadow_t *travellers = new_shadows(shared_slots);
  for (int i = 0; i < shared_slots; i++) {
    shared[i] = &travellers[i];
  }
  run_threads();
  random_t random = {.state = seed};
  for (int i = 0; i < shared_slots; i++) {
    if (shared[i]->address != NULL) {
      release(&random, shared[i]);
    }
  }
  CHECK(!may_be_refused || refusals > 0);
  return 0;
}
