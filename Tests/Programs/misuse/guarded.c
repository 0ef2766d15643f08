/*
 * guarded.c — a mistake that guard sampling sees, again and again until an allocation is guarded.
 *
 *   guarded overflow|underflow|use-after-free|double-free|gap|handler|none
 */
#include "misuse.h"
#include <setjmp.h>
#include <signal.h>

enum { attempts = 200000, harmless = 25000, size = 32 };

static sigjmp_buf back;

static void on_fault(int number) {
  (void)number;
  siglongjmp(back, 1);
}

__attribute__((noinline)) static unsigned char *make_block(size_t bytes) {
  unsigned char *block = malloc(bytes);
  __asm__ volatile("");
  return block;
}

__attribute__((noinline)) static void drop_block(void *block) {
  free(block);
  __asm__ volatile("");
}

static void try_once(const char *kind) {
  volatile unsigned char *block = opaque(make_block(size));
  if (strcmp(kind, "overflow") == 0 || strcmp(kind, "handler") == 0) {
    /* Reads: an unguarded neighbour stays as it is. */
    (void)block[size];
  } else if (strcmp(kind, "underflow") == 0 && ((uintptr_t)block & 4095) == 4096 - size) {
    (void)block[-4096];
  }
  drop_block((void *)block);
  if (strcmp(kind, "use-after-free") == 0) {
    (void)block[8];
  }
}

int main(int count, char **arguments) {
  const char *kind = count > 1 ? arguments[1] : "none";
  if (strcmp(kind, "handler") == 0) {
    /* After the library's, which is to come first all the same. */
    signal(SIGSEGV, on_fault);
    if (sigsetjmp(back, 1) != 0) {
      return 7;
    }
  }
  if (strcmp(kind, "gap") == 0) {
    for (int i = 0; i < attempts; i++) {
      unsigned char *block = make_block(size + 8);
      /* Inside the rounding of every allocator; even, as what stands there never is. */
      ((volatile unsigned char *)block)[opaque_size(size + 8)] = 'B';
      drop_block(block);
    }
    return unnoticed();
  }
  if (strcmp(kind, "none") == 0) {
    for (int i = 0; i < harmless; i++) {
      size_t bytes = (size_t)i % 6000;
      unsigned char *block = i % 3 == 0 ? calloc(1, bytes) : malloc(bytes);
      CHECK(block != NULL && is_aligned(block, 16));
      CHECK(malloc_usable_size(block) >= bytes);
      CHECK(i % 3 != 0 || holds(block, bytes, 0));
      memset(block, 'B', bytes);
      block = realloc(block, bytes * 2 + 1);
      CHECK(bytes == 0 || (block[0] == 'B' && block[bytes - 1] == 'B'));
      free(block);
      void *aligned = NULL;
      CHECK(posix_memalign(&aligned, 256, bytes) == 0 && is_aligned(aligned, 256));
      free(aligned);
    }
    return 0;
  }
  for (int i = 0; i < attempts; i++) {
    try_once(kind);
  }
  return unnoticed();
}
