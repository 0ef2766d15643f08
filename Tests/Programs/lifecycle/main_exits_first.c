/*
 * The main thread ends by pthread_exit; the others go on, free its blocks, and end the process.
 */
#include "threads.h"

static pthread_t main_thread;
static void *kept[100];

static void *survive(void *unused) {
  CHECK(pthread_join(main_thread, NULL) == 0);
  for (int i = 0; i < 100; i++) {
    CHECK(holds(kept[i], 1000, (unsigned char)i));
    free(kept[i]);
  }
  for (unsigned i = 0; i < 100; i++) {
    use_the_heap(i);
  }
  exit(0);
  return unused;
}

int main(void) {
  main_thread = pthread_self();
  for (int i = 0; i < 100; i++) {
    kept[i] = memset(malloc(1000), i, 1000);
  }
  start(survive, NULL);
  pthread_exit(NULL);
}
