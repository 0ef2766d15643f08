/*
 * Says whether the kernel started this program with other rights than its caller's, and how many
 * options the allocator took from the environment, which must then be none.
 */
#include "interface.h"
#include <sys/auxv.h>

int main(void) {
  free(malloc(100));
  hakmem_option_t option;
  int taken = 0;
  for (int i = 0; hakmem_option(i, &option); i++) {
    taken += strcmp(option.source, "environment") == 0;
  }
  printf("secure %lu, options from the environment %d\n", getauxval(AT_SECURE), taken);
  return 0;
}
