/* Allocates so much from each of a few functions, and leaks what one of them allocated. */
#include <stdlib.h>

#include "check.h"

static void *volatile kept[100000];
static int keptCount;

__attribute__((noinline)) static void *leak_this(size_t size) {
  void *block = malloc(size);
  CHECK(block != NULL);
  kept[keptCount++] = block;
  return block;
}

__attribute__((noinline)) static void use_briefly(int count) {
  for (int index = 0; index < count; index++) {
    void *volatile block = malloc(1000);
    free(block);
  }
}

__attribute__((noinline)) static void grow(int count) {
  char *volatile block = NULL;
  for (int index = 1; index <= count; index++) block = realloc(block, 100 * index);
  free(block);
}

__attribute__((noinline)) static void hold_for_a_while(int count) {
  void *volatile blocks[1000];
  for (int index = 0; index < count; index++) blocks[index] = calloc(1, 100000);
  for (int index = 0; index < count; index++) free(blocks[index]);
}

int main(void) {
  for (int index = 0; index < 20000; index++) leak_this(512);
  for (int index = 0; index < 5; index++) leak_this(8 << 20);
  use_briefly(100000);
  grow(2000);
  hold_for_a_while(1000);
  return 0;
}
