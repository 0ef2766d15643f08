/* Frees a small block again after others of its size were freed. */
#include "misuse.h"

enum { count = 5 };

int main(void) {
  void *blocks[count];
  for (int i = 0; i < count; i++) {
    blocks[i] = malloc(48);
  }
  for (int i = 0; i < count; i++) {
    free(blocks[i]);
  }
  free(opaque_again(blocks[1]));
  return unnoticed();
}
