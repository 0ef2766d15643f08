/*
 * A process that debuggers attach to: uses the heap until it is killed, in a function whose name
 * they look for. With an argument it ends after that many rounds.
 */
#include "threads.h"

__attribute__((noinline)) void hakmem_test_round(unsigned number) { use_the_heap(number); }

static void *use(void *unused) {
  for (unsigned i = 0; i < 50; i++) {
    use_the_heap(i);
  }
  return unused;
}

int main(int count, char **arguments) {
  unsigned rounds = count > 1 ? (unsigned)strtoul(arguments[1], NULL, 0) : ~0u;
  pthread_t thread = start(use, NULL);
  for (unsigned i = 0; i < rounds; i++) {
    hakmem_test_round(i);
    if (count == 1) {
      usleep(1000);
    }
  }
  join(thread);
  puts("done");
  return 0;
}
