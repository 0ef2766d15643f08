/* Frees an address that the processor cannot have. */
#include "misuse.h"

int main(void) {
  free(opaque((void *)0xDEADBEEFDEADBEE0));
  return unnoticed();
}
