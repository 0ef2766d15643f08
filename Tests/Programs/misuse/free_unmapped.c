/* Frees an address where nothing is mapped. */
#include "misuse.h"

int main(void) {
  free(opaque((void *)0x10000));
  return unnoticed();
}
