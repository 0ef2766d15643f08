/*
 * malloc_stats writes a summary to stderr and nothing to stdout.
 */
#include "check.h"

int main(void) {
  void *block = malloc((size_t)3 << 20);
  CHECK(block != NULL);
  errno = 4242;
  malloc_stats();
  free(block);
  malloc_stats();
  return 0;
}
