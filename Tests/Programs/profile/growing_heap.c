/* Grows in two steps with rests in between, and frees a block twice at its end. */
#include "check.h"
#include <time.h>

/* Long enough to be looked at, also on a busy machine. */
static void rest(void) {
  struct timespec time = {.tv_sec = 2};
  nanosleep(&time, NULL);
}

static void fill(size_t bytes, size_t size) {
  for (size_t i = 0; i < bytes / size; i++) {
    char *block = malloc(size);
    CHECK(block != NULL);
    memset(block, 1, size);
  }
}

int main(void) {
  fill(4 << 20, 1024);
  rest();
  fill(8 << 20, 64);
  void *volatile large = memset(malloc(3 << 20), 1, 3 << 20);
  CHECK(large != NULL);
  rest();
  free(large);
  free(large);
  return 0;
}
