/* Where the allocator hooks into the life of the process.
 * SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>

#include "hakmem_entry.h"

__attribute__((constructor(101))) static void on_load(void) {
  hakmem_process_start();
  pthread_atfork(hakmem_fork_prepare, hakmem_fork_parent, hakmem_fork_child);
}

__attribute__((destructor(101))) static void on_exit_of_process(void) { hakmem_process_exit(); }
