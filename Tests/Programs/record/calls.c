/*
 * Calls that a trace must show, by mode. The sizes from 100001 on are the program's own, so that
 * they can be told from libc's.
 */
#include "check.h"
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

extern char **environ;
enum { base = 100000 };

static void wait_for(pid_t child) {
  int status;
  CHECK(waitpid(child, &status, 0) == child);
  CHECK(status == 0);
}

/* One call of each kind; `size` and the four after it are used. */
static void make_calls(size_t size) {
  char *plain = malloc(size);
  char *zero = calloc(1, size + 1);
  void *aligned = NULL;
  CHECK(posix_memalign(&aligned, 4096, size + 2) == 0);
  plain = realloc(plain, size + 3);
  free(zero);
  CHECK(opaque(malloc((size_t)-1 >> 1)) == NULL);
  CHECK(opaque(realloc(plain, (size_t)-1 >> 1)) == NULL);
  free(NULL);
  char *fresh = realloc(NULL, size + 4);
  CHECK(realloc(fresh, 0) == NULL);
  free(plain);
  free(aligned);
}

static void make_many(int count) {
  for (int i = 0; i < count; i++) {
    free(opaque(malloc(base + 1)));
  }
}

static void *thread_calls(void *argument) {
  make_calls(base + 10 * (size_t)argument + 1);
  return NULL;
}

static void threads(void) {
  for (size_t i = 1; i <= 5; i++) {
    pthread_t thread;
    CHECK(pthread_create(&thread, NULL, thread_calls, (void *)i) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
  }
}

static pthread_barrier_t all_threads;

static void *exchange(void *argument) {
  _Atomic(void *) *slots = argument;
  pthread_barrier_wait(&all_threads);
  for (int i = 0; i < 20000; i++) {
    void *old = __atomic_exchange_n((void **)&slots[i % 16], malloc(base + 1 + (size_t)i % 50),
                                    __ATOMIC_ACQ_REL);
    free(i % 3 == 0 && old != NULL ? realloc(old, base + 60) : old);
  }
  /* Else a thread may take the number of one that has ended already. */
  pthread_barrier_wait(&all_threads);
  return NULL;
}

/* Threads that free each other's blocks at once: the order of the trace must hold. */
static void contend(void) {
  static _Atomic(void *) slots[16];
  pthread_t threads[4];
  CHECK(pthread_barrier_init(&all_threads, NULL, 4) == 0);
  for (int i = 0; i < 4; i++) {
    CHECK(pthread_create(&threads[i], NULL, exchange, slots) == 0);
  }
  for (int i = 0; i < 4; i++) {
    CHECK(pthread_join(threads[i], NULL) == 0);
  }
}

/* What a child calls must not be in the parent's trace, however it was made. */
static void forks(const char *self) {
  make_calls(base + 1);
  pid_t child = fork();
  if (child == 0) {
    make_calls(base + 11);
    execl(self, self, "calls", NULL);
    _exit(1);
  }
  wait_for(child);
  child = (pid_t)syscall(SYS_clone, SIGCHLD, NULL, NULL, NULL, NULL);
  if (child == 0) {
    make_calls(base + 21);
    _exit(0);
  }
  wait_for(child);
  char *arguments[] = {(char *)self, "calls", NULL};
  CHECK(posix_spawn(&child, self, NULL, NULL, arguments, environ) == 0);
  wait_for(child);
  make_calls(base + 31);
}

static void close_everything(void) {
  CHECK(syscall(SYS_close_range, 3, ~0u, 0) == 0);
  int other = open("/dev/null", O_RDONLY);
  for (int descriptor = 3; descriptor < 1024; descriptor++) {
    dup2(other, descriptor);
  }
  make_many(200000);
}

static void limit_file_size(void) {
  struct rlimit limit = {1 << 20, 1 << 20};
  CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
  make_many(300000);
}

int main(int count, char **arguments) {
  CHECK(count > 1);
  const char *mode = arguments[1];
  if (strcmp(mode, "calls") == 0) {
    make_calls(base + 1);
  } else if (strcmp(mode, "threads") == 0) {
    threads();
  } else if (strcmp(mode, "contend") == 0) {
    contend();
  } else if (strcmp(mode, "forks") == 0) {
    forks(arguments[0]);
  } else if (strcmp(mode, "exec") == 0) {
    make_calls(base + 21);
    execl(arguments[0], arguments[0], "calls", NULL);
  } else if (strcmp(mode, "close") == 0) {
    close_everything();
  } else if (strcmp(mode, "limit") == 0) {
    limit_file_size();
  } else if (strcmp(mode, "kill") == 0) {
    make_many(100000);
    raise(SIGKILL);
  } else if (strcmp(mode, "_exit") == 0) {
    make_many(100000);
    _exit(0);
  } else if (strcmp(mode, "late") == 0) {
    atexit(threads);
  } else {
    CHECK_THAT(false, "unknown mode %s", mode);
  }
  return 0;
}
