/*
 * Threads that fork, threads that read long lines, for which stdio allocates while it holds the stream's
 * lock, and a thread that flushes all streams, for which it holds the lock of their list, as fork does.
 *
 *   fork_stdio FORKS
 */
#include "threads.h"
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>

enum { forkers = 3, readers = 5, line_bytes = 50000 };
static _Atomic bool stop;
static int forks_each;
static char path[40];

static void *fork_often(void *unused) {
  for (int i = 0; i < forks_each; i++) {
    pid_t process = fork();
    CHECK(process >= 0);
    if (process == 0) {
      use_the_heap((unsigned)i);
      FILE *file = fopen(path, "r");
      _exit(file == NULL || fgetc(file) != 'x' || fclose(file) != 0);
    }
    int status;
    CHECK(waitpid(process, &status, 0) == process && status == 0);
  }
  return unused;
}

static void *read_lines(void *unused) {
  FILE *file = fopen(path, "r");
  CHECK(file != NULL);
  while (!stop) {
    rewind(file);
    char *line = NULL;
    size_t size = 0;
    CHECK(getline(&line, &size, file) == line_bytes + 1);
    free(line);
  }
  CHECK(fclose(file) == 0);
  return unused;
}

static void *flush_all(void *unused) {
  while (!stop) {
    CHECK(fflush(NULL) == 0);
    sched_yield();
  }
  return unused;
}

int main(int count, char **arguments) {
  CHECK(count == 2);
  forks_each = atoi(arguments[1]) / forkers;
  int lines = memfd_create("lines", 0);
  snprintf(path, sizeof path, "/proc/self/fd/%d", lines);
  FILE *file = fopen(path, "w");
  CHECK(file != NULL);
  for (int i = 0; i < line_bytes; i++) {
    CHECK(fputc('x', file) == 'x');
  }
  CHECK(fputc('\n', file) == '\n' && fclose(file) == 0);
  pthread_t threads[forkers + readers + 1];
  for (int i = 0; i < forkers + readers; i++) {
    threads[i] = start(i < forkers ? fork_often : read_lines, NULL);
  }
  threads[forkers + readers] = start(flush_all, NULL);
  for (int i = 0; i < forkers; i++) {
    join(threads[i]);
  }
  stop = true;
  for (int i = forkers; i <= forkers + readers; i++) {
    join(threads[i]);
  }
  return 0;
}
