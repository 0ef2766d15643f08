/*
 * mallopt accepts every parameter that glibc knows; the heap works on afterwards.
 */
#include "check.h"

int main(void) {
  static const int parameters[][2] = {{M_MMAP_THRESHOLD, 1 << 20},
                                      {M_TRIM_THRESHOLD, 1 << 18},
                                      {M_TOP_PAD, 1 << 16},
                                      {M_MMAP_MAX, 1000},
                                      {M_ARENA_MAX, 2},
                                      {M_ARENA_TEST, 1},
                                      {M_CHECK_ACTION, 3},
                                      {M_MXFAST, 64},
                                      {M_PERTURB, 0}};
  for (size_t i = 0; i < sizeof parameters / sizeof parameters[0]; i++) {
    CHECK_THAT(mallopt(parameters[i][0], parameters[i][1]) == 1, "parameter %d", parameters[i][0]);
  }
  int unknown = mallopt(31337, 1);
  CHECK(unknown == 0 || unknown == 1);
  for (size_t size = 1; size < ((size_t)8 << 20); size *= 3) {
    unsigned char *block = malloc(size);
    CHECK(block != NULL);
    touch(block, size);
    free(block);
  }
  return 0;
}
