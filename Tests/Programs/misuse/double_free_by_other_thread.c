/* Frees a small block that another thread freed before. */
#include "misuse.h"
#include <pthread.h>

static void *release(void *block) {
  free(block);
  return NULL;
}

int main(void) {
  void *block = malloc(48);
  pthread_t thread;
  if (pthread_create(&thread, NULL, release, block) != 0 || pthread_join(thread, NULL) != 0) {
    return 3;
  }
  free(opaque_again(block));
  return unnoticed();
}
