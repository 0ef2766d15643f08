/*
 * resident.h — what the kernel says of this process: resident memory, page faults, mappings.
 */
#ifndef RESIDENT_H
#define RESIDENT_H

#include "check.h"
#include <fcntl.h>
#include <sys/resource.h>

/* Exact, unlike /proc/self/statm, whose counters lag behind by some pages a processor. Allocates
 * nothing. */
static inline size_t resident_bytes(void) {
  size_t kibibytes = 0;
  char text[4096];
  int file = open("/proc/self/smaps_rollup", O_RDONLY | O_CLOEXEC);
  CHECK(file >= 0);
  ssize_t length = read(file, text, sizeof text - 1);
  CHECK(length > 0);
  text[length] = 0;
  close(file);
  const char *line = strstr(text, "\nRss:");
  CHECK(line != NULL && sscanf(line, " Rss: %zu", &kibibytes) == 1);
  return kibibytes << 10;
}

/* Page faults of the process so far, minor and major. */
static inline long page_faults(void) {
  struct rusage usage;
  CHECK(getrusage(RUSAGE_SELF, &usage) == 0);
  return usage.ru_minflt + usage.ru_majflt;
}

#endif
