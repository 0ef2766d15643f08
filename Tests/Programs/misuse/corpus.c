/*
 * corpus.c — every kind of misuse, of small, medium and large blocks, by the thread that allocated
 * and by another one.
 *
 *   corpus --list     name, what balanced mode says of it, what hardened mode says
 *   corpus CASE       misuses the heap once
 *   corpus none       does the same calls without a mistake
 */
#include "interface.h"
#include "misuse.h"
#include <pthread.h>

enum { small = 40, medium = 300000, large = 4000000, reuses = 4000 };

typedef struct {
  const char *name;
  void (*act)(unsigned char *block, size_t size);
  /* What is said of small, medium and large blocks; "fault": SIGSEGV; "-": nothing is promised. */
  const char *balanced[3];
  const char *hardened[3];
} kind_t;

static __typeof__(&free_sized) release_sized;
static __typeof__(&free_aligned_sized) release_aligned_sized;

static void reuse(size_t size) {
  for (int i = 0; i < reuses; i++) {
    void *block = opaque(malloc(size));
    free(block);
  }
}

static void free_twice(unsigned char *block, size_t size) {
  (void)size;
  free(block);
  free(opaque_again(block));
}

static void free_twice_later(unsigned char *block, size_t size) {
  enum { count = 6 };
  void *others[count];
  for (int i = 0; i < count; i++) {
    others[i] = malloc(size);
  }
  free(block);
  for (int i = 0; i < count; i++) {
    free(others[i]);
  }
  free(opaque_again(block));
}

static void free_inside(unsigned char *block, size_t size) { free(opaque(block + size / 2 / 16 * 16)); }

static void free_unaligned(unsigned char *block, size_t size) {
  (void)size;
  free(opaque(block + 1));
}

static void resize_inside(unsigned char *block, size_t size) {
  opaque(realloc(opaque(block + 16), size * 2));
}

static void resize_freed(unsigned char *block, size_t size) {
  free(block);
  opaque(realloc(opaque_again(block), size * 2));
}

/* A byte that is not there by chance: one in 128 canaries begins with 'A'. */
static void overflow_by_1(unsigned char *block, size_t size) {
  volatile unsigned char *behind = block + opaque_size(size);
  *behind = *behind == 'A' ? 'B' : 'A';
  free(block);
}

static void overflow_by_8(unsigned char *block, size_t size) {
  memset(opaque(block + size), 'A', 8);
  free(block);
}

/* As a string's end that was not counted. */
static void overflow_by_a_zero(unsigned char *block, size_t size) {
  ((volatile unsigned char *)block)[opaque_size(size)] = 0;
  free(block);
}

static void overflow_then_resize(unsigned char *block, size_t size) {
  memset(opaque(block + size), 'A', 4);
  opaque(realloc(block, size * 3));
}

static void overflow_then_purge(unsigned char *block, size_t size) {
  memset(opaque(block + size), 'A', 4);
  malloc_trim(0);
}

static void overflow_by_page(unsigned char *block, size_t size) {
  memset(opaque(block + size), 'A', (size_t)2 << 20);
  free(block);
}

static void write_after_free(unsigned char *block, size_t size) {
  free(block);
  ((volatile unsigned char *)opaque_again(block))[size / 2] = 'A';
  reuse(size);
}

static void read_after_free(unsigned char *block, size_t size) {
  free(block);
  unsigned char byte = ((volatile unsigned char *)opaque_again(block))[size / 2];
  /* What was there is gone at least. */
  if (byte == 0) {
    fprintf(stderr, "read as zero\n");
    abort();
  }
}

static void wrong_size(unsigned char *block, size_t size) {
  if (release_sized != NULL) {
    release_sized(block, opaque_size(size - 1));
  }
}

static void wrong_alignment(unsigned char *block, size_t size) {
  if (release_aligned_sized != NULL) {
    release_aligned_sized(block, (size_t)1 << 40, opaque_size(size));
  }
}

static void usable_size_of_freed(unsigned char *block, size_t size) {
  (void)size;
  free(block);
  opaque_size(malloc_usable_size(opaque_again(block)));
}

#define DOUBLE "double free"
#define INTERIOR "interior pointer"
#define OVERFLOW "heap overflow"

