/*
 * Allocation sequences that a fuzzer invents: its input decides every step, over the whole
 * interface, on four threads that take turns; a shadow of the heap is the oracle, and a walk of the
 * heap must find exactly the blocks of the shadow.
 *
 * With libFuzzer: LLVMFuzzerTestOneInput. Alone (-DREPLAY): heap FILE… replays inputs.
 */
#include "operations.h"
#include <pthread.h>
#include <semaphore.h>
#include <sys/mman.h>

enum { slot_count = 192, worker_count = 3 };
static shadow_t slots[slot_count];

static __typeof__(&malloc_iterate) iterate;
static __typeof__(&malloc_disable) disable;
static __typeof__(&malloc_enable) enable;
static __typeof__(&hakmem_statistics) collect;
static __typeof__(&hakmem_statistics_json) write_json;
static __typeof__(&hakmem_purge) purge;
static __typeof__(&hak_ss_prewarm_class) prewarm;

/* ---- A walk of the heap ---- */

static shadow_t *by_address[slot_count];
static size_t live_count;
static bool seen[slot_count];

static int compare(const void *left, const void *right) {
  const shadow_t *a = *(shadow_t *const *)left, *b = *(shadow_t *const *)right;
  return (a->address > b->address) - (a->address < b->address);
}

static void visit(uintptr_t block, size_t size, void *unused) {
  (void)unused;
  size_t low = 0, high = live_count;
  while (low < high) {
    size_t middle = (low + high) / 2;
    if ((uintptr_t)by_address[middle]->address < block) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low < live_count && (uintptr_t)by_address[low]->address == block) {
    CHECK_THAT(size >= by_address[low]->size, "%zu bytes walked of %zu", size,
               by_address[low]->size);
    CHECK_THAT(!seen[low], "%#zx is walked twice", (size_t)block);
    seen[low] = true;
  }
}

static void walk(void) {
  live_count = 0;
  for (int i = 0; i < slot_count; i++) {
    if (slots[i].address != NULL) {
      seen[live_count] = false;
      by_address[live_count++] = &slots[i];
    }
  }
  qsort(by_address, live_count, sizeof by_address[0], compare);
  disable();
  int status = iterate(0, SIZE_MAX, visit, NULL);
  enable();
  CHECK(status == 0);
  for (size_t i = 0; i < live_count; i++) {
    CHECK_THAT(seen[i], "%p of %zu bytes is not walked", (void *)by_address[i]->address,
               by_address[i]->size);
  }
}

/* ---- Steps ---- */

static void inspect(random_t *random) {
  static char text[1 << 16];
  hakmem_statistics_t figures = {0};
  struct mallinfo2 (*info)(void) = AVAILABLE(mallinfo2);
  switch (random_below(random, 6)) {
  case 0: walk(); break;
  case 1: malloc_trim(random_below(random, 1 << 20)); break;
  case 2: purge(); break;
  case 3:
    collect(&figures, random_below(random, sizeof figures + 1));
    collect(&figures, sizeof figures);
    CHECK(figures.live_bytes <= figures.mapped_bytes);
    break;
  case 4: {
    size_t capacity = random_below(random, sizeof text);
    size_t length = write_json(text, capacity);
    CHECK(capacity == 0 || strlen(text) == (length < capacity ? length : capacity - 1));
    break;
  }
  default: CHECK(info().uordblks > 0);
  }
}

/* Requests that must fail, in the way that the standards say. */
static void ask_too_much(random_t *random) {
  size_t huge =
      opaque_size(SIZE_MAX - random_below(random, 1 << 16) * random_below(random, 1 << 16));
  size_t odd = 3 + random_below(random, 1 << 12) * 4;
  void *untouched = &untouched, *result = untouched;
  errno = 0;
  switch (random_below(random, 7)) {
  case 0: CHECK(malloc(huge) == NULL && errno == ENOMEM); break;
  case 1: CHECK(calloc(huge, odd) == NULL && errno == ENOMEM); break;
  case 2: CHECK(reallocarray(opaque(NULL), odd, huge) == NULL && errno == ENOMEM); break;
  case 3: CHECK(aligned_alloc(odd, 10) == NULL && errno == EINVAL); break;
  case 4:
    CHECK(posix_memalign(&result, odd, 10) == EINVAL && result == untouched && errno == 0);
    break;
  case 5:
    CHECK(posix_memalign(&result, 64, huge) == ENOMEM && result == untouched && errno == ENOMEM);
    break;
  default: CHECK(memalign(4096, huge) == NULL && errno == ENOMEM);
  }
}

