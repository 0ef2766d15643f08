/*
 * What threads that sleep keep from the others.
 *
 *   idle_threads once       a hundred threads allocate once: none has a cache of its own
 *   idle_threads cached     threads that filled their caches sleep: the caches are emptied, and the
 *                           threads go on with them
 *   idle_threads ticks      as «cached», while one thread works on
 */
#include "interface.h"
#include "threads.h"
#include <time.h>

enum { most_threads = 100, blocks_of_each = 3000 };
static pthread_barrier_t asleep, awake;

static void pause_for(long milliseconds) {
  struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000};
  while (nanosleep(&time, &time) != 0) {
  }
}

static void use_blocks(unsigned char salt) {
  unsigned char *blocks[blocks_of_each];
  for (int round = 0; round < 3; round++) {
    for (int i = 0; i < blocks_of_each; i++) {
      size_t size = 16 + (size_t)i % 1000;
      blocks[i] = memset(malloc(size), salt, size);
    }
    for (int i = 0; i < blocks_of_each; i++) {
      CHECK(holds(blocks[i], 16 + (size_t)i % 1000, salt));
      free(blocks[i]);
    }
  }
}

static void *once(void *salt) {
  char *kept = memset(malloc(100), (int)(uintptr_t)salt, 100);
  pthread_barrier_wait(&asleep);
  pthread_barrier_wait(&awake);
  CHECK(holds(kept, 100, (unsigned char)(uintptr_t)salt));
  free(kept);
  return NULL;
}

static void *cached(void *salt) {
  for (int round = 0; round < 3; round++) {
    use_blocks((unsigned char)(uintptr_t)salt);
    pthread_barrier_wait(&asleep);
    pthread_barrier_wait(&awake);
  }
  return NULL;
}

static hakmem_statistics_t statistics(void) {
  hakmem_statistics_t now;
  AVAILABLE(hakmem_statistics)(&now, sizeof now);
  return now;
}

int main(int count, char **arguments) {
  static pthread_t threads[most_threads];
  if (!runs_on_hakmem()) {
    SKIP("HAKMEM's thread caches");
    return 0;
  }
  CHECK(count == 2);
  const bool is_once = strcmp(arguments[1], "once") == 0;
  const bool works_on = strcmp(arguments[1], "ticks") == 0;
  const uintptr_t thread_count = is_once ? most_threads : 8;
  const int rounds = is_once ? 1 : 3;
  CHECK(pthread_barrier_init(&asleep, NULL, (unsigned)thread_count + 1) == 0);
  CHECK(pthread_barrier_init(&awake, NULL, (unsigned)thread_count + 1) == 0);
  free(malloc(1));
  for (uintptr_t i = 0; i < thread_count; i++) {
    CHECK(pthread_create(&threads[i], NULL, is_once ? once : cached, (void *)(i + 1)) == 0);
  }
  for (int round = 0; round < rounds; round++) {
    pthread_barrier_wait(&asleep);
    const hakmem_statistics_t full = statistics();
    if (is_once) {
      CHECK_THAT(full.thread_caches <= 2, "%zu thread caches", full.thread_caches);
    } else {
      /* A quarter of what eight caches hold when nothing is taken from them. Blocks on their way
       * from a cache to their slabs count as live. */
      const size_t most_left = 1 << 20, most_live = full.live_bytes + 4096;
      hakmem_statistics_t now = full;
      for (int i = 0; i < 1000 && (now.thread_cache_bytes > most_left || now.live_bytes >= most_live);
           i++) {
        pause_for(10);
        if (works_on) {
          use_blocks(99);
        }
        now = statistics();
      }
      CHECK_THAT(now.thread_cache_bytes <= most_left, "%zu bytes cached", now.thread_cache_bytes);
      CHECK_THAT(now.live_bytes < most_live, "%zu bytes live, %zu before", now.live_bytes,
                 full.live_bytes);
    }
    pthread_barrier_wait(&awake);
  }
  for (uintptr_t i = 0; i < thread_count; i++) {
    join(threads[i]);
  }
  return 0;
}
