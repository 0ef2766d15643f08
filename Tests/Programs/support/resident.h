/*
 * resident.h — what the kernel says of this process: resident memory, page faults, mappings.
 */
#ifndef RESIDENT_H
#define RESIDENT_H

#include "check.h"
#include <fcntl.h>
#include <linux/perf_event.h>
#include <sys/resource.h>
#include <sys/syscall.h>

/* What a line of /proc/self/smaps_rollup says, as "Rss": exact, unlike /proc/self/statm, whose counters
 * lag behind by some pages a processor. Allocates nothing. */
static inline size_t rollup_bytes(const char *name) {
  char text[4096], line[32];
  int file = open("/proc/self/smaps_rollup", O_RDONLY | O_CLOEXEC);
  CHECK(file >= 0);
  ssize_t length = read(file, text, sizeof text - 1);
  CHECK(length > 0);
  text[length] = 0;
  close(file);
  snprintf(line, sizeof line, "\n%s:", name);
  const char *found = strstr(text, line);
  CHECK(found != NULL);
  size_t kibibytes = 0;
  CHECK(sscanf(found + strlen(line), "%zu", &kibibytes) == 1);
  return kibibytes << 10;
}

/* Without the code, which comes and goes by many pages at a time as the kernel thinks best. */
static inline size_t resident_bytes(void) { return rollup_bytes("Anonymous"); }

/* The largest size since the process's exec; ru_maxrss has that of the parent in it. */
static inline size_t peak_resident_bytes(void) {
  char line[256];
  size_t kibibytes = 0;
  FILE *file = fopen("/proc/self/status", "r");
  CHECK(file != NULL);
  while (fgets(line, sizeof line, file) != NULL && sscanf(line, "VmHWM: %zu", &kibibytes) != 1) {
  }
  fclose(file);
  CHECK(kibibytes > 0);
  return kibibytes << 10;
}

/* From here on the process may map so many bytes more than it has. */
__attribute__((unused)) static void limit_address_space(size_t more) {
  size_t pages = 0;
  FILE *file = fopen("/proc/self/statm", "r");
  CHECK(file != NULL && fscanf(file, "%zu", &pages) == 1);
  fclose(file);
  struct rlimit limit = {pages * (size_t)sysconf(_SC_PAGESIZE) + more, RLIM_INFINITY};
  CHECK(setrlimit(RLIMIT_AS, &limit) == 0);
}

/* Pages that the process got so far, by a fault or by MADV_POPULATE_WRITE: Linux counts both here. */
static inline long pages_given(void) {
  struct rusage usage;
  CHECK(getrusage(RUSAGE_SELF, &usage) == 0);
  return usage.ru_minflt + usage.ru_majflt;
}

/* Page faults of the process so far, those that interrupted it alone; -1 where the kernel does not
 * let them be counted. */
static inline long page_faults(void) {
  static int counter = -2;
  if (counter == -2) {
    struct perf_event_attr event = {.type = PERF_TYPE_SOFTWARE,
                                    .size = sizeof event,
                                    .config = PERF_COUNT_SW_PAGE_FAULTS};
    counter = (int)syscall(SYS_perf_event_open, &event, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
  }
  long count = 0;
  return counter >= 0 && read(counter, &count, sizeof count) == sizeof count ? count : -1;
}

#endif
