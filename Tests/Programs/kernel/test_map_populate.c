/*
 * test_map_populate: what a mapping's pages cost when it is populated as it is made, when it is
 * populated and then trimmed to an aligned part, and when what is left is populated again; and that
 * a SuperSlab that was made ready costs nothing more. Faults of the first touch are counted each.
 */
#include "interface.h"
#include "resident.h"
#include <sys/mman.h>

enum { region = 2 << 20, pages = region / 4096 };

/* The pages that the kernel has to give when a region is written. */
static long cost_of_touching(char *start) {
  long before = pages_given();
  touch(start, region);
  return pages_given() - before;
}

static char *map(size_t bytes, int flags) {
  char *start = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | flags, -1, 0);
  CHECK(start != MAP_FAILED);
  CHECK(madvise(start, bytes, MADV_NOHUGEPAGE) == 0 || errno == EINVAL);
  return start;
}

/* Twice the bytes, of which the aligned middle stays. */
static char *map_and_trim(int flags) {
  char *raw = map(2 * region, flags);
  char *start = (char *)(((uintptr_t)raw + region - 1) & ~(uintptr_t)(region - 1));
  CHECK(start == raw || munmap(raw, (size_t)(start - raw)) == 0);
  char *end = raw + 2 * region;
  CHECK(start + region == end || munmap(start + region, (size_t)(end - start - region)) == 0);
  return start;
}

static void superslabs_have_their_pages(bool populated) {
  enum { count = region / 2 / 1024 };
  static char *blocks[count];
  CHECK(AVAILABLE(hak_ss_prewarm_class)(AVAILABLE(hakmem_size_class_of)(1024), 1) == 1);
  memset(blocks, 0, sizeof blocks);
  free(malloc(1024));
  long pages_before = pages_given(), faults_before = page_faults();
  for (int i = 0; i < count; i++) {
    blocks[i] = malloc(1024);
    CHECK(blocks[i] != NULL);
    blocks[i][0] = blocks[i][1023] = 1;
  }
  long given = pages_given() - pages_before, faults = page_faults() - faults_before;
  printf("SuperSlab made ready: %ld pages, %ld faults\n", given, faults);
  if (populated) {
    CHECK_THAT(given < 16, "%ld pages were missing", given);
  } else {
    CHECK_THAT(given > pages / 2 - 8, "%ld pages only were missing", given);
  }
}

int main(void) {
  long plain = cost_of_touching(map(region, 0));
  long populated = cost_of_touching(map(region, MAP_POPULATE));
  char *trimmed_region = map_and_trim(MAP_POPULATE);
  long trimmed = cost_of_touching(trimmed_region);
  char *repaired_region = map_and_trim(0);
  CHECK(madvise(repaired_region, region, MADV_POPULATE_WRITE) == 0 || errno == EINVAL);
  long repaired = cost_of_touching(repaired_region);
  printf("plain: %ld, populated: %ld, populated then trimmed: %ld, repaired after trim: %ld\n", plain,
         populated, trimmed, repaired);
  CHECK(plain >= pages && populated == 0 && trimmed <= pages);
  CHECK_THAT(repaired == 0 || errno == EINVAL, "%ld pages missing after the repair", repaired);
  if (runs_on_hakmem()) {
    const char *prefault = getenv("HAKMEM_SS_PREFAULT");
    superslabs_have_their_pages(prefault == NULL || strcmp(prefault, "0") != 0);
  }
  return 0;
}
