/* A program that is not position-independent and takes the addresses of allocation functions. */
#include <stdlib.h>

int main(void) {
  void *(*volatile allocate)(size_t) = malloc;
  void (*volatile release)(void *) = free;
  void *block = allocate(100);
  if (!block) return 1;
  release(block);
  return 0;
}
