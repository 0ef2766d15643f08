/*
 * exit() by one thread while others are in the middle of allocating, with atexit handlers that use
 * the heap; the threads must neither crash nor keep the process alive.
 */
#include "threads.h"

static void *be_busy(void *unused) {
  for (unsigned i = 0;; i++) {
    use_the_heap(i);
  }
  return unused;
}

static void at_exit(void) {
  use_the_heap(1);
  usleep(500);
  use_the_heap(2);
}

static void *exit_now(void *unused) {
  (void)unused;
  use_the_heap(3);
  exit(0);
}

__attribute__((noreturn)) static void child(bool by_thread) {
  alarm(60);
  atexit(at_exit);
  for (int i = 0; i < 3; i++) {
    start(be_busy, NULL);
  }
  use_the_heap(4);
  if (by_thread) {
    start(exit_now, NULL);
    be_busy(NULL);
  }
  exit(0);
}

int main(void) {
  alarm(120);
  for (int i = 0; i < 60; i++) {
    pid_t process = fork();
    CHECK(process >= 0);
    if (process == 0) {
      child(i % 2 == 0);
    }
    expect_exit_0(process);
  }
  return 0;
}
