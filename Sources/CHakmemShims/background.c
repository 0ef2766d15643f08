/* A thread of the library's own, made without libc: pthread_create may wait for locks of libc that
 * the calling thread holds, and would have the program's fork and exit handlers know the thread.
 * SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include <errno.h>
#include <sched.h>
#include <string.h>

#include "hakmem_shims.h"
#include "system_calls.h"

enum { stack_bytes = 65536, slack_bytes = 4096, page_bytes = 4096 };

static uintptr_t smaller(uintptr_t a, uintptr_t b) { return a < b ? a : b; }
static uintptr_t larger(uintptr_t a, uintptr_t b) { return a > b ? a : b; }

/* Around the calling thread's pointer, and so around every thread's: what the library and the few
 * functions of libc that it calls may touch. */
static void thread_local_bounds(uintptr_t *below, uintptr_t *above) {
  uintptr_t self = hakmem_thread_pointer();
  uintptr_t word = (uintptr_t)&hakmem_thread_headers, error = (uintptr_t)&errno;
  *below = self - smaller(self, smaller(word, error)) + slack_bytes;
  *above = larger(self, larger(word, error)) - self + slack_bytes;
}

static uintptr_t rounded(uintptr_t bytes) {
  return (bytes + page_bytes - 1) & ~(uintptr_t)(page_bytes - 1);
}

size_t hakmem_background_bytes(void) {
  uintptr_t below, above;
  thread_local_bounds(&below, &above);
  return stack_bytes + rounded(below) + rounded(above);
}

/* Calls `body`, which does not return, in the new thread. */
static long start_thread(unsigned long flags, uintptr_t stack, uintptr_t thread, void (*body)(void)) {
#if defined(__x86_64__)
  register uintptr_t r8 __asm__("r8") = thread;
  register void (*r9)(void) __asm__("r9") = body;
  register long r10 __asm__("r10") = 0;
  long result;
  __asm__ volatile("syscall\n\t"
                   "test %%rax, %%rax\n\t"
                   "jnz 1f\n\t"
                   "xor %%ebp, %%ebp\n\t"
                   "call *%%r9\n\t"
                   "ud2\n"
                   "1:"
                   : "=a"(result)
                   : "a"(SYS_clone), "D"(flags), "S"(stack), "d"(0L), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
#else
  register long x8 __asm__("x8") = SYS_clone;
  register long x0 __asm__("x0") = (long)flags;
  register uintptr_t x1 __asm__("x1") = stack;
  register long x2 __asm__("x2") = 0;
  register uintptr_t x3 __asm__("x3") = thread;
  register long x4 __asm__("x4") = 0;
  register void (*x9)(void) __asm__("x9") = body;
  __asm__ volatile("svc 0\n\t"
                   "cbnz x0, 1f\n\t"
                   "mov x29, xzr\n\t"
                   "blr x9\n\t"
                   "brk 1\n"
                   "1:"
                   : "+r"(x0)
                   : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x9)
                   : "memory");
  return x0;
#endif
}

long hakmem_start_background(uintptr_t area) {
  uintptr_t below, above;
  thread_local_bounds(&below, &above);
  uintptr_t thread_local_start = area + stack_bytes;
  uintptr_t thread = thread_local_start + rounded(below);
  memset((void *)thread_local_start, 0, rounded(below) + rounded(above));
#if defined(__x86_64__)
  /* What glibc keeps there: the pointer to itself, twice, and the two words that guard stacks and
   * pointers. */
  const uintptr_t *mine = (const uintptr_t *)hakmem_thread_pointer();
  uintptr_t *its = (uintptr_t *)thread;
  its[0] = its[2] = thread;
  its[5] = mine[5];
  its[6] = mine[6];
#endif
  struct hakmem_thread_headers *headers =
      (void *)((uintptr_t)&hakmem_thread_headers - hakmem_thread_pointer() + thread);
  headers->allocating = headers->freeing = hakmem_exited_cache_header();
  const unsigned long flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
                              CLONE_SYSVSEM | CLONE_SETTLS;
  /* The program's signals are not for this thread; it begins with its maker's mask. */
  uint64_t all = ~(uint64_t)0, before = 0;
  const int set_mask = 2;
  hakmem_system_call6(SYS_rt_sigprocmask, set_mask, (long)&all, (long)&before, sizeof all, 0, 0);
  long result = start_thread(flags, thread_local_start, thread, hakmem_background_main);
  hakmem_system_call6(SYS_rt_sigprocmask, set_mask, (long)&before, 0, sizeof before, 0, 0);
  return result;
}
