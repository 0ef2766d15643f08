/*
 * The callback of the limits, under HAKMEM_LIMIT=soft:48M,hard:64M: at the soft limit it is told
 * after all that was free went back; at the hard limit what it frees serves the request. It may
 * allocate and free, and is not called while it runs.
 */
#include "interface.h"
#include "resident.h"
#include "threads.h"

enum { mebibyte = 1 << 20, soft = 48 * mebibyte, hard = 64 * mebibyte };

/* Volatile: the compiler takes malloc for a function that changes nothing. */
static volatile size_t told[3];
static volatile size_t free_when_told;
static int depth;
static void *volatile reserve;

static hakmem_statistics_t statistics(void) {
  hakmem_statistics_t result = {0};
  AVAILABLE(hakmem_statistics)(&result, sizeof result);
  return result;
}

static void on_limit(hakmem_limit_event_t event, size_t used, size_t limit, void *argument) {
  CHECK(argument == told && ++depth == 1);
  CHECK(event == HAKMEM_LIMIT_SOFT || event == HAKMEM_LIMIT_HARD);
  CHECK(limit == (event == HAKMEM_LIMIT_SOFT ? soft : hard) && used <= hard);
  CHECK(event == HAKMEM_LIMIT_HARD || used > soft);
  told[event]++;
  free_when_told = statistics().page_free_bytes;
  use_the_heap(3);
  CHECK(event == HAKMEM_LIMIT_SOFT || malloc(hard) == NULL);
  if (event == HAKMEM_LIMIT_HARD) {
    free(reserve);
    reserve = NULL;
  }
  depth--;
}

/* Blocks of a page run each; all but one in 16 are freed, so that no SuperSlab becomes empty. */
static void leave_free_pages(char **kept, int count) {
  static char *runs[16 * 40];
  for (int i = 0; i < 16 * count; i++) {
    runs[i] = malloc(60000);
    CHECK(runs[i] != NULL);
    memset(runs[i], 1, 60000);
  }
  for (int i = 0; i < 16 * count; i++) {
    if (i % 16 == 0) {
      kept[i / 16] = runs[i];
    } else {
      free(runs[i]);
    }
  }
}

int main(void) {
  if (!runs_on_hakmem()) {
    SKIP("hakmem_set_limit_callback");
    return 0;
  }
  CHECK(statistics().soft_limit_bytes == soft && statistics().hard_limit_bytes == hard);
  AVAILABLE(hakmem_set_limit_callback)(on_limit, (void *)told);

  enum { kept_count = 30 };
  char *kept[kept_count];
  leave_free_pages(kept, kept_count);
  CHECK(told[HAKMEM_LIMIT_SOFT] == 0);

  char *large = malloc(20 * mebibyte);
  CHECK(large != NULL);
  CHECK(told[HAKMEM_LIMIT_SOFT] == 1 && told[HAKMEM_LIMIT_HARD] == 0);
  CHECK_THAT(free_when_told < mebibyte, "%zu bytes were free when told", free_when_told);
  size_t after = resident_bytes();
  CHECK_THAT(after < 12 * mebibyte, "%zu bytes resident", after);

  /* A little more does not call again; a sixteenth of the limit does. */
  void *little = malloc(2 * mebibyte);
  CHECK(little != NULL && told[HAKMEM_LIMIT_SOFT] == 1);
  free(large);
  free(little);
  for (int i = 0; i < kept_count; i++) {
    CHECK(holds(kept[i], 60000, 1));
    free(kept[i]);
  }

  size_t soft_before = told[HAKMEM_LIMIT_SOFT];
  reserve = malloc(18 * mebibyte);
  void *most = malloc(22 * mebibyte);
  CHECK(reserve != NULL && most != NULL && told[HAKMEM_LIMIT_SOFT] == soft_before);
  void *more = malloc(24 * mebibyte);
  CHECK(more != NULL);
  CHECK(reserve == NULL && told[HAKMEM_LIMIT_HARD] == 1);
  errno = 0;
  CHECK(malloc(30 * mebibyte) == NULL && errno == ENOMEM && told[HAKMEM_LIMIT_HARD] == 2);

  AVAILABLE(hakmem_set_limit_callback)(NULL, NULL);
  CHECK(malloc(30 * mebibyte) == NULL && told[HAKMEM_LIMIT_HARD] == 2);
  free(more);
  free(most);
  free(malloc(30 * mebibyte));
  return 0;
}
