/* What the white-box tests need of the system: threads, child processes, environment, limits.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HAKMEM_WHITEBOX_H
#define HAKMEM_WHITEBOX_H

#include <stddef.h>
#include <stdint.h>

int whitebox_argument_count(void);
const char *whitebox_argument(int index);

/* Runs `body` on `count` new threads that begin together, and waits for them all. */
void whitebox_run_threads(int count, void (*body)(int index, void *context), void *context);

/* Runs `body` in a child that ends after `seconds` at the latest. The exit status, or 128 and the
 * number of the signal that ended it. */
int whitebox_run_child(int seconds, void (*body)(void *context), void *context);
/* A bare fork; the child is to end with whitebox_end_child. */
int whitebox_fork(void);
int whitebox_wait(int child);
_Noreturn void whitebox_end_child(int status);
void whitebox_alarm(int seconds);

void whitebox_set_environment(const char *name, const char *value);
void whitebox_clear_environment(void);

void whitebox_sleep(int milliseconds);
/* Has the thread with that number sleep in a signal handler, wherever it is, from the moment that
 * `whitebox_prepare_pauses` was called. */
void whitebox_prepare_pauses(void);
void whitebox_pause_thread(uint32_t thread);
/* Whether all pages of a range are present. */
int whitebox_is_resident(uintptr_t start, size_t bytes);
int whitebox_lock_memory(uintptr_t start, size_t bytes);
/* All memory that is mapped from now on. */
int whitebox_lock_future_memory(void);
int whitebox_limit_address_space(size_t bytes);
/* Whether ThreadSanitizer shares the process. */
int whitebox_is_sanitized(void);

/* Makes a folder of its own the current one; removes it; writes a file in
 * it, making the folders of the path. */
void whitebox_enter_new_folder(void);
void whitebox_remove_folder(void);
void whitebox_write_file(const char *path, const char *text);

/* Between the two, stderr goes to a file; its contents end up in `buffer`, with a NUL. */
void whitebox_begin_capture(void);
size_t whitebox_end_capture(char *buffer, size_t capacity);

#endif
