/*
 * The allocation functions under HAKMEM's own names: the same heap, the same errors.
 */
#include "interface.h"

static __typeof__(&hakmem_malloc) allocate;
static __typeof__(&hakmem_free) release;

static void own_and_standard_names_share_a_heap(void) {
  for (size_t size = 0; size <= ((size_t)4 << 20); size = size * 2 + 7) {
    void *own = allocate(size);
    CHECK(own != NULL && is_aligned(own, 16));
    CHECK(AVAILABLE(hakmem_malloc_usable_size)(own) >= size);
    CHECK(malloc_usable_size(own) >= size);
    touch(own, size);
    free(own);
    void *standard = malloc(size);
    CHECK(standard != NULL);
    CHECK(AVAILABLE(hakmem_malloc_usable_size)(standard) >= size);
    release(standard);
  }
  release(NULL);
}

static void zeroed_and_resized(void) {
  unsigned char *block = AVAILABLE(hakmem_calloc)(100, 10);
  CHECK(block != NULL && holds(block, 1000, 0));
  memset(block, 5, 1000);
  block = AVAILABLE(hakmem_realloc)(block, 100000);
  CHECK(block != NULL && holds(block, 1000, 5));
  block = AVAILABLE(hakmem_reallocarray)(block, 1000, 3000);
  CHECK(block != NULL && holds(block, 1000, 5));
  block = AVAILABLE(hakmem_reallocf)(block, 500);
  CHECK(block != NULL && holds(block, 500, 5));
  AVAILABLE(hakmem_free_sized)(block, 500);
  errno = 0;
  CHECK(AVAILABLE(hakmem_calloc)(opaque_size(SIZE_MAX), 2) == NULL && errno == ENOMEM);
  CHECK(AVAILABLE(hakmem_reallocf)(allocate(10), opaque_size(SIZE_MAX)) == NULL);
}

static void aligned(void) {
  for (size_t alignment = 16; alignment <= ((size_t)1 << 30); alignment *= 2) {
    void *block = AVAILABLE(hakmem_aligned_alloc)(alignment, 1000);
    CHECK(block != NULL && is_aligned(block, alignment));
    AVAILABLE(hakmem_free_aligned_sized)(block, alignment, 1000);
    block = AVAILABLE(hakmem_memalign)(alignment, 1000);
    CHECK(block != NULL && is_aligned(block, alignment));
    release(block);
    CHECK(AVAILABLE(hakmem_posix_memalign)(&block, alignment, 1000) == 0);
    CHECK(is_aligned(block, alignment));
    release(block);
  }
  void *block = NULL;
  CHECK(AVAILABLE(hakmem_posix_memalign)(&block, 24, 1000) == EINVAL && block == NULL);
  errno = 0;
  CHECK(AVAILABLE(hakmem_aligned_alloc)(24, 1000) == NULL && errno == EINVAL);
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  block = AVAILABLE(hakmem_valloc)(10);
  CHECK(block != NULL && is_aligned(block, page));
  release(block);
  block = AVAILABLE(hakmem_pvalloc)(10);
  CHECK(block != NULL && is_aligned(block, page) && malloc_usable_size(block) >= page);
  release(block);
}

static void version_has_three_numbers(void) {
  int major = -1, minor = -1, patch = -1, end = 0;
  const char *version = AVAILABLE(hakmem_version)();
  CHECK(version != NULL);
  CHECK(sscanf(version, "%d.%d.%d%n", &major, &minor, &patch, &end) == 3);
  CHECK(major >= 0 && minor >= 0 && patch >= 0 && version[end] == '\0');
}

int main(void) {
  if (!runs_on_hakmem()) {
    SKIP("hakmem_malloc and family");
    return 0;
  }
  allocate = AVAILABLE(hakmem_malloc);
  release = AVAILABLE(hakmem_free);
  own_and_standard_names_share_a_heap();
  zeroed_and_resized();
  aligned();
  version_has_three_numbers();
  return 0;
}
