/* Frees a small block's second byte. */
#include "misuse.h"

int main(void) {
  char *block = malloc(64);
  touch(block, 64);
  free(opaque(block + 1));
  return unnoticed();
}
