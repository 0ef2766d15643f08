/*
 * Kernel interfaces of the profiler: perf events and their rings, page tables, a program that waits
 * to be run.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HAKMEM_PROFILE_SYSTEM_H
#define HAKMEM_PROFILE_SYSTEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* What a perf event counts. */
typedef enum hakmem_tool_event {
  HAKMEM_EVENT_PAGE_FAULTS,
  HAKMEM_EVENT_CPU_CLOCK,
  HAKMEM_EVENT_CYCLES,
  HAKMEM_EVENT_INSTRUCTIONS,
  HAKMEM_EVENT_BRANCH_MISSES,
  HAKMEM_EVENT_L1D_MISSES,
  HAKMEM_EVENT_CACHE_MISSES,
  HAKMEM_EVENT_DTLB_MISSES,
} hakmem_tool_event;

typedef struct hakmem_tool_event_options {
  hakmem_tool_event event;
  bool is_sampled;      /* samples go to a ring; else it is only counted */
  uint64_t frequency;   /* samples a second; 0: one for each occurrence */
  bool on_exec;         /* begins when the process runs another program, else at once */
  bool without_kernel;  /* the program's own instructions only */
} hakmem_tool_event_options;

/* Opens an event of the thread `thread` and its descendants on one processor (-1: all, for events
 * that are only counted). Returns a descriptor, or -errno. Samples hold address, thread, time
 * (CLOCK_MONOTONIC), data address, call chain and the user's stack pointer. */
int hakmem_tool_event_open(const hakmem_tool_event_options *options, pid_t thread, int processor);

/* Maps the event's ring of 2^order pages. NULL with errno on failure. */
void *hakmem_tool_ring_map(int event, int order);
void hakmem_tool_ring_unmap(void *ring, int order);
/* Sends the samples of `event` to the ring of `other`, of the same processor. 0, or -errno. */
int hakmem_tool_ring_share(int event, int other);
/* Moves whole records out of the ring; returns their bytes, at most `capacity`, which must hold the
 * largest record (64 KiB). */
size_t hakmem_tool_ring_read(void *ring, int order, void *buffer, size_t capacity);
/* Ends the event's counting and sampling, its own and its descendants'. */
void hakmem_tool_event_stop(int event);
/* The event's count so far, its own and its descendants'; false when it was never scheduled. */
bool hakmem_tool_event_count(int event, uint64_t *count);

/* Makes a process that runs `path` once a byte is written to *gate; closing it instead ends the
 * process. Returns its number, or -errno. When the program cannot be run the process exits with
 * 126. */
pid_t hakmem_tool_prepare(const char *path, char *const arguments[], char *const environment[],
                          int *gate);

/* Copies memory of another process; false when any of it cannot be read (written). */
bool hakmem_tool_read_memory(pid_t process, uint64_t address, void *buffer, size_t count);
bool hakmem_tool_write_memory(pid_t process, uint64_t address, const void *buffer, size_t count);

/* Whether a huge page lies at the 2 MiB around an address: 1, 0, or -1 where the kernel (before 6.7)
 * does not say. `pagemap` is /proc/PID/pagemap. */
int hakmem_tool_is_huge(int pagemap, uint64_t address);

#endif
