/*
 * Free memory goes back to the kernel without malloc_trim and without a later call.
 * Arguments: MiB of small blocks, percent that is freed, «ordered» or «shuffled», milliseconds of
 * sleep before resident memory is measured.
 *
 * What may stay resident is what has to: the pages that live blocks lie on, a tenth more, and 7 MiB
 * for the process, its metadata and what is kept at hand; while slabs are in use 2 MiB more, which
 * pay for looking through them. Near the end it moves to another processor, whose depot shelves have
 * not seen that nobody wants the blocks.
 */
#include "check.h"
#include "random.h"
#include <sched.h>
#include <sys/mman.h>
#include <time.h>

static size_t resident_bytes(void) {
  size_t total = 0, resident = 0;
  char text[128];
  FILE *file = fopen("/proc/self/statm", "r");
  CHECK(file != NULL);
  setvbuf(file, text, _IOFBF, sizeof text);
  CHECK(fscanf(file, "%zu %zu", &total, &resident) == 2);
  fclose(file);
  return resident * (size_t)sysconf(_SC_PAGESIZE);
}

static void *table(size_t bytes) {
  void *start = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(start != MAP_FAILED);
  return start;
}

struct block {
  unsigned char *start;
  size_t size;
};

static int by_address(const void *a, const void *b) {
  uintptr_t left = (uintptr_t)((const struct block *)a)->start;
  uintptr_t right = (uintptr_t)((const struct block *)b)->start;
  return left < right ? -1 : left > right;
}

/* Pages that the blocks lie on, in bytes. */
static size_t page_bytes_of(struct block *blocks, size_t count) {
  const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
  qsort(blocks, count, sizeof *blocks, by_address);
  uintptr_t next = 0;
  size_t pages = 0;
  for (size_t i = 0; i < count; i++) {
    uintptr_t first = (uintptr_t)blocks[i].start / page;
    uintptr_t last = ((uintptr_t)blocks[i].start + blocks[i].size - 1) / page;
    if (first < next) {
      first = next;
    }
    if (last >= first) {
      pages += last - first + 1;
      next = last + 1;
    }
  }
  return pages * page;
}

/* Stays on one of the processors that it may use: the one after `processor`, which may be the same. */
static void move_behind(size_t processor) {
  static cpu_set_t allowed;
  if (CPU_COUNT(&allowed) == 0) {
    CHECK(sched_getaffinity(0, sizeof allowed, &allowed) == 0);
  }
  do {
    processor = (processor + 1) % CPU_SETSIZE;
  } while (!CPU_ISSET(processor, &allowed));
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(processor, &one);
  CHECK(sched_setaffinity(0, sizeof one, &one) == 0);
}

int main(int argc, char **argv) {
  CHECK(argc == 5);
  move_behind(0);
  const size_t bytes = (size_t)atoi(argv[1]) << 20;
  const size_t percent = (size_t)atoi(argv[2]);
  const bool shuffled = strcmp(argv[3], "shuffled") == 0;
  const long milliseconds = atol(argv[4]);
  const size_t most = bytes / 256;
  struct block *blocks = table(most * sizeof *blocks);
  random_t random = {.state = 11};
  size_t count = 0;
  for (size_t sum = 0; sum < bytes && count < most; count++) {
    struct block block = {.size = 16 + random_below(&random, 1009)};
    block.start = malloc(block.size);
    CHECK(block.start != NULL);
    memset(block.start, (int)(count & 0xFF), block.size);
    sum += block.size;
    blocks[count] = block;
  }
  const size_t full = resident_bytes();
  CHECK(full > bytes);
  const size_t tables = count * sizeof *blocks;
  size_t left = count - count * percent / 100;
  const size_t going = count - left;
  for (size_t freed = 0; freed < going; freed++) {
    if (freed == going - going / 256) {
      move_behind((size_t)sched_getcpu());
    }
    if (shuffled) {
      size_t i = count - freed;
      size_t chosen = random_below(&random, i);
      free(blocks[chosen].start);
      blocks[chosen] = blocks[i - 1];
    } else {
      free(blocks[left + freed].start);
    }
  }
  struct timespec rest = {milliseconds / 1000, milliseconds % 1000 * 1000000};
  nanosleep(&rest, NULL);
  const size_t now = resident_bytes();
  const size_t needed = page_bytes_of(blocks, left);
  printf("%.1f MiB of %.1f MiB resident, %.1f MiB needed\n", (double)(now - tables) / (1 << 20),
         (double)(full - tables) / (1 << 20), (double)needed / (1 << 20));
  if (runs_on_hakmem()) {
    const size_t kept = (size_t)(left > 0 ? 9 : 7) << 20;
    CHECK_THAT(now < tables + needed + needed / 10 + kept,
               "%zu bytes resident, %zu needed", now - tables, needed);
  }
  for (size_t i = 0; i < left; i++) {
    free(blocks[i].start);
  }
  return 0;
}
