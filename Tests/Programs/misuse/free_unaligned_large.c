/* Frees a large block's second byte. */
#include "misuse.h"

int main(void) {
  char *block = malloc((size_t)8 << 20);
  touch(block, (size_t)8 << 20);
  free(opaque(block + 1));
  return unnoticed();
}
