/* Frees a function. */
#include "misuse.h"

__attribute__((aligned(64))) static int function(void) { return 1; }

int main(void) {
  int (*pointer)(void) = function;
  free(opaque((void *)pointer));
  return unnoticed();
}
