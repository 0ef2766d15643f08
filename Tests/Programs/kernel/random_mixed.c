/*
 * The headline workload without warm-up: how many page faults its heap takes.
 *
 *   random_mixed OPERATIONS SLOTS MOST_FAULTS LEAST_FAULTS
 */
#include "random.h"
#include "resident.h"

static void *slots[8192];

static void run(random_t *random, long operations, size_t count) {
  for (long i = 0; i < operations; i++) {
    uint64_t number = random_next(random);
    void **slot = &slots[(number >> 32) % count];
    if (*slot != NULL) {
      free(*slot);
      *slot = NULL;
    } else {
      size_t size = 16 + (number & 0x3FF);
      unsigned char *block = malloc(size);
      CHECK(block != NULL);
      block[0] = block[size - 1] = 1;
      *slot = block;
    }
  }
}

int main(int count, char **arguments) {
  CHECK(count == 5);
  long operations = atol(arguments[1]), most = atol(arguments[3]), least = atol(arguments[4]);
  size_t slot_count = (size_t)atol(arguments[2]);
  random_t random = {.state = 42};
  memset(slots, 0, sizeof slots);
  long before = page_faults();
  if (before < 0) {
    SKIP("counting page faults");
    return 0;
  }
  run(&random, operations, slot_count);
  long faults = page_faults() - before;
  CHECK_THAT(faults <= most, "%ld faults", faults);
  CHECK_THAT(faults >= least, "%ld faults only", faults);
  return 0;
}
