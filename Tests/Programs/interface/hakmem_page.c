/*
 * HAKMEM_STATS_PAGE=1: the page is there with its figures while the process lives, a forked child has
 * one of its own, and both are gone at the end.
 */
#include "interface.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *path_of(pid_t pid) {
  static char path[100];
  snprintf(path, sizeof path, "/dev/shm/hakmem.%u.%d", (unsigned)geteuid(), (int)pid);
  return path;
}

static volatile hakmem_page_t *map_page(pid_t pid) {
  int file = open(path_of(pid), O_RDONLY);
  CHECK_THAT(file >= 0, "%s is not there", path_of(pid));
  struct stat status;
  CHECK(fstat(file, &status) == 0 && (status.st_mode & 0777) == 0600);
  void *page = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_SHARED, file, 0);
  CHECK(page != MAP_FAILED);
  close(file);
  return page;
}

static double now(void) {
  struct timespec time;
  clock_gettime(CLOCK_REALTIME, &time);
  return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void *blocks[5000], *held[3000];

/* More at once than a thread cache holds: slow calls. */
static void churn(void) {
  for (int i = 0; i < 5000; i++) {
    free(blocks[i]);
  }
  for (int i = 0; i < 5000; i++) {
    blocks[i] = malloc(500);
  }
}

/* Churns until the page was refreshed after this moment, twice: the first walk began before. */
static void work(volatile hakmem_page_t *page) {
  for (int round = 0; round < 2; round++) {
    double start = now();
    while ((double)page->refreshed / 1e9 <= start && now() < start + 20) {
      churn();
    }
    CHECK((double)page->refreshed / 1e9 > start);
  }
}

static void figures_are_there(void) {
  volatile hakmem_page_t *page = map_page(getpid());
  CHECK(memcmp((const char *)page->magic, "hakmem\n", 8) == 0);
  CHECK(page->format == HAKMEM_PAGE_FORMAT && page->pid == (uint32_t)getpid());
  for (int i = 0; i < 3000; i++) {
    held[i] = malloc(700);
    CHECK(held[i] != NULL);
  }
  work(page);
  CHECK(page->sequence % 2 == 0 && page->total.live_bytes >= 2800 * 700);
  int number = AVAILABLE(hakmem_size_class_of)(700);
  const hakmem_class_statistics_t *class =
      (const void *)((const char *)page + page->classes_offset +
                     (size_t)(number - 1) * page->class_stride);
  CHECK(class->block_size == AVAILABLE(hakmem_size_class_bytes)(number));
  CHECK_THAT(class->live_blocks >= 2800 && class->live_blocks <= 3100, "%zu live",
             class->live_blocks);
  CHECK(class->refilled_blocks >= 3000);
  uint64_t events = page->event_count;
  void *volatile block = malloc((size_t)1 << 60);
  CHECK(block == NULL && page->event_count > events);
}

static void children_have_their_own(void) {
  volatile hakmem_page_t *parents = map_page(getpid());
  uint64_t events = parents->event_count;
  pid_t child = fork();
  CHECK(child >= 0);
  if (child == 0) {
    double start = now();
    while (access(path_of(getpid()), F_OK) != 0 && now() < start + 20) {
      churn();
    }
    volatile hakmem_page_t *own = map_page(getpid());
    CHECK(own->pid == (uint32_t)getpid());
    void *volatile block = malloc((size_t)1 << 60);
    CHECK(block == NULL && own->event_count > 0);
    exit(0);
  }
  int status;
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  CHECK(access(path_of(child), F_OK) != 0);
  CHECK(parents->pid == (uint32_t)getpid() && parents->event_count == events);
}

int main(void) {
  if (!runs_on_hakmem()) {
    SKIP("HAKMEM_STATS_PAGE");
    return 0;
  }
  figures_are_there();
  children_have_their_own();
  return 0;
}
