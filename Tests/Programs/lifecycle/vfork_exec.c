/*
 * vfork and exec, and posix_spawn, from several threads that allocate; the programs that are
 * started run under the same preload.
 */
#include "threads.h"
#include <spawn.h>

extern char **environ;
static char *const arguments[] = {"true", NULL};

/* Executes `path` in a vforked child, which exits with `otherwise` if it cannot. */
static __attribute__((noinline)) void run(const char *path, int otherwise) {
  pid_t process = vfork();
  if (process == 0) {
    execve(path, arguments, environ);
    _exit(otherwise);
  }
  CHECK(process > 0);
  use_the_heap((unsigned)process);
  expect_exit_0(process);
}

static void *start_programs(void *unused) {
  for (unsigned i = 0; i < 25; i++) {
    use_the_heap(i);
    run("/bin/true", 9);
    run("/nonexistent", 0);
    pid_t process;
    CHECK(posix_spawn(&process, "/bin/true", NULL, NULL, arguments, environ) == 0);
    use_the_heap(i);
    expect_exit_0(process);
  }
  return unused;
}

int main(void) {
  alarm(120);
  pthread_t threads[3];
  for (int i = 0; i < 3; i++) {
    threads[i] = start(start_programs, NULL);
  }
  start_programs(NULL);
  for (int i = 0; i < 3; i++) {
    join(threads[i]);
  }
  return 0;
}
