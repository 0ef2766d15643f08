/* Frees a large block twice whose memory was joined in between with that of the block before it. */
#include "misuse.h"

static void *block_of(size_t mebibytes) {
  void *block = malloc(mebibytes << 20);
  CHECK(block != NULL);
  touch(block, mebibytes << 20);
  return block;
}

int main(void) {
  /* Until one is kept, of which the others are parts. */
  for (int i = 0; i < 6; i++) {
    free(block_of(40));
  }
  void *first = block_of(8), *second = block_of(8);
  free(first);
  free(second);
  free(opaque_again(second));
  return unnoticed();
}
