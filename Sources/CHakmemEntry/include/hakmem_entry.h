/* What the C side of the interface calls in Swift, and nothing else.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HAKMEM_ENTRY_H
#define HAKMEM_ENTRY_H

#include <stddef.h>
#include <stdint.h>

void hakmem_process_start(void);
void hakmem_process_exit(void);
void hakmem_fork_prepare(void);
void hakmem_fork_parent(void);
/* Returns how many forks the thread is in the middle of still: those that a signal interrupted. */
uint32_t hakmem_fork_child(void);
void *hakmem_malloc(size_t size);
void *hakmem_new_aligned(size_t alignment, size_t size);

#endif
