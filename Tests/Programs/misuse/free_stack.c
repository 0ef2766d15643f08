/* Frees a variable on the stack. */
#include "misuse.h"

int main(void) {
  _Alignas(64) char variable[256] = {0};
  free(opaque(variable));
  return unnoticed();
}
