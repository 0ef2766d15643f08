/* Fills SuperSlabs with blocks of one size, frees all but one in sixteen, which one function allocated,
 * and waits for its input to end. */
#include <string.h>

#include "check.h"

enum { count = 20000, bytes = 1000 };
static void *blocks[count];

__attribute__((noinline)) static void *keep_this(void) {
  void *volatile block = malloc(bytes);
  return block;
}

__attribute__((noinline)) static void *drop_this(void) {
  void *volatile block = malloc(bytes);
  return block;
}

int main(void) {
  for (int index = 0; index < count; index++) {
    blocks[index] = index % 16 == 0 ? keep_this() : drop_this();
    CHECK(blocks[index] != NULL);
    memset(blocks[index], 1, bytes);
  }
  for (int index = 0; index < count; index++) {
    if (index % 16 != 0) free(blocks[index]);
  }
  CHECK(write(STDOUT_FILENO, "ready\n", 6) == 6);
  char byte;
  while (read(STDIN_FILENO, &byte, 1) > 0) {
  }
  return 0;
}
