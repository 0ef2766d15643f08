/* Frees a small block twice in a row. */
#include "misuse.h"

int main(void) {
  void *block = malloc(48);
  touch(block, 48);
  free(block);
  free(opaque_again(block));
  return unnoticed();
}
