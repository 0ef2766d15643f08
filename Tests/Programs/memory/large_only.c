/*
 * A program that allocates nothing but large blocks: what it wants again and again is kept, without a
 * new page, and goes back when it wants less.
 */
#include "resident.h"

#include <time.h>

static void use(size_t size) {
  unsigned char *block = malloc(size);
  CHECK(block != NULL);
  touch(block, size);
  free(block);
}

int main(void) {
  if (!runs_on_hakmem()) SKIP("what is kept");
  const size_t mebibyte = (size_t)1 << 20;
  for (size_t round = 0; round < 8; round++) {
    for (size_t size = 30; size < 60; size += 10) {
      use(size * mebibyte);
    }
  }
  const long pages = pages_given();
  for (size_t size = 30; size < 50; size++) {
    use(size * mebibyte);
  }
  CHECK_THAT(pages_given() - pages < 100, "%ld new pages", pages_given() - pages);
  CHECK_THAT(resident_bytes() > 40 * mebibyte, "%zu bytes are resident", resident_bytes());
  const struct timespec pause = {.tv_nsec = 20000000};
  for (int call = 0; call < 1000 && resident_bytes() > 10 * mebibyte; call++) {
    nanosleep(&pause, NULL);
    use(2 * mebibyte);
  }
  CHECK_THAT(resident_bytes() <= 10 * mebibyte, "%zu bytes stay resident", resident_bytes());
  return 0;
}
