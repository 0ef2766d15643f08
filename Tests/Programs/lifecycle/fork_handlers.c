/*
 * pthread_atfork handlers that allocate and free, some registered before the first allocation and
 * some after, in a process with busy threads.
 */
#include "threads.h"
#include <stdatomic.h>

static _Atomic bool stop;
static void *kept[2];

static void prepare(void) {
  use_the_heap(1);
  kept[0] = malloc(100);
  kept[1] = malloc(100000);
}

static void release_kept(void) {
  free(kept[0]);
  free(kept[1]);
  use_the_heap(2);
}

__attribute__((constructor)) static void register_early(void) {
  CHECK(pthread_atfork(prepare, release_kept, release_kept) == 0);
}

static void prepare_again(void) { use_the_heap(3); }

static void *be_busy(void *unused) {
  for (unsigned i = 0; !stop; i++) {
    use_the_heap(i);
  }
  return unused;
}

int main(void) {
  alarm(120);
  use_the_heap(4);
  CHECK(pthread_atfork(prepare_again, prepare_again, prepare_again) == 0);
  pthread_t threads[2] = {start(be_busy, NULL), start(be_busy, NULL)};
  for (int i = 0; i < 100; i++) {
    pid_t process = fork();
    CHECK(process >= 0);
    if (process == 0) {
      alarm(60);
      use_the_heap(5);
      _exit(0);
    }
    expect_exit_0(process);
  }
  stop = true;
  join(threads[0]);
  join(threads[1]);
  return 0;
}
