/* Frees a 2 MiB boundary inside a large block. */
#include "misuse.h"

int main(void) {
  char *block = malloc((size_t)8 << 20);
  touch(block, (size_t)8 << 20);
  free(opaque(block + (2 << 20)));
  return unnoticed();
}
