/*
 * Frees or resizes what lies at an address, whatever it is:
 *
 *   free_address free|free_sized|realloc ADDRESS [LIMIT]
 *
 * ADDRESS may be negative, or `stack` or `code`; LIMIT is an RLIMIT_AS that the program begins with.
 */
#include <sys/resource.h>
#include <unistd.h>

#include "interface.h"
#include "misuse.h"

int main(int count, char **arguments) {
  CHECK(count == 3 || count == 4);
  if (count == 4) {
    rlim_t bytes = strtoull(arguments[3], NULL, 0);
    struct rlimit limit = {bytes, bytes};
    CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
    execl("/proc/self/exe", arguments[0], arguments[1], arguments[2], (char *)NULL);
    CHECK(0);
  }
  const char *name = arguments[2];
  void *address = strcmp(name, "stack") == 0  ? (void *)&count
                  : strcmp(name, "code") == 0 ? (void *)(uintptr_t)main
                                              : (void *)(uintptr_t)strtoull(name, NULL, 0);
  /* The process has a heap. */
  for (int block = 0; block < 100; block++) free(opaque(malloc(100)));
  if (strcmp(arguments[1], "free") == 0) {
    free(opaque(address));
  } else if (strcmp(arguments[1], "free_sized") == 0) {
    AVAILABLE(free_sized)(opaque(address), 100);
  } else {
    CHECK(realloc(opaque(address), 200) != address);
  }
  return unnoticed();
}
