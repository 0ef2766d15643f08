/* Where the allocator hooks into the life of the process.
 * SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <signal.h>

#include "hakmem_entry.h"

/* The lock of glibc's list of streams, which a thread may take more than once. fork takes it after the
 * handlers; who flushes all streams holds it, and may wait for a stream whose user waits for a lock of the
 * allocator. So it comes before those. */
extern void _IO_list_lock(void) __attribute__((weak));
extern void _IO_list_unlock(void) __attribute__((weak));
extern void _IO_list_resetlock(void) __attribute__((weak));

/* A signal between the lock's two words, whose handler forked, would wait for its own thread. */
static void without_signals(void (*change_lock)(void)) {
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  change_lock();
  pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* What pthread_atfork calls, which every library has a copy of; its own needs libc's start files
 * (Linux Standard Base, baselib---register-atfork). */
extern int __register_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void),
                             void *library);

static void prepare_fork(void) {
  if (_IO_list_lock) without_signals(_IO_list_lock);
  hakmem_fork_prepare();
}

static void resume_parent(void) {
  hakmem_fork_parent();
  if (_IO_list_unlock) without_signals(_IO_list_unlock);
}

static void resume_child(void) {
  uint32_t outer_forks = hakmem_fork_child();
  if (!_IO_list_resetlock || !_IO_list_lock) return;
  without_signals(_IO_list_resetlock);
  for (; outer_forks > 0; outer_forks--) without_signals(_IO_list_lock);
}

__attribute__((constructor(101))) static void on_load(void) {
  hakmem_process_start();
  static char this_library;
  __register_atfork(prepare_fork, resume_parent, resume_child, &this_library);
}

__attribute__((destructor(101))) static void on_exit_of_process(void) { hakmem_process_exit(); }
