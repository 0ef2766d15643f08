/* Frees pages that the program mapped itself. */
#include "misuse.h"
#include <sys/mman.h>

int main(void) {
  void *pages =
      mmap(NULL, (size_t)8 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  free(opaque((void *)(((uintptr_t)pages + (2 << 20)) & ~(uintptr_t)((2 << 20) - 1))));
  return unnoticed();
}
