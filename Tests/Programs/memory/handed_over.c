/*
 * One thread allocates, another frees: memory stays near what is live however much goes through.
 * Arguments: MiB that are live at most, MiB that go through in all.
 *
 * Peak resident memory may be a fifth above what is live, and 4 MiB more for the process, its
 * metadata and the two caches.
 */
#include "check.h"
#include "random.h"
#include "resident.h"
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <time.h>

enum { slots = 1 << 20 };
struct handed {
  unsigned char *block;
  size_t size;
};
static struct handed *ring;
static _Atomic size_t produced, consumed, live;
static size_t most_live, all;

/* Sleeps, for a thread that yields takes its turns all the same on a busy machine. */
static void wait_a_little(void) { nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL); }

static void *consume(void *unused) {
  (void)unused;
  for (size_t bytes = 0, next = 0; bytes < all; next++) {
    while (atomic_load_explicit(&produced, memory_order_acquire) == next) wait_a_little();
    struct handed handed = ring[next % slots];
    CHECK(handed.block[0] == (unsigned char)handed.size);
    CHECK(handed.block[handed.size - 1] == (unsigned char)handed.size);
    free(handed.block);
    bytes += handed.size;
    atomic_fetch_sub(&live, handed.size);
    atomic_store_explicit(&consumed, next + 1, memory_order_release);
  }
  return NULL;
}

int main(int argc, char **argv) {
  CHECK(argc == 3);
  most_live = (size_t)atoi(argv[1]) << 20;
  all = (size_t)atoi(argv[2]) << 20;
  ring = mmap(NULL, slots * sizeof *ring, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(ring != MAP_FAILED);
  /* Present from the start, to be told apart. */
  memset(ring, 1, slots * sizeof *ring);
  size_t before = resident_bytes();
  random_t random = {.state = 17};
  pthread_t consumer;
  CHECK(pthread_create(&consumer, NULL, consume, NULL) == 0);
  for (size_t bytes = 0, next = 0; bytes < all; next++) {
    while (atomic_load(&live) > most_live - 1024 ||
           next - atomic_load_explicit(&consumed, memory_order_acquire) == slots) {
      wait_a_little();
    }
    size_t size = 16 + random_below(&random, 1009);
    unsigned char *block = malloc(size);
    CHECK(block != NULL);
    memset(block, (int)size, size);
    ring[next % slots] = (struct handed){block, size};
    bytes += size;
    atomic_fetch_add(&live, size);
    atomic_store_explicit(&produced, next + 1, memory_order_release);
  }
  CHECK(pthread_join(consumer, NULL) == 0);
  size_t peak = peak_resident_bytes() - before;
  CHECK_THAT(peak <= most_live + most_live / 5 + (4 << 20), "peak %zu KiB, live %zu KiB", peak >> 10,
             most_live >> 10);
  printf("peak %zu KiB, live %zu KiB\n", peak >> 10, most_live >> 10);
  return 0;
}
