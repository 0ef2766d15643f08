/* Allocates so much from each of a few functions, and leaks what one of them allocated. Prints by how
 * much the allocator's own figures of live blocks and bytes grew meanwhile. All sizes that stay are
 * sizes of blocks. */
#include <stdlib.h>

#include "check.h"
#include "hakmem.h"

__attribute__((weak)) void hakmem_statistics(hakmem_statistics_t *, size_t);

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
  hakmem_statistics_t before = {0}, after = {0};
  if (hakmem_statistics) hakmem_statistics(&before, sizeof before);
  for (int index = 0; index < 20000; index++) leak_this(512);
  for (int index = 0; index < 5; index++) leak_this(8 << 20);
  use_briefly(100000);
  grow(2000);
  hold_for_a_while(1000);
  if (hakmem_statistics) hakmem_statistics(&after, sizeof after);
  dprintf(STDOUT_FILENO, "%zd blocks, %zd bytes\n", after.live_blocks - before.live_blocks,
          after.live_bytes - before.live_bytes);
  return 0;
}
