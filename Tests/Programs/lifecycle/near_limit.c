/*
 * Fills four fifths of the memory that the process may have (a control group's limit), frees it and
 * fills it again with blocks of another size: what is free in one part of the heap must not be
 * missing in another.
 *
 *   near_limit BYTES ROUNDS
 */
#include "threads.h"

static void fill(size_t bytes, size_t size) {
  void **first = NULL;
  for (size_t total = 0; total + size <= bytes; total += size + size / 8) {
    void **block = malloc(size);
    CHECK(block != NULL);
    touch(block, size);
    *block = first;
    first = block;
  }
  while (first != NULL) {
    void **next = *first;
    free(first);
    first = next;
  }
}

int main(int count, char **arguments) {
  CHECK(count == 3);
  size_t bytes = strtoull(arguments[1], NULL, 0) / 5 * 4;
  static const size_t sizes[] = {64, 5 << 20, 1000, 200000, 9000, 1 << 20, 30000};
  for (int round = atoi(arguments[2]); round > 0; round--) {
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
      fill(bytes, sizes[i]);
    }
  }
  return 0;
}
