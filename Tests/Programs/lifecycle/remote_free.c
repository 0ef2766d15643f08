/*
 * Producers allocate, consumers free: every block crosses a queue to another thread. Contents are
 * checked on arrival, and memory stays bounded by what is in the queues.
 *
 *   remote_free BLOCKS PAIRS
 */
#include "resident.h"
#include "threads.h"
#include <stdatomic.h>

enum { queue_length = 1024 };

typedef struct {
  _Atomic(size_t *) places[queue_length];
} queue_t;

static size_t blocks_each;

static void *produce(void *argument) {
  queue_t *queue = argument;
  for (size_t i = 0; i < blocks_each; i++) {
    size_t size = 16 + i * 7 % 1024 + (i % 5000 == 0 ? 100000 : 0);
    size_t *block = malloc(size);
    CHECK(block != NULL);
    block[0] = size;
    block[1] = i;
    ((unsigned char *)block)[size - 1] |= 0;
    while (atomic_load_explicit(&queue->places[i % queue_length], memory_order_acquire) != NULL) {
      sched_yield();
    }
    atomic_store_explicit(&queue->places[i % queue_length], block, memory_order_release);
  }
  return NULL;
}

static void *consume(void *argument) {
  queue_t *queue = argument;
  for (size_t i = 0; i < blocks_each; i++) {
    size_t *block;
    while ((block = atomic_exchange(&queue->places[i % queue_length], NULL)) == NULL) {
      sched_yield();
    }
    CHECK(block[0] == 16 + i * 7 % 1024 + (i % 5000 == 0 ? 100000 : 0));
    CHECK_THAT(block[1] == i, "block %zu instead of %zu", block[1], i);
    free(block);
  }
  return NULL;
}

int main(int count, char **arguments) {
  CHECK(count == 3);
  blocks_each = strtoul(arguments[1], NULL, 0);
  int pairs = atoi(arguments[2]);
  static queue_t queues[64];
  pthread_t threads[128];
  CHECK(pairs >= 1 && pairs <= 64);
  for (int i = 0; i < pairs; i++) {
    threads[i * 2] = start(produce, &queues[i]);
    threads[i * 2 + 1] = start(consume, &queues[i]);
  }
  for (int i = 0; i < pairs * 2; i++) {
    join(threads[i]);
  }
  size_t live = (size_t)pairs * (queue_length * 640 + 200000), peak = peak_resident_bytes();
  CHECK_THAT(peak < live * 4 + ((size_t)64 << 20), "peak of %zu bytes, %zu live", peak, live);
  return 0;
}
