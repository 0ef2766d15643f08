/* Frees a medium block twice in a row. */
#include "misuse.h"

int main(void) {
  void *block = malloc(200000);
  touch(block, 200000);
  free(block);
  free(opaque_again(block));
  return unnoticed();
}