/* A block that cannot grow stays as it is. */
static void grow_too_far(const shadow_t *block) {
  errno = 0;
  CHECK(realloc(block->address, opaque_size(PTRDIFF_MAX)) == NULL && errno == ENOMEM);
  shadow_visit(block, block->size, shadow_verify);
}

static void step(random_t *random) {
  uint64_t action = random_below(random, 256);
  shadow_t *slot = &slots[random_below(random, slot_count)];
  if (action >= 250) {
    inspect(random);
  } else if (action >= 244) {
    ask_too_much(random);
  } else if (action >= 242) {
    int made = prewarm((int)random_below(random, 110), (int)random_below(random, 3));
    CHECK(made >= -1 && made <= 2);
  } else if (slot->address == NULL) {
    allocate(random, slot);
  } else if (action < 120) {
    release(random, slot);
  } else if (action < 230) {
    resize(random, slot);
  } else {
    grow_too_far(slot);
  }
}

/* ---- Threads that take turns: each runs one step when it is told to ---- */

static struct worker {
  pthread_t thread;
  sem_t begin, end;
  random_t *random; /* NULL: the thread ends */
  bool is_running;
} workers[worker_count];

static void *work(void *argument) {
  struct worker *worker = argument;
  while (true) {
    while (sem_wait(&worker->begin) != 0) {
    }
    if (worker->random == NULL) {
      return NULL;
    }
    step(worker->random);
    sem_post(&worker->end);
  }
}

static void step_on(struct worker *worker, random_t *random) {
  if (!worker->is_running) {
    sem_init(&worker->begin, 0, 0);
    sem_init(&worker->end, 0, 0);
    CHECK(pthread_create(&worker->thread, NULL, work, worker) == 0);
    worker->is_running = true;
  }
  worker->random = random;
  sem_post(&worker->begin);
  while (sem_wait(&worker->end) != 0) {
  }
}

static void end_thread(struct worker *worker) {
  if (worker->is_running) {
    worker->random = NULL;
    sem_post(&worker->begin);
    CHECK(pthread_join(worker->thread, NULL) == 0);
    worker->is_running = false;
  }
}

static void prepare(void) {
  operations_prepare();
  iterate = AVAILABLE(malloc_iterate);
  disable = AVAILABLE(malloc_disable);
  enable = AVAILABLE(malloc_enable);
  collect = AVAILABLE(hakmem_statistics);
  write_json = AVAILABLE(hakmem_statistics_json);
  purge = AVAILABLE(hakmem_purge);
  prewarm = AVAILABLE(hak_ss_prewarm_class);
  CHECK_THAT(prewarm != NULL, "this program runs on HAKMEM only");
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size) {
  if (owner_words == NULL) {
    prepare();
  }
  random_t random = {.state = size, .input = input, .left = size};
  while (!random_has_ended(&random)) {
    /* Mostly the thread of the step before goes on: here, the main one. */
    uint64_t turn = random_below(&random, 16);
    if (turn < 13) {
      for (uint64_t steps = turn + 1; steps > 0 && !random_has_ended(&random); steps--) {
        step(&random);
      }
    } else {
      struct worker *worker = &workers[turn - 13];
      uint64_t steps = random_below(&random, 32);
      for (uint64_t i = 0; i < steps && !random_has_ended(&random); i++) {
        step_on(worker, &random);
      }
      if (steps == 31) {
        end_thread(worker);
      }
    }
  }
  walk();
  for (int i = 0; i < worker_count; i++) {
    end_thread(&workers[i]);
  }
  for (int i = 0; i < slot_count; i++) {
    if (slots[i].address != NULL) {
      release(&random, &slots[i]);
    }
  }
  /* All of it is zero now; large blocks wander, so that its pages would become many. */
  static unsigned inputs;
  if (++inputs % 1000 == 0) {
    CHECK(madvise(owner_words, ((size_t)1 << address_bits) / 128, MADV_DONTNEED) == 0);
  }
  return 0;
}

#ifdef REPLAY
int main(int count, char **files) {
  static uint8_t input[1 << 20];
  for (int i = 1; i < count; i++) {
    FILE *file = fopen(files[i], "rb");
    CHECK_THAT(file != NULL, "%s", files[i]);
    size_t size = fread(input, 1, sizeof input, file);
    fclose(file);
    LLVMFuzzerTestOneInput(input, size);
  }
  return 0;
}
#endif
