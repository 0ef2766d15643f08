/* Frees a pointer into a small block. */
#include "misuse.h"

int main(void) {
  char *block = malloc(64);
  touch(block, 64);
  free(opaque(block + 16));
  return unnoticed();
}
