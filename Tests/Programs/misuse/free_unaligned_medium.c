/* Frees a medium block's ninth byte. */
#include "misuse.h"

int main(void) {
  char *block = malloc(100000);
  touch(block, 100000);
  free(opaque(block + 8));
  return unnoticed();
}
