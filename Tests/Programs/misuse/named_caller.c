/*
 * The function that makes the wrong call, whose address the program prints first; the report is to
 * name it before all others.
 */
#include "misuse.h"

__attribute__((noinline)) static void culprit(const char *call, void *pointer) {
  if (strcmp(call, "free") == 0) {
    free(pointer);
  } else if (strcmp(call, "realloc") == 0) {
    pointer = realloc(pointer, 5000);
  } else {
    printf("%zu\n", malloc_usable_size(pointer));
  }
  /* No tail call, which would leave no trace of this function. */
  __asm__ volatile("" : : "r"(pointer) : "memory");
}

int main(int count, char **arguments) {
  CHECK(count == 3);
  char *medium = malloc(300000), *large = malloc((size_t)8 << 20);
  CHECK(medium != NULL && large != NULL);
  printf("%p\n", (void *)culprit);
  fflush(stdout);
  void *pointer = (void *)0x4242;
  if (strcmp(arguments[2], "medium") == 0) {
    pointer = medium + 4096;
  } else if (strcmp(arguments[2], "large") == 0) {
    pointer = large + 4096;
  }
  culprit(arguments[1], pointer);
  return 0;
}
