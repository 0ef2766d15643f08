/* Process start, arguments, children. SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "harness_system.h"

#include <dirent.h>
#include <dlfcn.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

static int argument_count;
static char *const *arguments;
static char *const *environment;

/* glibc calls constructors with the arguments of main; Embedded Swift has no CommandLine. */
__attribute__((constructor)) static void keep_arguments(int count, char **values, char **variables) {
  argument_count = count;
  arguments = values;
  environment = variables;
}

int harness_argument_count(void) { return argument_count; }
char *const *harness_arguments(void) { return arguments; }
char *const *harness_environment(void) { return environment; }

int harness_error(void) { return errno; }

void harness_sleep(uint64_t nanoseconds) {
  struct timespec rest = {(time_t)(nanoseconds / 1000000000u), (long)(nanoseconds % 1000000000u)};
  while (nanosleep(&rest, &rest) != 0 && errno == EINTR) {
  }
}

const char *harness_allocator_path(void) {
  Dl_info info;
  /* volatile: the address as the loader bound it, not as the compiler knows it. */
  void *(*volatile function)(size_t) = malloc;
  return dladdr((void *)function, &info) != 0 ? info.dli_fname : NULL;
}

const char *harness_library_directory(void) {
#if defined(__aarch64__)
  return "/usr/lib/aarch64-linux-gnu";
#else
  return "/usr/lib/x86_64-linux-gnu";
#endif
}

void *harness_symbol(const char *name) { return dlsym(RTLD_DEFAULT, name); }

void *harness_map(size_t size, bool populate) {
  int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | (populate ? MAP_POPULATE : 0);
  void *address = mmap(NULL, size, PROT_READ | PROT_WRITE, flags, -1, 0);
  return address == MAP_FAILED ? NULL : address;
}

static harness_child_t wait_for(pid_t child) {
  int status = 0;
  while (waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return (harness_child_t){errno, 0};
  }
  if (WIFSIGNALED(status)) return (harness_child_t){0, 128 + WTERMSIG(status)};
  return (harness_child_t){0, WEXITSTATUS(status)};
}

harness_child_t harness_fork_and_wait(int (*child_main)(void *), void *context) {
  pid_t child = fork();
  if (child < 0) return (harness_child_t){errno, 0};
  if (child == 0) {
    alarm(30);
    _exit(child_main(context));
  }
  return wait_for(child);
}

harness_child_t harness_spawn_and_wait(const char *path, char *const *child_arguments) {
  pid_t child;
  int error = posix_spawn(&child, path, NULL, NULL, child_arguments, environment);
  if (error != 0) return (harness_child_t){error, 0};
  return wait_for(child);
}

/* The environment with LD_PRELOAD replaced, in `result`, which has room for `capacity` pointers;
 * `assignment` holds the text of the new variable. */
static bool replace_preload(const char *preload, char *assignment, size_t assignment_size,
                            char **result, size_t capacity) {
  static const char key[] = "LD_PRELOAD=";
  size_t count = 0;
  if (preload != NULL) {
    if (strlen(preload) + sizeof key > assignment_size) return false;
    memcpy(assignment, key, sizeof key);
    strcat(assignment, preload);
    result[count++] = assignment;
  }
  for (char *const *variable = environment; *variable != NULL; variable++) {
    if (strncmp(*variable, key, sizeof key - 1) == 0) continue;
    if (count + 1 >= capacity) return false;
    result[count++] = *variable;
  }
  result[count] = NULL;
  return true;
}

harness_child_t harness_capture(const char *path, char *const *child_arguments, const char *preload,
                                char *output, size_t capacity, size_t *length) {
  char assignment[4096];
  char *variables[1024];
  *length = 0;
  if (!replace_preload(preload, assignment, sizeof assignment, variables, 1024)) {
    return (harness_child_t){E2BIG, 0};
  }
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return (harness_child_t){errno, 0};
  pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDOUT_FILENO);
    execve(path, child_arguments, variables);
    _exit(127);
  }
  int fork_error = errno;
  close(ends[1]);
  if (child < 0) {
    close(ends[0]);
    return (harness_child_t){fork_error, 0};
  }
  char rest[256];
  for (;;) {
    bool full = *length == capacity;
    ssize_t count = read(ends[0], full ? rest : output + *length,
                         full ? sizeof rest : capacity - *length);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) break;
    if (!full) *length += (size_t)count;
  }
  close(ends[0]);
  return wait_for(child);
}

bool harness_visit_directory(const char *path, void (*visit)(void *, const char *),
                             void *context) {
  DIR *directory = opendir(path);
  if (directory == NULL) return false;
  for (struct dirent *entry; (entry = readdir(directory)) != NULL;) visit(context, entry->d_name);
  closedir(directory);
  return true;
}

static int64_t microseconds(struct timeval time) {
  return (int64_t)time.tv_sec * 1000000 + time.tv_usec;
}

static void add_usage(harness_resources_t *sum, int who) {
  struct rusage usage;
  if (getrusage(who, &usage) != 0) return;
  sum->minor_faults += usage.ru_minflt;
  sum->major_faults += usage.ru_majflt;
  sum->voluntary_switches += usage.ru_nvcsw;
  sum->involuntary_switches += usage.ru_nivcsw;
  sum->user_microseconds += microseconds(usage.ru_utime);
  sum->system_microseconds += microseconds(usage.ru_stime);
}

harness_resources_t harness_resources(void) {
  harness_resources_t sum = {0};
  add_usage(&sum, RUSAGE_SELF);
  add_usage(&sum, RUSAGE_CHILDREN);
  return sum;
}

char *harness_scratch(void) {
  static char buffer[HARNESS_SCRATCH_SIZE];
  return buffer;
}

int harness_open(const char *path) { return open(path, O_RDONLY | O_CLOEXEC); }

int harness_create(const char *path) {
  return open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
}

const void *harness_map_file(const char *path, size_t *size) {
  int file = harness_open(path);
  if (file < 0) return NULL;
  struct stat status;
  void *address = MAP_FAILED;
  if (fstat(file, &status) == 0) {
    if (S_ISREG(status.st_mode)) {
      *size = (size_t)status.st_size;
      address = mmap(NULL, *size, PROT_READ, MAP_PRIVATE, file, 0);
    } else {
      errno = EINVAL;
    }
  }
  int error = errno;
  close(file);
  errno = error;
  return address == MAP_FAILED ? NULL : address;
}
