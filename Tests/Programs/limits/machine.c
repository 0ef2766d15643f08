/*
 * More than the machine has. Where the kernel refuses what memory and swap can never hold (overcommit mode
 * 0, the default), so does allocation: NULL and ENOMEM, for a new block and for one that should grow, which
 * keeps its contents.
 */
#include "check.h"
#include <sys/sysinfo.h>

static int overcommit_mode(void) {
  int mode = -1;
  FILE *file = fopen("/proc/sys/vm/overcommit_memory", "r");
  if (file != NULL) {
    if (fscanf(file, "%d", &mode) != 1) mode = -1;
    fclose(file);
  }
  return mode;
}

static void expect_refused(void *block) {
  CHECK(block == NULL);
  CHECK_THAT(errno == ENOMEM, "errno %d", errno);
  errno = 0;
}

int main(void) {
  if (overcommit_mode() != 0) {
    SKIP("the kernel does not judge by what the machine has");
    return 0;
  }
  struct sysinfo machine;
  CHECK(sysinfo(&machine) == 0);
  const size_t beyond = (machine.totalram + machine.totalswap) * machine.mem_unit / 8 * 9;
  enum { size = 3 << 20 };
  char *kept = malloc(size);
  CHECK(kept != NULL);
  memset(kept, 7, size);
  errno = 0;
  for (int round = 0; round < 20; round++) {
    expect_refused(malloc(beyond));
    expect_refused(calloc(3, beyond / 3 + 1));
    expect_refused(aligned_alloc(1 << 21, beyond >> 21 << 21));
    expect_refused(realloc(NULL, beyond));
    expect_refused(realloc(kept, beyond));
  }
  for (size_t i = 0; i < size; i++) {
    CHECK(kept[i] == 7);
  }
  kept = realloc(kept, 2 * size);
  CHECK(kept != NULL && kept[size - 1] == 7);
  free(kept);
  return 0;
}
