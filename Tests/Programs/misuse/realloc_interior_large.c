/* Resizes a pointer into a large block. */
#include "misuse.h"

int main(void) {
  char *block = malloc((size_t)8 << 20);
  free(realloc(opaque(block + 65536), (size_t)9 << 20));
  return unnoticed();
}
