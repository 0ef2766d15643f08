/* Threads and futexes. SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "harness_system.h"

#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>

int harness_thread_start(pthread_t *thread, size_t stack_size, void *(*entry)(void *),
                         void *context) {
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, stack_size);
  int error = pthread_create(thread, &attributes, entry, context);
  pthread_attr_destroy(&attributes);
  return error;
}

int harness_thread_join(pthread_t thread) { return pthread_join(thread, NULL); }

void harness_futex_wait(const void *word, uint32_t expected) {
  syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, NULL, NULL, 0);
}

void harness_futex_wake_all(const void *word) {
  syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}
