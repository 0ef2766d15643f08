/* Frees a large block twice in a row. */
#include "misuse.h"

int main(void) {
  void *block = malloc((size_t)8 << 20);
  touch(block, (size_t)8 << 20);
  free(block);
  free(opaque_again(block));
  return unnoticed();
}
