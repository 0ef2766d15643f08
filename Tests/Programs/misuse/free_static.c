/* Frees a static variable. */
#include "misuse.h"

static _Alignas(64) char variable[256];

int main(void) {
  free(opaque(variable));
  return unnoticed();
}
