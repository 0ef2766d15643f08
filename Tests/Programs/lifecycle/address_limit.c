/*
 * Under a limit of address space, allocation fails with NULL and ENOMEM, what was allocated stays
 * whole, and when it is freed the heap recovers.
 *
 *   address_limit BYTES       (0: the limit is set already; otherwise set here, heap in use)
 *   address_limit BYTES data  (a limit of writable memory, RLIMIT_DATA)
 */
#include "threads.h"
#include <sys/resource.h>

/* Another size may still find room; what fails must fail with ENOMEM. */
static void expect_block_or_enomem(void *block) {
  CHECK(block != NULL || errno == ENOMEM);
  free(block);
}

/* Fills memory with blocks of `size` until there is none; returns how many there were. */
static size_t exhaust(size_t size) {
  void **first = NULL;
  size_t count = 0;
  for (;; count++) {
    errno = 0;
    void **block = malloc(size);
    if (block == NULL) {
      break;
    }
    block[0] = first;
    block[1] = (void *)count;
    touch(block + 2, size - 2 * sizeof(void *));
    block[2] = (void *)~count;
    first = block;
  }
  CHECK_THAT(errno == ENOMEM, "size %zu: errno %d", size, errno);
  expect_block_or_enomem(calloc(2, size));
  expect_block_or_enomem(aligned_alloc(4096, size * 2));
  if (first != NULL) {
    CHECK(realloc(first, (size_t)1 << 30) == NULL && errno == ENOMEM);
  }
  for (size_t i = count; first != NULL;) {
    i--;
    CHECK(first[1] == (void *)i && first[2] == (void *)~i);
    void **next = first[0];
    free(first);
    first = next;
  }
  return count;
}

static void *use_once_more(void *unused) {
  use_the_heap(2);
  return unused;
}

int main(int count, char **arguments) {
  CHECK(count == 2 || (count == 3 && strcmp(arguments[2], "data") == 0));
  __rlimit_resource_t resource = count == 2 ? RLIMIT_AS : RLIMIT_DATA;
  size_t bytes = strtoull(arguments[1], NULL, 0);
  use_the_heap(1);
  struct rlimit limit;
  CHECK(getrlimit(resource, &limit) == 0);
  if (bytes != 0) {
    struct rlimit lower = {bytes, limit.rlim_max};
    CHECK(setrlimit(resource, &lower) == 0);
    limit.rlim_cur = bytes;
  }
  CHECK(limit.rlim_cur != RLIM_INFINITY);
  /* Every second round meets the memory that the one before left. */
  static const size_t sizes[] = {1 << 20, 1000, 5 << 20, 100, 40000, 8000, 1 << 20};
  size_t most_used = 0;
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    size_t used = exhaust(sizes[i]) * sizes[i];
    most_used = used > most_used ? used : most_used;
    use_the_heap((unsigned)i);
    CHECK_THAT(bytes != 0 || used * 2 > most_used, "%zu bytes in blocks of %zu, %zu before", used,
               sizes[i], most_used);
  }
  if (bytes == 0) {
    CHECK_THAT(most_used > limit.rlim_cur / 4, "only %zu of %zu bytes were given", most_used,
               (size_t)limit.rlim_cur);
  }
  struct rlimit higher = {limit.rlim_max, limit.rlim_max};
  CHECK(setrlimit(resource, &higher) == 0);
  void *large = malloc((size_t)1 << 30);
  CHECK(large != NULL);
  free(large);
  join(start(use_once_more, NULL));
  return 0;
}
