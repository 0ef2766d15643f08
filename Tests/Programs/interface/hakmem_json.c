/*
 * hakmem_statistics_json reports the length of the whole text, and cuts it to the capacity. The
 * text goes to stdout, where the test parses it.
 */
#include "interface.h"

int main(void) {
  if (!runs_on_hakmem()) {
    SKIP("hakmem_statistics_json");
    return 0;
  }
  enum { capacity = 1 << 16 };
  static char text[capacity], cut[capacity];
  __typeof__(&hakmem_statistics_json) write_json = AVAILABLE(hakmem_statistics_json);
  size_t length = write_json(text, capacity);
  CHECK_THAT(length > 2 && length < capacity, "length %zu", length);
  CHECK(strlen(text) == length);
  CHECK(write_json(NULL, 0) >= 2);
  memset(cut, 0x55, capacity);
  CHECK(write_json(cut, 10) >= 10);
  CHECK(cut[9] == '\0' && cut[10] == 0x55 && strlen(cut) == 9);
  CHECK(memcmp(cut, text, 9) == 0);
  memset(cut, 0x55, capacity);
  CHECK(write_json(cut, 1) >= 1);
  CHECK(cut[0] == '\0' && cut[1] == 0x55);
  CHECK(fwrite(text, 1, length, stdout) == length);
  return 0;
}
