/*
 * hakmem_events: requests that fail and purges are there, in order, and the ring keeps the last ones.
 */
#include "interface.h"

#include <errno.h>
#include <unistd.h>

static hakmem_event_t events[HAKMEM_PAGE_EVENTS + 1];
static size_t found;

static void add(const hakmem_event_t *event, void *argument) {
  (void)argument;
  if (found <= HAKMEM_PAGE_EVENTS) events[found] = *event;
  found++;
}

static void take(void) {
  found = 0;
  AVAILABLE(hakmem_events)(add, NULL);
  CHECK(found <= HAKMEM_PAGE_EVENTS);
  for (size_t i = 1; i < found; i++) {
    CHECK(events[i].number == events[i - 1].number + 1 && events[i].time >= events[i - 1].time);
  }
}

static void *volatile block;

static void failures_are_kept(void) {
  take();
  size_t before = found;
  size_t size = (size_t)1 << 60;
  block = malloc(size);
  CHECK(block == NULL && errno == ENOMEM);
  CHECK(posix_memalign((void **)&block, 64, size + 1) == ENOMEM);
  take();
  CHECK_THAT(found >= before + 2, "%zu events", found);
  CHECK(events[found - 2].kind == HAKMEM_EVENT_NO_MEMORY && events[found - 2].size == size);
  CHECK(events[found - 1].kind == HAKMEM_EVENT_NO_MEMORY && events[found - 1].size == size + 1);
  CHECK(events[found - 1].thread == (uint32_t)getpid());
}

/* They leave what happened before them in the ring. */
static void failures_in_a_row_are_few_events(void) {
  size_t size = (size_t)3 << 60, rounds = 10 * HAKMEM_PAGE_EVENTS, failures = 0, kept = 0;
  for (size_t i = 0; i < rounds; i++) {
    block = malloc(size);
    CHECK(block == NULL);
  }
  take();
  for (size_t i = 0; i < found; i++) {
    if (events[i].kind != HAKMEM_EVENT_NO_MEMORY || events[i].size != size) continue;
    failures += 1 + events[i].detail;
    kept++;
  }
  CHECK_THAT(failures == rounds, "%zu of %zu", failures, rounds);
  CHECK_THAT(kept < HAKMEM_PAGE_EVENTS / 2, "%zu events", kept);
}

static void leave_memory_to_purge(void) {
  static void *blocks[2000];
  for (int i = 0; i < 2000; i++) {
    blocks[i] = memset(malloc(8000), 1, 8000);
  }
  for (int i = 0; i < 2000; i++) {
    free(blocks[i]);
  }
}

/* What is larger than any address space fails without one. */
static void what_can_never_fit_purges_nothing(void) {
  leave_memory_to_purge();
  hakmem_statistics_t old, new;
  AVAILABLE(hakmem_statistics)(&old, sizeof old);
  for (size_t size = (size_t)1 << 49; size < (size_t)1 << 62; size *= 2) {
    block = malloc(size);
    CHECK(block == NULL && errno == ENOMEM);
    CHECK(realloc(opaque(malloc(3 << 20)), size) == NULL);
  }
  AVAILABLE(hakmem_statistics)(&new, sizeof new);
  CHECK(new.purged_bytes == old.purged_bytes);
}

static void purges_are_kept(void) {
  leave_memory_to_purge();
  hakmem_statistics_t old, new;
  AVAILABLE(hakmem_statistics)(&old, sizeof old);
  AVAILABLE(hakmem_purge)();
  AVAILABLE(hakmem_statistics)(&new, sizeof new);
  take();
  size_t bytes = 0;
  for (size_t i = 0; i < found; i++) {
    if (events[i].kind == HAKMEM_EVENT_PURGE) bytes += events[i].size;
  }
  CHECK_THAT(new.purged_bytes > old.purged_bytes && bytes > 0, "%zu bytes", bytes);
}

static void the_last_ones_stay(void) {
  for (size_t i = 0; i < 3 * HAKMEM_PAGE_EVENTS; i++) {
    block = malloc(((size_t)1 << 60) + i);
    CHECK(block == NULL);
  }
  take();
  CHECK_THAT(found == HAKMEM_PAGE_EVENTS, "%zu events", found);
  CHECK(events[found - 1].size == ((size_t)1 << 60) + 3 * HAKMEM_PAGE_EVENTS - 1);
}

static void blocks_that_caches_take_are_counted(void) {
  hakmem_class_statistics_t old, new;
  int class = AVAILABLE(hakmem_size_class_of)(3000);
  CHECK(AVAILABLE(hakmem_class_statistics)(class, &old, sizeof old));
  static void *blocks[1000];
  for (int i = 0; i < 1000; i++) {
    blocks[i] = malloc(3000);
    CHECK(blocks[i] != NULL);
  }
  CHECK(AVAILABLE(hakmem_class_statistics)(class, &new, sizeof new));
  size_t taken = new.refilled_blocks - old.refilled_blocks;
  CHECK_THAT(taken >= 1000 - old.thread_cache_blocks && taken < 1200, "%zu blocks", taken);
  for (int i = 0; i < 1000; i++) {
    free(blocks[i]);
  }
  CHECK(AVAILABLE(hakmem_class_statistics)(class, &new, sizeof new));
  CHECK(new.returned_blocks - old.returned_blocks == taken + old.thread_cache_blocks -
                                                        new.thread_cache_blocks);
}

int main(void) {
  if (!runs_on_hakmem()) {
    SKIP("hakmem_events");
    return 0;
  }
  failures_are_kept();
  failures_in_a_row_are_few_events();
  what_can_never_fit_purges_nothing();
  purges_are_kept();
  blocks_that_caches_take_are_counted();
  the_last_ones_stay();
  return 0;
}
