/*
 * Prints the soft limit in force; with an argument, allocates until it changes.
 */
#include "interface.h"
#include <time.h>

static size_t soft_limit(void) {
  hakmem_statistics_t result = {0};
  AVAILABLE(hakmem_statistics)(&result, sizeof result);
  return result.soft_limit_bytes;
}

int main(int count, char **arguments) {
  (void)arguments;
  size_t first = soft_limit();
  printf("%zu\n", first);
  fflush(stdout);
  static void *blocks[2000];
  while (count > 1 && soft_limit() == first) {
    for (int i = 0; i < 2000; i++) {
      blocks[i] = malloc(2000);
      CHECK(blocks[i] != NULL);
    }
    for (int i = 0; i < 2000; i++) {
      free(blocks[i]);
    }
    nanosleep(&(struct timespec){0, 1000000}, NULL);
  }
  printf("%zu\n", soft_limit());
  return 0;
}
