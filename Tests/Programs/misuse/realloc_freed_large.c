/* Resizes a large block that is free. */
#include "misuse.h"

int main(void) {
  void *block = malloc((size_t)8 << 20);
  free(block);
  free(realloc(opaque_again(block), (size_t)9 << 20));
  return unnoticed();
}
