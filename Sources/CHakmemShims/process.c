/* Thread-local storage, static storage and what is needed of libc.
 * SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "hakmem_shims.h"

#include <elf.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <time.h>
#include <ucontext.h>

/* A thread-cache header whose bins are empty and full at once: malloc finds 0 below bin 0's top,
 * free finds every top at its limit. The layout is ThreadCacheHeader's in Swift. */
enum { class_of_bytes = 2056, bin_words = 2 * hakmem_size_classes };
struct closed_header {
  const uintptr_t *bins[bin_words];
  uint8_t class_of[class_of_bytes];
  uintptr_t kind;
  uintptr_t checked_cache;
  uintptr_t sampled_cache;
};
static const uintptr_t nothing[2];
static const struct closed_header initial_header = {
    .bins = {nothing + 1, nothing + 1}, .kind = 1};
static const struct closed_header exited_header = {
    .bins = {nothing + 1, nothing + 1}, .kind = 2};

_Alignas(16) __thread struct hakmem_thread_headers hakmem_thread_headers = {
    (uintptr_t)&initial_header, (uintptr_t)&initial_header};
__thread uint32_t hakmem_thread_calls;
__thread uint32_t hakmem_thread_forks;

uintptr_t hakmem_initial_cache_header(void) { return (uintptr_t)&initial_header; }
uintptr_t hakmem_exited_cache_header(void) { return (uintptr_t)&exited_header; }

/* Until the map exists every pointer has class 0. */
static const uint16_t no_class[1];
struct hakmem_class_map hakmem_class_map = {no_class, 0};

struct hakmem_storage hakmem_storage;

static uintptr_t view_storage[3];
void *hakmem_view_storage(void) { return view_storage; }

extern const char __ehdr_start __attribute__((visibility("hidden")));
uintptr_t hakmem_load_address(void) { return (uintptr_t)&__ehdr_start; }

extern char **environ;
const char *const *hakmem_environment(void) { return (const char *const *)environ; }

unsigned long hakmem_auxiliary_value(unsigned long type) { return getauxval(type); }
void hakmem_set_errno(int value) { errno = value; }

uint64_t hakmem_monotonic_nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t hakmem_calendar_nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_REALTIME_COARSE, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t hakmem_exact_nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

hakmem_profile_control_t hakmem_profile_control;

extern void *const __libc_stack_end __attribute__((weak));
uintptr_t hakmem_main_stack_end(void) {
  return &__libc_stack_end ? (uintptr_t)__libc_stack_end & ~(uintptr_t)7 : 0;
}

void hakmem_code_range(uintptr_t *start, uintptr_t *end) {
  uintptr_t base = hakmem_load_address();
  const Elf64_Ehdr *header = (const Elf64_Ehdr *)base;
  const Elf64_Phdr *segment = (const Elf64_Phdr *)(base + header->e_phoff);
  for (int index = 0; index < header->e_phnum; index++, segment++) {
    if (segment->p_type != PT_LOAD || !(segment->p_flags & PF_X)) continue;
    *start = base + segment->p_vaddr;
    *end = *start + segment->p_memsz;
  }
}

void hakmem_abort(void) { abort(); }
void hakmem_flush_standard_output(void) {
  if (ftrylockfile(stdout) != 0) return;
  fflush(stdout);
  funlockfile(stdout);
}
void hakmem_file_write(void *stream, const char *text) { fputs(text, stream); }

/* In Swift: parks the cache of the thread that ends. */
void hakmem_thread_exit(void);

static pthread_key_t thread_exit_key;
static int thread_exit_key_exists;

static void on_thread_exit(void *cache) {
  (void)cache;
  hakmem_thread_exit();
}

/* A pthread key's destructor runs after the destructors of thread-local objects. */
void hakmem_create_thread_exit_key(void) {
  thread_exit_key_exists = pthread_key_create(&thread_exit_key, on_thread_exit) == 0;
}

int hakmem_register_thread_exit(uintptr_t cache) {
  return thread_exit_key_exists ? pthread_setspecific(thread_exit_key, (void *)cache) : -1;
}

/* In Swift: says what lies at an address that faulted, if it is a guard's. */
void hakmem_report_fault(uintptr_t address, uintptr_t program_counter, uintptr_t frame_pointer);

/* The program's own action, and the last fault that was passed on to it. */
static struct sigaction next_action;
static struct {
  uintptr_t address, program_counter, stack;
} last_fault;

/* Whether the program's handler has called this one, which it found when it was set. */
static int is_nested(uintptr_t address, uintptr_t program_counter, uintptr_t stack) {
  const uintptr_t deepest_handler = 65536;
  return address == last_fault.address && program_counter == last_fault.program_counter &&
         stack < last_fault.stack && last_fault.stack - stack < deepest_handler;
}

static void on_fault(int number, siginfo_t *info, void *context) {
  int error = errno;
  const mcontext_t *machine = &((const ucontext_t *)context)->uc_mcontext;
#if defined(__aarch64__)
  uintptr_t program_counter = machine->pc, frame_pointer = machine->regs[29];
#else
  uintptr_t program_counter = (uintptr_t)machine->gregs[REG_RIP];
  uintptr_t frame_pointer = (uintptr_t)machine->gregs[REG_RBP];
#endif
  uintptr_t address = (uintptr_t)info->si_addr, stack = hakmem_stack_address();
  int nested = is_nested(address, program_counter, stack);
  if (!nested) {
    last_fault.address = address;
    last_fault.program_counter = program_counter;
    last_fault.stack = stack;
    hakmem_report_fault(address, program_counter, frame_pointer);
  }
  errno = error;
  if (!nested && next_action.sa_flags & SA_SIGINFO) {
    next_action.sa_sigaction(number, info, context);
  } else if (!nested && next_action.sa_handler != SIG_DFL && next_action.sa_handler != SIG_IGN) {
    next_action.sa_handler(number);
  } else {
    /* The instruction faults once more, and the default ends the process; a signal that was sent
     * is sent again. */
    signal(number, SIG_DFL);
    if (info->si_code <= 0) raise(number);
  }
}

void hakmem_watch_faults(void) {
  struct sigaction present;
  if (sigaction(SIGSEGV, NULL, &present) != 0) return;
  if (present.sa_flags & SA_SIGINFO && present.sa_sigaction == on_fault) return;
  next_action = present;
  /* The program's own choice of stack and mask stays. */
  struct sigaction action = present;
  action.sa_sigaction = on_fault;
  action.sa_flags |= SA_SIGINFO;
  if (present.sa_handler == SIG_DFL) action.sa_flags |= SA_ONSTACK;
  sigaction(SIGSEGV, &action, NULL);
}
