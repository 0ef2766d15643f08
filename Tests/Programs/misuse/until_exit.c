/*
 * Makes a mistake of which nothing is seen until the process exits: the thread's cache keeps the block.
 *
 *   until_exit twice | later | inside | nothing      what it prints comes before the report
 */
#include "misuse.h"

enum { count = 40 };

int main(int arguments, char **argument) {
  const char *mistake = arguments > 1 ? argument[1] : "";
  char *blocks[count];
  for (int i = 0; i < count; i++) {
    blocks[i] = malloc(48);
    touch(blocks[i], 48);
  }
  for (int i = 0; i < count; i++) {
    free(blocks[i]);
  }
  if (strcmp(mistake, "twice") == 0) {
    free(opaque_again(blocks[count - 1]));
  } else if (strcmp(mistake, "later") == 0) {
    free(opaque_again(blocks[0]));
  } else if (strcmp(mistake, "inside") == 0) {
    free(opaque_again(blocks[1] + 16));
  }
  printf("done\n");
  return 0;
}
