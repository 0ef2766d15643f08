/*
 * threads.h — threads that must start and end well, and children that must exit with 0.
 */
#ifndef THREADS_H
#define THREADS_H

#include "check.h"
#include <pthread.h>
#include <sys/wait.h>

static inline pthread_t start(void *(*function)(void *), void *argument) {
  pthread_t thread;
  int status = pthread_create(&thread, NULL, function, argument);
  CHECK_THAT(status == 0, "pthread_create: %d", status);
  return thread;
}

static inline void *join(pthread_t thread) {
  void *result = NULL;
  CHECK(pthread_join(thread, &result) == 0);
  return result;
}

static inline void expect_exit_0(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    CHECK(errno == EINTR);
  }
  CHECK_THAT(WIFEXITED(status) && WEXITSTATUS(status) == 0, "child %d: status %#x", (int)child,
             (unsigned)status);
}

/* Forks a process that runs `child`, which does not return, and waits for its good end. */
static inline void fork_child(void (*child)(void)) {
  pid_t process = fork();
  CHECK(process >= 0);
  if (process == 0) {
    child();
  }
  expect_exit_0(process);
}

/* A little of everything: tiny, small, medium and large blocks, resized, zeroed and freed. */
static inline void use_the_heap(unsigned salt) {
  enum { count = 40 };
  unsigned char *blocks[count];
  for (unsigned i = 0; i < count; i++) {
    size_t size = i == 20 ? 300000 + salt % 5000 : i == 30 ? 60000 : (salt * 31 + i * 97) % 5000;
    blocks[i] = i % 4 == 0 ? calloc(1, size) : malloc(size);
    CHECK(blocks[i] != NULL);
    CHECK(i % 4 != 0 || holds(blocks[i], size, 0));
    memset(blocks[i], (int)i, size);
    blocks[i] = i % 5 == 0 ? realloc(blocks[i], size + 100) : blocks[i];
    CHECK(blocks[i] != NULL);
    CHECK(size == 0 || blocks[i][size - 1] == i);
  }
  for (unsigned i = 0; i < count; i++) {
    free(blocks[i]);
  }
}

#endif
