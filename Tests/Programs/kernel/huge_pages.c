/*
 * What the kernel was told of huge pages, from /proc/self/smaps: the flags of the first SuperSlab's, of a
 * later one's and of a large region's mapping, and the first one's page size.
 *
 *   huge_pages FIRST LATER LARGE PAGE_KIB     flags that must be there ("hg", "nh"), or "-" for neither
 */
#include "resident.h"

static bool has_flag(const char *flags, const char *flag) { return strstr(flags, flag) != NULL; }

/* The flags of the mapping around `address`, and its page size in KiB. */
static long describe(const void *address, char *flags, size_t capacity) {
  char line[512];
  bool is_inside = false;
  long page = 0;
  FILE *file = fopen("/proc/self/smaps", "r");
  CHECK(file != NULL);
  while (fgets(line, sizeof line, file) != NULL) {
    uintptr_t start, end;
    if (sscanf(line, "%lx-%lx ", &start, &end) == 2) {
      is_inside = (uintptr_t)address >= start && (uintptr_t)address < end;
    } else if (is_inside && strncmp(line, "KernelPageSize:", 15) == 0) {
      page = atol(line + 15);
    } else if (is_inside && strncmp(line, "VmFlags:", 8) == 0) {
      snprintf(flags, capacity, "%s", line);
    }
  }
  fclose(file);
  CHECK(page > 0);
  return page;
}

static void expect(const char *what, const void *address, const char *wanted, long page) {
  char flags[256] = "";
  long found = describe(address, flags, sizeof flags);
  bool huge = has_flag(flags, " hg"), none = has_flag(flags, " nh");
  CHECK_THAT(huge == (strcmp(wanted, "hg") == 0) && none == (strcmp(wanted, "nh") == 0),
             "%s: %s", what, flags);
  CHECK_THAT(page == 0 || found == page, "%s: pages of %ld KiB", what, found);
}

int main(int count, char **arguments) {
  CHECK(count == 5);
  static char *blocks[20000];
  char *first = malloc(100), *large = malloc(40 << 20);
  CHECK(first != NULL && large != NULL);
  memset(first, 1, 100);
  memset(large, 1, 1 << 20);
  expect("first", first, arguments[1], atol(arguments[4]));
  for (int i = 0; i < 2000; i++) {
    blocks[i] = malloc(2000);
    CHECK(blocks[i] != NULL);
  }
  expect("later", blocks[1999], arguments[2], 0);
  expect("large", large, arguments[3], 0);
  for (int i = 0; i < 2000; i++) {
    free(blocks[i]);
  }
  /* The heap works on: every SuperSlab of it. */
  for (int round = 0; round < 2; round++) {
    for (int i = 0; i < 20000; i++) {
      blocks[i] = malloc(2000);
      CHECK(blocks[i] != NULL);
      memset(blocks[i], i, 2000);
    }
    for (int i = 0; i < 20000; i++) {
      CHECK(holds(blocks[i], 2000, (unsigned char)i));
      free(blocks[i]);
    }
    malloc_trim(0);
    for (size_t size = 5000; size < 1 << 20; size = size * 3 / 2) {
      char *zero = calloc(1, size);
      CHECK_THAT(zero != NULL && holds(zero, size, 0), "calloc(1, %zu)", size);
      memset(zero, 1, size);
      free(zero);
    }
  }
  return 0;
}
