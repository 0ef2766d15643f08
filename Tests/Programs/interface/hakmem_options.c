/*
 * Prints every option as hakmem_option describes it, one a line, fields separated by tabs: name,
 * value, source, default, range, help. Allocates and frees a little before.
 */
#include "interface.h"

int main(void) {
  free(malloc(100));
  if (!runs_on_hakmem()) {
    SKIP("hakmem_option");
    return 0;
  }
  hakmem_option_t option;
  int count = 0;
  while (AVAILABLE(hakmem_option)(count, &option)) {
    CHECK(strncmp(option.name, "HAKMEM_", 7) == 0);
    CHECK(option.help[0] != '\0' && strchr(option.help, '\n') == NULL);
    CHECK(strlen(option.value) < sizeof option.value);
    CHECK(strcmp(option.source, "default") == 0 || strcmp(option.source, "environment") == 0 ||
          strcmp(option.source, "mode") == 0);
    printf("%s\t%s\t%s\t%s\t%s\t%s\n", option.name, option.value, option.source,
           option.default_value, option.range, option.help);
    count++;
  }
  CHECK(count > 0);
  CHECK(!AVAILABLE(hakmem_option)(-1, &option));
  CHECK(!AVAILABLE(hakmem_option)(count + 1000, &option));
  return 0;
}