static const kind_t kinds[] = {
    {"double_free", free_twice, {DOUBLE, DOUBLE, DOUBLE}, {DOUBLE, DOUBLE, DOUBLE}},
    {"double_free_later", free_twice_later, {DOUBLE, DOUBLE, DOUBLE}, {DOUBLE, DOUBLE, DOUBLE}},
    {"free_inside", free_inside, {INTERIOR, INTERIOR, INTERIOR}, {INTERIOR, INTERIOR, INTERIOR}},
    {"free_unaligned", free_unaligned, {INTERIOR, INTERIOR, INTERIOR}, {INTERIOR, INTERIOR, INTERIOR}},
    {"realloc_inside", resize_inside, {INTERIOR, INTERIOR, INTERIOR}, {INTERIOR, INTERIOR, INTERIOR}},
    {"realloc_freed", resize_freed, {DOUBLE, DOUBLE, DOUBLE}, {DOUBLE, DOUBLE, DOUBLE}},
    {"overflow_by_1", overflow_by_1, {"-", "-", "-"}, {OVERFLOW, OVERFLOW, OVERFLOW}},
    {"overflow_by_8", overflow_by_8, {"-", "-", "-"}, {OVERFLOW, OVERFLOW, OVERFLOW}},
    {"overflow_by_a_zero", overflow_by_a_zero, {"-", "-", "-"}, {OVERFLOW, OVERFLOW, OVERFLOW}},
    {"overflow_then_realloc", overflow_then_resize, {"-", "-", "-"}, {OVERFLOW, OVERFLOW, OVERFLOW}},
    {"overflow_then_purge", overflow_then_purge, {"-", "-", "-"}, {OVERFLOW, "-", "-"}},
    {"overflow_by_2_MiB", overflow_by_page, {"-", "-", "fault"}, {"fault", "fault", "fault"}},
    {"write_after_free", write_after_free, {"-", "-", "fault"}, {"write after free", "fault", "fault"}},
    {"read_after_free", read_after_free, {"-", "-", "fault"}, {"read as zero", "fault", "fault"}},
    {"wrong_size", wrong_size, {"-", "-", "-"}, {"size mismatch", "size mismatch", "size mismatch"}},
    {"wrong_alignment", wrong_alignment, {"-", "-", "-"}, {"alignment mismatch", "alignment mismatch", "alignment mismatch"}},
    {"usable_size_of_freed", usable_size_of_freed, {"-", DOUBLE, DOUBLE}, {DOUBLE, DOUBLE, DOUBLE}},
};

static const struct {
  const char *name;
  size_t bytes;
} sizes[] = {{"small", small}, {"medium", medium}, {"large", large}};

typedef struct {
  const kind_t *kind;
  unsigned char *block;
  size_t size;
} act_t;

static void *act(void *argument) {
  act_t *act = argument;
  act->kind->act(act->block, act->size);
  return NULL;
}

static void run(const kind_t *kind, size_t size, bool elsewhere) {
  unsigned char *block = malloc(size);
  memset(block, 'B', size);
  act_t one = {kind, block, size};
  pthread_t thread;
  if (!elsewhere) {
    act(&one);
  } else if (pthread_create(&thread, NULL, act, &one) != 0 || pthread_join(thread, NULL) != 0) {
    exit(3);
  }
}

static int without_mistakes(void) {
  for (int size = 0; size < 3; size++) {
    unsigned char *block = malloc(sizes[size].bytes);
    memset(block, 'B', sizes[size].bytes);
    block = realloc(block, sizes[size].bytes * 2);
    block[sizes[size].bytes * 2 - 1] = 'A';
    block = realloc(block, sizes[size].bytes / 2);
    reuse(sizes[size].bytes);
    if (release_sized != NULL) {
      release_sized(block, sizes[size].bytes / 2);
    } else {
      free(block);
    }
  }
  return 0;
}

int main(int count, char **arguments) {
  release_sized = AVAILABLE(free_sized);
  release_aligned_sized = AVAILABLE(free_aligned_sized);
  const char *wanted = count > 1 ? arguments[1] : "--list";
  if (strcmp(wanted, "none") == 0) {
    return without_mistakes();
  }
  for (size_t kind = 0; kind < sizeof kinds / sizeof *kinds; kind++) {
    for (int size = 0; size < 3; size++) {
      for (int elsewhere = 0; elsewhere < 2; elsewhere++) {
        char name[100];
        snprintf(name, sizeof name, "%s/%s/%s", kinds[kind].name, sizes[size].name,
                 elsewhere ? "other" : "same");
        if (strcmp(wanted, "--list") == 0) {
          printf("%s\t%s\t%s\n", name, kinds[kind].balanced[size], kinds[kind].hardened[size]);
        } else if (strcmp(wanted, name) == 0) {
          run(&kinds[kind], sizes[size].bytes, elsewhere);
          return unnoticed();
        }
      }
    }
  }
  return strcmp(wanted, "--list") == 0 ? 0 : 2;
}
