/*
 * Inputs for whole processes: options of the environment (-DOPTIONS), allocation traces (-DTRACES).
 * Whatever the input, the program ends by itself and in time; with wrong options it even succeeds.
 *
 *   FUZZ_LIBRARY: libhakmem.so, FUZZ_WORKLOAD: the program hakmem-workload
 *
 * As root the program runs as nobody, and it can write no file: options name some.
 */
#include "check.h"
#include <grp.h>
#include <errno.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>

enum { most_options = 16, seconds = 20 };
static const uid_t nobody = 65534;

__attribute__((noreturn)) static void run(const uint8_t *input, size_t size) {
  alarm(seconds);
  signal(SIGXFSZ, SIG_IGN);
  struct rlimit no_files = {0, 0}, memory = {(rlim_t)4 << 30, (rlim_t)4 << 30};
  char *environment[most_options + 2] = {0}, *arguments[4] = {"true", NULL};
  const char *program = "/bin/true";
  static char preload[4096];
  snprintf(preload, sizeof preload, "LD_PRELOAD=%s", getenv("FUZZ_LIBRARY"));
  environment[0] = preload;
#ifdef OPTIONS
  /* One option a line. */
  static char text[1 << 16];
  memcpy(text, input, size < sizeof text ? size : sizeof text - 1);
  char *rest = text;
  for (int i = 1; i <= most_options && rest != NULL; i++) {
    char *line = strsep(&rest, "\n");
    char *option = NULL;
    if (asprintf(&option, "HAKMEM_%s", line) > 0) {
      environment[i] = option;
    }
  }
#else
  static char file[64];
  int trace = memfd_create("trace", 0);
  if (trace < 0 || write(trace, input, size) != (ssize_t)size) {
    _exit(0);
  }
  snprintf(file, sizeof file, "file=/proc/self/fd/%d", trace);
  program = getenv("FUZZ_WORKLOAD");
  arguments[0] = "hakmem-workload";
  arguments[1] = "trace";
  arguments[2] = file;
#endif
  int nowhere = memfd_create("output", 0);
  dup2(nowhere, STDOUT_FILENO);
  dup2(nowhere, STDERR_FILENO);
  setrlimit(RLIMIT_FSIZE, &no_files);
  setrlimit(RLIMIT_AS, &memory);
  if (geteuid() == 0 && (setgroups(0, NULL) != 0 || setgid(nobody) != 0 || setuid(nobody) != 0)) {
    _exit(0);
  }
  execve(program, arguments, environment);
  _exit(126);
}

int LLVMFuzzerTestOneInput(const uint8_t *input, size_t size) {
  pid_t process = fork();
  CHECK(process >= 0);
  if (process == 0) {
    run(input, size);
  }
  int status;
  pid_t ended;
  do {
    /* libFuzzer's timer interrupts. */
    ended = waitpid(process, &status, 0);
  } while (ended < 0 && errno == EINTR);
  CHECK(ended == process);
  CHECK_THAT(WIFEXITED(status), "signal %d", WTERMSIG(status));
#ifdef OPTIONS
  CHECK_THAT(WEXITSTATUS(status) == 0, "status %d", WEXITSTATUS(status));
#else
  CHECK(WEXITSTATUS(status) != 126);
#endif
  return 0;
}
