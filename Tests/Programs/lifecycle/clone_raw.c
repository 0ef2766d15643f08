/*
 * clone without pthreads: a child on a stack of its own in the parent's memory while the parent
 * waits, and a fork-like child that no fork handler hears of. Both use the heap.
 */
#include "threads.h"
#include <sched.h>
#include <sys/syscall.h>

static void *left_by_child;

static int child_in_our_memory(void *block) {
  free(block);
  use_the_heap(11);
  left_by_child = memset(malloc(3000), 5, 3000);
  return 0;
}

static void share_memory(void) {
  static _Alignas(64) char stack[256 * 1024];
  for (int i = 0; i < 50; i++) {
    use_the_heap((unsigned)i);
    pid_t process = clone(child_in_our_memory, stack + sizeof stack,
                          CLONE_VM | CLONE_VFORK | SIGCHLD, malloc(3000));
    CHECK(process > 0);
    expect_exit_0(process);
    CHECK(holds(left_by_child, 3000, 5));
    free(left_by_child);
  }
}

static void copy_memory(void) {
  for (unsigned i = 0; i < 50; i++) {
    unsigned char *block = memset(malloc(3000), 6, 3000);
    use_the_heap(i);
    long process = syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
    CHECK(process >= 0);
    if (process == 0) {
      alarm(60);
      CHECK(holds(block, 3000, 6));
      free(block);
      use_the_heap(i + 1);
      malloc_trim(0);
      _exit(0);
    }
    use_the_heap(i + 2);
    expect_exit_0((pid_t)process);
    CHECK(holds(block, 3000, 6));
    free(block);
  }
}

int main(void) {
  alarm(120);
  share_memory();
  copy_memory();
  return 0;
}
