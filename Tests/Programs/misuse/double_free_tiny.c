/* Frees a block of size 0 twice in a row. */
#include "misuse.h"

int main(void) {
  void *block = malloc(0);
  touch(block, 0);
  free(block);
  free(opaque_again(block));
  return unnoticed();
}
