/* Deletes a variable on the stack. */
#include "misuse.h"

int main() {
  alignas(64) char variable[256] = {0};
  ::operator delete(opaque(variable));
  return unnoticed();
}
