/*
 * A kernel that refuses memory: overcommit mode 2 at its limit, or a control group without room,
 * simulated by a filter of system calls; or a process near vm.max_map_count, for real. Allocation
 * fails with NULL and ENOMEM, the heap stays whole, and it serves again what is freed.
 *
 *   refused calls | refused mappings | refused data     (RLIMIT_DATA, which charges as mode 2 does)
 */
#include "threads.h"
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>

/* From here on the kernel gives no memory: mmap, mremap and mprotect fail with ENOMEM. */
static void refuse_calls(void) {
#define REFUSE(name) \
  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1), \
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOMEM)
  struct sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
      REFUSE(mmap),
      REFUSE(mremap),
      REFUSE(mprotect),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  struct sock_fprog program = {sizeof filter / sizeof filter[0], filter};
  CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
  CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

/* Uses up the mappings that the process may have: neighbours of different protection. */
static size_t use_up_mappings(void) {
  size_t count = 0;
  char *area = mmap(NULL, (size_t)1 << 30, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CHECK(area != MAP_FAILED);
  while (mprotect(area + (2 * count + 1) * 4096, 4096, PROT_READ) == 0) {
    count++;
    CHECK(count < ((size_t)1 << 30) / 8192 - 1);
  }
  CHECK(errno == ENOMEM);
  return count;
}

static void **fill(size_t size, size_t most, size_t *count) {
  void **first = NULL;
  for (*count = 0; *count < most; (*count)++) {
    errno = 0;
    void **block = malloc(size);
    if (block == NULL) {
      CHECK_THAT(errno == ENOMEM, "size %zu: errno %d", size, errno);
      break;
    }
    memset(block, (int)*count, size);
    block[0] = first;
    first = block;
  }
  return first;
}

static void empty(void **first, size_t size, size_t count) {
  while (first != NULL) {
    void **next = first[0];
    count--;
    CHECK(holds(first + 1, size - sizeof *first, (unsigned char)count));
    free(first);
    first = next;
  }
  CHECK(count == 0);
}

int main(int count, char **arguments) {
  CHECK(count == 2);
  bool calls = strcmp(arguments[1], "calls") == 0, data = strcmp(arguments[1], "data") == 0;
  size_t most_used = 0;
  use_the_heap(1);
  enum { kept_count = 4000, kept_size = 2000 };
  static void *kept[kept_count];
  for (int i = 0; i < kept_count; i++) {
    kept[i] = malloc(kept_size);
    CHECK(kept[i] != NULL);
    memset(kept[i], i, kept_size);
  }
  if (calls) {
    refuse_calls();
  } else if (data) {
    struct rlimit limit = {256 << 20, 256 << 20};
    CHECK(setrlimit(RLIMIT_DATA, &limit) == 0);
  } else {
    CHECK(use_up_mappings() > 1000);
  }

  static const size_t sizes[] = {100, 3000, 30000, 200000, 2 << 20, 100};
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
    size_t first = 0, second = 0;
    void **blocks = fill(sizes[i], (size_t)(data ? 512 << 20 : 64 << 20) / sizes[i], &first);
    empty(blocks, sizes[i], first);
    blocks = fill(sizes[i], first, &second);
    CHECK_THAT(second >= first - first / 8 || sizes[i] > 1 << 20, "%zu blocks of %zu, %zu before",
               second, sizes[i], first);
    empty(blocks, sizes[i], second);
    errno = 0;
    void *huge = malloc((size_t)1 << 50);
    CHECK(huge == NULL && errno == ENOMEM);
    if (data) {
      /* What one size left serves the others. */
      most_used = first * sizes[i] > most_used ? first * sizes[i] : most_used;
      CHECK_THAT(second * sizes[i] * 2 > most_used, "%zu bytes in blocks of %zu, %zu before",
                 second * sizes[i], sizes[i], most_used);
    }
    if (calls) {
      errno = 0;
      CHECK(malloc(8 << 20) == NULL && errno == ENOMEM);
      errno = 0;
      CHECK(calloc(1, 8 << 20) == NULL && errno == ENOMEM);
      CHECK(realloc(kept[0], 8 << 20) == NULL && holds(kept[0], kept_size, 0));
    }
  }
  for (int i = 0; i < kept_count; i++) {
    CHECK(holds(kept[i], kept_size, (unsigned char)i));
    free(kept[i]);
  }
  void *last = malloc(kept_size);
  CHECK(last != NULL);
  free(last);
  return 0;
}
