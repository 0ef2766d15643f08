/*
 * empty.c — blocks of no bytes.
 *
 *   empty read|write|double-free|inside|resize-freed     misuses one
 *   empty none                                           many without a mistake
 */
#include "interface.h"
#include "misuse.h"
#include <pthread.h>

enum { few = 1000, many = 1200000 };

static int compare(const void *first, const void *second) {
  uintptr_t a = *(const uintptr_t *)first, b = *(const uintptr_t *)second;
  return (a > b) - (a < b);
}

static void *make_some(void *unused) {
  (void)unused;
  for (int i = 0; i < few; i++) {
    free(opaque(malloc(0)));
  }
  return NULL;
}

static int without_mistakes(void) {
  /* More than the region holds: each is a block of its own all the same. */
  void **blocks = malloc(many * sizeof *blocks);
  for (int i = 0; i < many; i++) {
    blocks[i] = i % 2 == 0 ? malloc(0) : calloc(0, 8);
    CHECK(blocks[i] != NULL && is_aligned(blocks[i], 16));
  }
  qsort(blocks, many, sizeof *blocks, compare);
  for (int i = 1; i < many; i++) {
    CHECK(blocks[i] != blocks[i - 1]);
  }
  for (int i = 0; i < many; i++) {
    if (i < few) {
      unsigned char *grown = realloc(blocks[i], 100);
      CHECK(grown != NULL);
      memset(grown, 'B', 100);
      blocks[i] = grown;
    }
    free(blocks[i]);
  }
  free(blocks);
  pthread_t threads[4];
  for (int i = 0; i < 4; i++) {
    CHECK(pthread_create(&threads[i], NULL, make_some, NULL) == 0);
  }
  for (int i = 0; i < 4; i++) {
    CHECK(pthread_join(threads[i], NULL) == 0);
  }
  void *block = malloc(0);
  CHECK(malloc_usable_size(block) == 0);
  free(block);
  void *aligned = NULL;
  CHECK(posix_memalign(&aligned, 4096, 0) == 0 && is_aligned(aligned, 4096));
  free(aligned);
  CHECK(realloc(malloc(0), 0) == NULL);
  return 0;
}

int main(int count, char **arguments) {
  const char *kind = count > 1 ? arguments[1] : "none";
  if (strcmp(kind, "none") == 0) {
    return without_mistakes();
  }
  volatile unsigned char *block = opaque(malloc(0));
  if (strcmp(kind, "read") == 0) {
    (void)block[0];
  } else if (strcmp(kind, "write") == 0) {
    block[0] = 'A';
  } else if (strcmp(kind, "double-free") == 0) {
    free((void *)block);
    free(opaque_again(block));
  } else if (strcmp(kind, "inside") == 0) {
    free(opaque((void *)(block + 1)));
  } else if (strcmp(kind, "resize-freed") == 0) {
    free((void *)block);
    opaque(realloc(opaque_again(block), 100));
  }
  return unnoticed();
}
