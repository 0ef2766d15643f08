/* Resizes a static variable. */
#include "misuse.h"

static _Alignas(64) char variable[256];

int main(void) {
  free(realloc(opaque(variable), 1000));
  return unnoticed();
}
