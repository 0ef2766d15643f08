/*
 * Children that fork children, ten deep, each using and freeing what its ancestors allocated, while
 * the parent goes on: what one writes must never be seen by another.
 */
#include "threads.h"

enum { depth = 10, count = 2000 };
static unsigned char *blocks[count];

static void verify(int level) {
  for (int i = 0; i < count; i++) {
    CHECK(holds(blocks[i], 500, (unsigned char)(level + i)));
  }
}

static void descend(int level) {
  for (int i = 0; i < count; i++) {
    if (level > 0) {
      free(blocks[i]);
    }
    blocks[i] = malloc(500);
    CHECK(blocks[i] != NULL);
    memset(blocks[i], (level + i) & 0xFF, 500);
  }
  if (level < depth) {
    pid_t process = fork();
    CHECK(process >= 0);
    if (process == 0) {
      alarm(60);
      descend(level + 1);
      _exit(0);
    }
    use_the_heap((unsigned)level);
    expect_exit_0(process);
  }
  verify(level);
}

int main(void) {
  descend(0);
  return 0;
}
