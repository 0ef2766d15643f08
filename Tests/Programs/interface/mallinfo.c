/*
 * mallinfo and mallinfo2 describe the heap that serves the program, not an empty one.
 */
#include "check.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

enum { count = 5000, size = 2000 };
static void *blocks[count];

int main(void) {
  void *first = malloc(1);
  struct mallinfo2 before = mallinfo2();
  for (int i = 0; i < count; i++) {
    blocks[i] = malloc(size);
    CHECK(blocks[i] != NULL);
    memset(blocks[i], 1, size);
  }
  void *large = malloc((size_t)64 << 20);
  void *medium = malloc(600001);
  CHECK(large != NULL && medium != NULL);
  struct mallinfo2 full = mallinfo2();
  size_t used_before = before.uordblks + before.hblkhd, used = full.uordblks + full.hblkhd;
  size_t expected = (size_t)count * size + ((size_t)64 << 20);
  CHECK_THAT(used >= used_before + expected, "used %zu, before %zu", used, used_before);
  CHECK_THAT(used <= used_before + expected * 3 / 2, "used %zu, before %zu", used, used_before);
  CHECK(full.arena + full.hblkhd >= expected);
  CHECK_THAT(full.hblks == before.hblks + 2, "%zu blocks with pages of their own", full.hblks);
  CHECK(full.hblkhd >= before.hblkhd + ((size_t)64 << 20) + 600001);

  struct mallinfo narrow = mallinfo();
  CHECK((size_t)narrow.uordblks + (size_t)narrow.hblkhd >= expected);

  free(large);
  free(medium);
  for (int i = 0; i < count; i += 2) {
    free(blocks[i]);
  }
  struct mallinfo2 half = mallinfo2();
  CHECK_THAT(half.ordblks >= count / 2, "%zu free blocks", half.ordblks);
  CHECK_THAT(half.fordblks >= count / 2 * size, "%zu bytes in them", half.fordblks);
  narrow = mallinfo();
  CHECK_THAT(narrow.ordblks >= count / 2, "%d free blocks", narrow.ordblks);
  CHECK(narrow.fordblks >= count / 2 * size);
  for (int i = 1; i < count; i += 2) {
    free(blocks[i]);
  }
  struct mallinfo2 after = mallinfo2();
  CHECK_THAT(after.uordblks + after.hblkhd <= used_before + 65536, "used %zu, before %zu",
             after.uordblks + after.hblkhd, used_before);
  free(first);
  return 0;
}
