/* Frees a block of one page twice in a row. */
#include "misuse.h"

int main(void) {
  void *block = malloc(4096);
  touch(block, 4096);
  free(block);
  free(opaque_again(block));
  return unnoticed();
}
