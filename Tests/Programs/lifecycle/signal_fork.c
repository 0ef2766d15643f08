/*
 * A timer's signal handler that forks a child, which exits or executes a program, while the main
 * thread allocates in a loop: the signal may come at any instruction of the allocator. With
 * `threads`, other threads are busy too and the handler uses _Fork, which calls no fork handlers,
 * as POSIX demands of a handler. With `trim` the loop gives free memory back and does nothing else, so
 * that most signals come while lists of it are walked.
 *
 *   signal_fork alone|threads|trim
 */
#include "threads.h"
#include <signal.h>
#include <stdatomic.h>
#include <sys/time.h>

extern char **environ;
static _Atomic int children, failures;
static _Atomic bool stop;
static bool with_threads;
enum { wanted = 300 };

static void on_alarm(int signal) {
  (void)signal;
  int saved = errno;
  pid_t process = with_threads ? _Fork() : fork();
  if (process == 0) {
    static char *const arguments[] = {"true", NULL};
    if (children % 4 == 0) {
      execve("/bin/true", arguments, environ);
    }
    _exit(0);
  }
  int status = 1;
  while (process > 0 && waitpid(process, &status, 0) < 0 && errno == EINTR) {
  }
  failures += process < 0 || status != 0;
  children++;
  errno = saved;
}

static void *be_busy(void *unused) {
  sigset_t all;
  sigfillset(&all);
  CHECK(pthread_sigmask(SIG_BLOCK, &all, NULL) == 0);
  for (unsigned i = 0; !stop; i++) {
    use_the_heap(i);
  }
  return unused;
}

int main(int count, char **arguments) {
  CHECK(count == 2);
  with_threads = strcmp(arguments[1], "threads") == 0;
  bool trims_only = strcmp(arguments[1], "trim") == 0;
  pthread_t threads[2];
  for (int i = 0; with_threads && i < 2; i++) {
    threads[i] = start(be_busy, NULL);
  }
  struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
  CHECK(sigaction(SIGALRM, &action, NULL) == 0);
  struct itimerval interval = {{0, 1000}, {0, 1000}};
  CHECK(setitimer(ITIMER_REAL, &interval, NULL) == 0);
  for (unsigned i = 0; children < wanted; i++) {
    if (!trims_only) {
      use_the_heap(i);
    }
    if (trims_only || i % 100 == 0) {
      malloc_trim(0);
    }
  }
  struct itimerval none = {{0, 0}, {0, 0}};
  CHECK(setitimer(ITIMER_REAL, &none, NULL) == 0);
  stop = true;
  for (int i = 0; with_threads && i < 2; i++) {
    join(threads[i]);
  }
  CHECK(failures == 0);
  return 0;
}
