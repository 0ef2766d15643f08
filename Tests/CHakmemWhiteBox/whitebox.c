/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "whitebox.h"

#include <ftw.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int argument_count;
static char **arguments;

__attribute__((constructor)) static void remember_arguments(int count, char **values) {
  argument_count = count;
  arguments = values;
}

int whitebox_argument_count(void) { return argument_count; }
const char *whitebox_argument(int index) { return arguments[index]; }

struct thread {
  pthread_t id;
  int index;
  void (*body)(int, void *);
  void *context;
  pthread_barrier_t *start;
};

static void *thread_main(void *argument) {
  struct thread *thread = argument;
  pthread_barrier_wait(thread->start);
  thread->body(thread->index, thread->context);
  return NULL;
}

void whitebox_run_threads(int count, void (*body)(int, void *), void *context) {
  pthread_barrier_t start;
  struct thread threads[count];
  pthread_barrier_init(&start, NULL, (unsigned)count);
  for (int index = 0; index < count; index++) {
    threads[index] = (struct thread){0, index, body, context, &start};
    if (pthread_create(&threads[index].id, NULL, thread_main, &threads[index])) abort();
  }
  for (int index = 0; index < count; index++) pthread_join(threads[index].id, NULL);
  pthread_barrier_destroy(&start);
}

int whitebox_fork(void) { return fork(); }

int whitebox_wait(int child) {
  int status;
  if (waitpid(child, &status, 0) != child) return -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

void whitebox_end_child(int status) { _exit(status); }
void whitebox_alarm(int seconds) { alarm((unsigned)seconds); }

int whitebox_run_child(int seconds, void (*body)(void *), void *context) {
  int child = fork();
  if (child == 0) {
    alarm((unsigned)seconds);
    body(context);
    _exit(0);
  }
  return whitebox_wait(child);
}

void whitebox_set_environment(const char *name, const char *value) { setenv(name, value, 1); }
void whitebox_clear_environment(void) { clearenv(); }

static void on_pause(int number) {
  const struct timespec pause = {.tv_nsec = 300000};
  (void)number;
  nanosleep(&pause, NULL);
}

void whitebox_prepare_pauses(void) { signal(SIGUSR1, on_pause); }
void whitebox_pause_thread(uint32_t thread) {
  syscall(SYS_tgkill, getpid(), (pid_t)thread, SIGUSR1);
}

void whitebox_sleep(int milliseconds) {
  struct timespec time = {milliseconds / 1000, milliseconds % 1000 * 1000000L};
  nanosleep(&time, NULL);
}

int whitebox_is_resident(uintptr_t start, size_t bytes) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  for (size_t offset = 0; offset < bytes; offset += page) {
    unsigned char present;
    if (mincore((void *)(start + offset), page, &present) || !(present & 1)) return 0;
  }
  return 1;
}

int whitebox_lock_memory(uintptr_t start, size_t bytes) {
  return mlock((void *)start, bytes) == 0;
}

int whitebox_lock_future_memory(void) { return mlockall(MCL_FUTURE) == 0; }

int whitebox_is_sanitized(void) {
#if defined(__has_feature)
  return __has_feature(thread_sanitizer);
#else
  return 0;
#endif
}

int whitebox_limit_address_space(size_t bytes) {
  struct rlimit limit = {bytes, bytes};
  return setrlimit(RLIMIT_AS, &limit) == 0;
}

/* The six letters that mkdtemp replaces. */
#define REPLACED_BY_THE_SYSTEM "XX" "XX" "XX"

void whitebox_enter_new_folder(void) {
  char name[] = "/tmp/hakmem-whitebox-" REPLACED_BY_THE_SYSTEM;
  if (!mkdtemp(name) || chdir(name)) abort();
}

void whitebox_write_file(const char *path, const char *text) {
  char part[256];
  for (const char *slash = strchr(path, '/'); slash; slash = strchr(slash + 1, '/')) {
    snprintf(part, sizeof part, "%.*s", (int)(slash - path), path);
    mkdir(part, 0755);
  }
  FILE *file = fopen(path, "w");
  if (!file || fputs(text, file) < 0 || fclose(file)) abort();
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *place) {
  (void)status, (void)kind, (void)place;
  return remove(path);
}

void whitebox_remove_folder(void) {
  char name[256];
  if (getcwd(name, sizeof name)) nftw(name, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static int captured, saved;

void whitebox_begin_capture(void) {
  saved = dup(2);
  captured = memfd_create("stderr", 0);
  dup2(captured, 2);
}

size_t whitebox_end_capture(char *buffer, size_t capacity) {
  dup2(saved, 2);
  close(saved);
  ssize_t count = pread(captured, buffer, capacity - 1, 0);
  close(captured);
  if (count < 0) count = 0;
  buffer[count] = 0;
  return (size_t)count;
}
