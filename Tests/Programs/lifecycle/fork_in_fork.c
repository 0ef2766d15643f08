/*
 * A program that forks in a loop, and whose timer's signal handler forks too: many signals come in the
 * middle of a fork. Every fourth child of the handler returns from it into what was interrupted,
 * mostly the fork, and goes on from there; then it uses the heap, all locks of which have to be free.
 */
#include "threads.h"
#include <signal.h>
#include <stdatomic.h>
#include <sys/time.h>

enum { wanted = 400 };
static _Atomic int children, failures;
static _Atomic bool is_handlers_child;

static void wait_for(pid_t process) {
  int status = 1;
  while (process > 0 && waitpid(process, &status, 0) < 0) {
    // The handler's child may return into a wait for its parent's.
    if (is_handlers_child && errno == ECHILD) return;
    if (errno != EINTR) break;
  }
  failures += process < 0 || status != 0;
}

static void on_alarm(int signal) {
  (void)signal;
  int saved = errno;
  pid_t process = fork();
  if (process == 0) {
    if (children % 4 == 0) {
      is_handlers_child = true;
      return;
    }
    _exit(0);
  }
  wait_for(process);
  children++;
  errno = saved;
}

int main(void) {
  struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
  CHECK(sigaction(SIGALRM, &action, NULL) == 0);
  struct itimerval interval = {{0, 500}, {0, 500}};
  CHECK(setitimer(ITIMER_REAL, &interval, NULL) == 0);
  for (unsigned i = 0; children < wanted && !is_handlers_child; i++) {
    pid_t process = fork();
    if (process == 0) {
      struct itimerval none = {{0, 0}, {0, 0}};
      setitimer(ITIMER_REAL, &none, NULL);
      use_the_heap(i);
      malloc_trim(0);
      _exit(0);
    }
    wait_for(process);
    use_the_heap(i);
  }
  struct itimerval none = {{0, 0}, {0, 0}};
  CHECK(setitimer(ITIMER_REAL, &none, NULL) == 0);
  for (unsigned i = 0; i < 100; i++) {
    use_the_heap(i);
  }
  malloc_trim(0);
  pid_t last = fork();
  if (last == 0) _exit(0);
  wait_for(last);
  _exit(failures != 0);
}
