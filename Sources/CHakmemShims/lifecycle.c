/* Where the allocator hooks into the life of the process and its threads.
 * SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdint.h>

#include "hakmem_shims.h"

/* In Swift. */
void hakmem_process_start(void);
void hakmem_process_exit(void);
void hakmem_fork_prepare(void);
void hakmem_fork_parent(void);
void hakmem_fork_child(void);
void hakmem_thread_exit(uintptr_t cache);

static pthread_key_t thread_exit_key;
static int thread_exit_key_exists;

static void on_thread_exit(void *cache) { hakmem_thread_exit((uintptr_t)cache); }

/* A pthread key's destructor runs after the destructors of thread-local objects. */
void hakmem_create_thread_exit_key(void) {
  thread_exit_key_exists = pthread_key_create(&thread_exit_key, on_thread_exit) == 0;
}

int hakmem_register_thread_exit(uintptr_t cache) {
  return thread_exit_key_exists ? pthread_setspecific(thread_exit_key, (void *)cache) : -1;
}

__attribute__((constructor(101))) static void on_load(void) {
  hakmem_process_start();
  pthread_atfork(hakmem_fork_prepare, hakmem_fork_parent, hakmem_fork_child);
}

__attribute__((destructor(101))) static void on_exit_of_process(void) { hakmem_process_exit(); }
