/* Resizes a pointer into a medium block. */
#include "misuse.h"

int main(void) {
  char *block = malloc(100000);
  free(realloc(opaque(block + 4096), 200000));
  return unnoticed();
}
