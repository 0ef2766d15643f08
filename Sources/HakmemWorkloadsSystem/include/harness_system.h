/*
 * harness_system.h — what the workload programs need from the system and Swift cannot reach:
 * variadic system calls, compiler barriers, the time-stamp counter, wait-status macros.
 *
 * Nothing here allocates with malloc.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HARNESS_SYSTEM_H
#define HARNESS_SYSTEM_H

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <x86intrin.h>
#endif

/* ---- Compiler and processor ---------------------------------------------------------------- */

/* Makes the compiler believe that `pointer` and what it points to are read and written here, so
 * that it neither removes a malloc/free pair nor stores into a block that is freed. No code. */
static inline void harness_escape(const void *pointer) {
  __asm__ volatile("" : : "r"(pointer) : "memory");
}

/* The hint of a busy-waiting loop. */
static inline void harness_pause(void) {
#if defined(__x86_64__)
  __asm__ volatile("pause");
#elif defined(__aarch64__)
  __asm__ volatile("yield");
#endif
}

/* ---- Time ---------------------------------------------------------------------------------- */

/* Nanoseconds of CLOCK_MONOTONIC. */
static inline uint64_t harness_now(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* A counter that advances at a constant rate: the time-stamp counter, or nanoseconds. */
static inline uint64_t harness_ticks(void) {
#if defined(__x86_64__)
  return __rdtsc();
#else
  return harness_now();
#endif
}

/* Sleeps for that many nanoseconds, signals notwithstanding. */
void harness_sleep(uint64_t nanoseconds);

/* ---- Process ------------------------------------------------------------------------------- */

/* The arguments and the environment that the process was started with. */
int harness_argument_count(void);
char *const *harness_arguments(void);
char *const *harness_environment(void);

/* The errno of the calling thread. */
int harness_error(void);

/* Path of the object that serves malloc, or NULL when that cannot be found out. */
const char *harness_allocator_path(void);

/* Directory of the system's shared libraries, as Debian lays them out. */
const char *harness_library_directory(void);

/* Address of a symbol that the allocator may export, or NULL. */
void *harness_symbol(const char *name);

/* A buffer for reading files, which one thread at a time may use. (Swift's temporary buffers above
 * 1 KiB come from malloc.) */
#define HARNESS_SCRATCH_SIZE 4096
char *harness_scratch(void);

/* Opens a file for reading; -1 on failure. */
int harness_open(const char *path);

/* Opens a file for writing, empty; -1 on failure. */
int harness_create(const char *path);

/* Maps a whole file for reading. NULL with errno set on failure, also for an empty file. */
const void *harness_map_file(const char *path, size_t *size);

/* Zero pages, present when `populate` is true, mapped with NORESERVE. NULL on failure. */
void *harness_map(size_t size, bool populate);

/* How a child ended: the exit status, or 128 + the signal's number. */
typedef struct harness_child {
  int error;  /* errno when it could not be started or waited for, else 0 */
  int status;
} harness_child_t;

/* fork(). In the child, `child_main(context)` runs and its result is the exit status. A child that
 * takes longer than 30 s, as in a deadlock, dies of SIGALRM. */
harness_child_t harness_fork_and_wait(int (*child_main)(void *), void *context);

/* Runs `path` with `arguments` (NULL-terminated), the environment unchanged. */
harness_child_t harness_spawn_and_wait(const char *path, char *const *arguments);

/* Runs `path` with `preload` as the only preloaded library (NULL: none) and collects at most
 * `capacity` bytes of its stdout; `*length` says how many. */
harness_child_t harness_capture(const char *path, char *const *arguments, const char *preload,
                                char *output, size_t capacity, size_t *length);

/* Calls `visit(context, name)` for every directory entry. False when it cannot be opened. */
bool harness_visit_directory(const char *path, void (*visit)(void *, const char *),
                             void *context);

/* ---- Threads ------------------------------------------------------------------------------- */

/* Starts a thread with a stack of `stack_size` bytes; 0 or an errno value. */
int harness_thread_start(pthread_t *thread, size_t stack_size, void *(*entry)(void *),
                         void *context);
int harness_thread_join(pthread_t thread);

/* Sleeps while *word == expected; wakes every sleeper. */
void harness_futex_wait(const void *word, uint32_t expected);
void harness_futex_wake_all(const void *word);

/* ---- Resource use -------------------------------------------------------------------------- */

/* getrusage of the process and of the children it waited for, added up. */
typedef struct harness_resources {
  int64_t minor_faults;
  int64_t major_faults;
  int64_t voluntary_switches;
  int64_t involuntary_switches;
  int64_t user_microseconds;
  int64_t system_microseconds;
} harness_resources_t;
harness_resources_t harness_resources(void);

/* Hardware counters by perf_event_open: the calling thread and the threads and processes that it
 * starts later. Opened stopped; -1 where the machine or the permissions lack it. */
enum harness_counter {
  HARNESS_CYCLES,
  HARNESS_INSTRUCTIONS,
  HARNESS_BRANCH_MISSES,
  HARNESS_L1D_MISSES,
  HARNESS_CACHE_MISSES,
  HARNESS_DTLB_MISSES,
};
int harness_counter_open(int counter, bool exclude_kernel);
void harness_counter_start(int descriptor);
void harness_counter_stop(int descriptor);

/* The count, scaled up when the counter shared its hardware; -1 when it never ran. */
int64_t harness_counter_read(int descriptor);

#endif
