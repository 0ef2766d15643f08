/*
 * malloc_trim: returns free memory to the kernel and says whether it did; the heap works on.
 */
#include "check.h"

enum { count = 60000, size = 1000 };
static unsigned char *blocks[count];

static size_t resident_bytes(void) {
  size_t total = 0, resident = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  CHECK(file != NULL);
  CHECK(fscanf(file, "%zu %zu", &total, &resident) == 2);
  fclose(file);
  return resident * (size_t)sysconf(_SC_PAGESIZE);
}

static void allocate_all(void) {
  for (int i = 0; i < count; i++) {
    blocks[i] = malloc(size);
    CHECK(blocks[i] != NULL);
    memset(blocks[i], i & 0xFF, size);
  }
}

static void free_all_but_one_in(int kept) {
  for (int i = 0; i < count; i++) {
    if (i % kept != 0) {
      free(blocks[i]);
    }
  }
}

int main(void) {
  void *guard = malloc(10);
  allocate_all();
  size_t full = resident_bytes();
  free_all_but_one_in(count / 4);
  int released = malloc_trim(0);
  size_t trimmed = resident_bytes();
  CHECK_THAT(released == 0 || released == 1, "returned %d", released);
  if (runs_on_hakmem()) {
    CHECK_THAT(full - trimmed > (size_t)count * size * 8 / 10, "%zu of %zu bytes left resident",
               trimmed, full);
  }
  for (int i = 0; i < count; i += count / 4) {
    CHECK(holds(blocks[i], size, (unsigned char)(i & 0xFF)));
    free(blocks[i]);
  }
  for (size_t pad = 0; pad <= ((size_t)1 << 30); pad = pad * 2 + 4096) {
    released = malloc_trim(pad);
    CHECK(released == 0 || released == 1);
  }
  CHECK(malloc_trim(SIZE_MAX) == 0 || !runs_on_hakmem());

  allocate_all();
  for (int i = 0; i < count; i++) {
    CHECK(holds(blocks[i], size, (unsigned char)(i & 0xFF)));
    free(blocks[i]);
  }
  free(guard);
  return 0;
}
