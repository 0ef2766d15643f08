/* Frees the middle of a small block. */
#include "misuse.h"

int main(void) {
  char *block = malloc(1024);
  touch(block, 1024);
  free(opaque(block + 512));
  return unnoticed();
}
