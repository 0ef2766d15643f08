/* Resizes a variable on the stack. */
#include "misuse.h"

int main(void) {
  _Alignas(64) char variable[256] = {0};
  free(realloc(opaque(variable), 1000));
  return unnoticed();
}
