/*
 * calloc of fresh blocks from 64 KiB to 64 MiB touches no page of theirs.
 */
#include "resident.h"

int main(void) {
  /* The code of all this comes from files, at its first call. */
  CHECK(malloc(1) != NULL && calloc(1, 100000) != NULL && calloc(1, 3 << 20) != NULL);
  CHECK(pages_given() > 0 && resident_bytes() > 0);
  for (size_t size = 64 << 10; size <= (size_t)64 << 20; size *= 2) {
    for (size_t i = 0; i < 3; i++) {
      size_t bytes = size + i * (size / 4);
      size_t resident = resident_bytes();
      long before = pages_given();
      char *block = calloc(1, bytes);
      long given = pages_given() - before;
      CHECK(block != NULL);
      CHECK_THAT(given <= 6, "calloc(1, %zu) took %ld pages", bytes, given);
      CHECK(resident_bytes() <= resident + 32768);
      CHECK(block[0] == 0 && block[bytes / 2] == 0 && block[bytes - 1] == 0);
      block[bytes - 1] = 1;
    }
  }
  return 0;
}
