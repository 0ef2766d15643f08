/* The parent and its child each keep blocks from a function of their own. */
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static void *volatile kept;

__attribute__((noinline)) static void keep(int count, size_t bytes) {
  for (int index = 0; index < count; index++) {
    kept = malloc(bytes);
    CHECK(kept != NULL);
  }
}

__attribute__((noinline)) static void keep_in_parent(void) {
  keep(500, 1000);
  memset(kept, 0, 1);
}

__attribute__((noinline)) static void keep_in_child(void) {
  keep(300, 2000);
  memset(kept, 0, 1);
}

int main(void) {
  keep_in_parent();
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    keep_in_child();
    exit(0);
  }
  int status;
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  return 0;
}
