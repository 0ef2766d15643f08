/* Touches so many pages of each owner, once each, and says nothing. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

enum { page = 4096, count = 4000 };

static __thread char thread_local_pages[count * page];
static char variables[count * page];

static void touch_pages(volatile char *start, size_t bytes) {
  for (size_t offset = 0; offset < bytes; offset += page) start[offset] = 1;
}

__attribute__((noinline)) static void use_stack(int pages) {
  volatile char here[16 * page];
  for (int index = 16 * page - page; index >= 0; index -= page) here[index] = 1;
  if (pages > 16) use_stack(pages - 16);
  here[0] = 2;
}

int main(int argc, char **argv) {
  CHECK(argc == 2);
  /* Small blocks of half a page: two of each 2 KiB class share one. */
  for (int index = 0; index < 2 * count; index++) {
    char *block = malloc(2048);
    CHECK(block != NULL);
    *(volatile char *)block = 1;
  }
  for (int index = 0; index < count / 100; index++) touch_pages(malloc(100 * page), 100 * page);
  char *large = malloc(count * page);
  touch_pages(large, count * page);
  touch_pages(thread_local_pages, sizeof thread_local_pages);
  touch_pages(variables, sizeof variables);
  use_stack(1200);
  touch_pages(mmap(NULL, count * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
        count * page);
  int file = open(argv[1], O_RDWR | O_CREAT, 0600);
  CHECK(file >= 0 && ftruncate(file, count * page) == 0);
  touch_pages(mmap(NULL, count * page, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0), count * page);
  /* Every page of the large block is copied once more, in the child. */
  pid_t child = fork();
  if (child == 0) {
    touch_pages(large, count * page);
    _exit(0);
  }
  int status;
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  return 0;
}
