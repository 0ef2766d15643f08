/*
 * A program that limits its address space, before it allocates anything, to 5 MiB more than it has
 * can use that: for blocks, which also grow, and for a thread.
 */
#include "threads.h"
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

static size_t mapped_bytes(void) {
  char text[64] = "";
  int file = open("/proc/self/statm", O_RDONLY);
  CHECK(file >= 0 && read(file, text, sizeof text - 1) > 0 && close(file) == 0);
  return strtoull(text, NULL, 10) * (size_t)sysconf(_SC_PAGESIZE);
}

static void grow_a_block(void) {
  size_t size = 1000;
  unsigned char *block = malloc(size);
  CHECK(block != NULL);
  memset(block, 7, size);
  for (; size < 150000; size += size / 2) {
    unsigned char *grown = realloc(block, size + size / 2);
    CHECK_THAT(grown != NULL, "from %zu bytes", size);
    for (size_t i = 0; i < size; i++) CHECK(grown[i] == 7);
    memset(grown + size, 7, size / 2);
    block = grown;
  }
  free(block);
}

static void use_all_there_is(void) {
  void **first = NULL;
  size_t count = 0;
  for (void **block; (block = malloc(4104)) != NULL; count++) {
    *block = first;
    first = block;
  }
  CHECK(errno == ENOMEM);
  CHECK_THAT(count * 4104 > 1 << 20, "only %zu blocks", count);
  for (; first != NULL; count--) {
    void **next = *first;
    free(first);
    first = next;
  }
}

static void *allocate(void *unused) {
  free(opaque(malloc(5000)));
  return unused;
}

int main(void) {
  struct rlimit limit;
  CHECK(getrlimit(RLIMIT_AS, &limit) == 0);
  struct rlimit lower = {mapped_bytes() + (5 << 20), limit.rlim_max};
  CHECK(setrlimit(RLIMIT_AS, &lower) == 0);
  grow_a_block();
  use_all_there_is();
  grow_a_block();

  pthread_attr_t attributes;
  pthread_t thread;
  CHECK(pthread_attr_init(&attributes) == 0);
  CHECK(pthread_attr_setstacksize(&attributes, 64 << 10) == 0);
  CHECK(pthread_create(&thread, &attributes, allocate, NULL) == 0);
  CHECK(pthread_join(thread, NULL) == 0);

  CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
  void *large = malloc((size_t)1 << 30);
  CHECK(large != NULL);
  free(large);
  return 0;
}
