/* Frees a pointer into a large block. */
#include "misuse.h"

int main(void) {
  char *block = malloc((size_t)8 << 20);
  touch(block, (size_t)8 << 20);
  free(opaque(block + 65536));
  return unnoticed();
}
