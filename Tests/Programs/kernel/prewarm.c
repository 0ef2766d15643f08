/*
 * HAKMEM_PREWARM=256=4096,1024=100 and HAKMEM_PREWARM=8: what was asked for needs no page at its
 * first use.   prewarm list|total
 */
#include "interface.h"
#include "resident.h"

static long pages_for(size_t size, int count) {
  static char *blocks[5000];
  memset(blocks, 0, sizeof blocks);
  long before = pages_given();
  for (int i = 0; i < count; i++) {
    blocks[i] = malloc(size);
    CHECK(blocks[i] != NULL);
    memset(blocks[i], 1, size);
  }
  return pages_given() - before;
}

int main(int count, char **arguments) {
  if (!runs_on_hakmem()) {
    SKIP("HAKMEM_PREWARM");
    return 0;
  }
  CHECK(count == 2);
  free(malloc(1));
  long first = pages_for(256, 4000), second = pages_for(1024, 90), other = pages_for(2048, 200);
  if (strcmp(arguments[1], "list") == 0) {
    CHECK_THAT(first < 16 && second < 16, "%ld and %ld pages were missing", first, second);
    CHECK_THAT(other >= 100, "%ld pages of another size only were missing", other);
  } else {
    CHECK_THAT(first + second + other < 40, "%ld, %ld and %ld pages", first, second, other);
  }
  CHECK(AVAILABLE(hak_ss_prewarm_init)() > 0);
  return 0;
}
