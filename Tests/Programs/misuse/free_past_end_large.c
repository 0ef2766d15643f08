/* Frees a pointer past the end of a large block. */
#include "misuse.h"

int main(void) {
  char *block = malloc((size_t)8 << 20);
  touch(block, (size_t)8 << 20);
  free(opaque(block + ((size_t)8 << 20) + 4096));
  return unnoticed();
}
