/* Frees a page boundary inside a medium block. */
#include "misuse.h"

int main(void) {
  char *block = malloc(100000);
  touch(block, 100000);
  free(opaque(block + 4096));
  return unnoticed();
}
