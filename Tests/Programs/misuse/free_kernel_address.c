/* Frees an address of the kernel's half: free_kernel_address ADDRESS, as a signed number. */
#include "misuse.h"

int main(int count, char **arguments) {
  free(opaque((void *)(count > 1 ? strtol(arguments[1], NULL, 0) : -1)));
  return unnoticed();
}
