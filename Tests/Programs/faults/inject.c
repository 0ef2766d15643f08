/*
 * Runs a program again and again, and lets a system call of the allocator fail each time: mmap,
 * munmap, mremap, mprotect, madvise and process_madvise made from libhakmem.so, clone made by
 * anybody. The kernel asks this program before each such call (seccomp's user notifications), so that
 * the library under test is the one that ships. The program must exit with 0 each time.
 *
 *   inject once PROGRAM…              the n-th call fails, for every n up to the last one
 *   inject onward PROGRAM…            the n-th call and all after it, for every n
 *   inject random SEED RUNS PROGRAM…  each call with a probability of 1/2 … 1/64, RUNS times
 *   inject every CALL PROGRAM…        each call of that name
 *
 * prctl(end_of_faults) in the program ends the failures and is not passed on.
 */
#include "check.h"
#include "faults.h"
#include "random.h"
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#ifndef SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP /* Linux 6.6; others refuse it. */
#define SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP (1UL << 0)
#define SECCOMP_IOCTL_NOTIF_SET_FLAGS SECCOMP_IOW(4, __u64)
#endif

enum mode { once, onward, at_random, every };

static const struct kind {
  int number;
  int error;
  const char *name;
} kinds[] = {
    {SYS_mmap, ENOMEM, "mmap"},         {SYS_munmap, ENOMEM, "munmap"},
    {SYS_mremap, ENOMEM, "mremap"},     {SYS_mprotect, ENOMEM, "mprotect"},
    {SYS_madvise, EAGAIN, "madvise"},   {SYS_clone, EAGAIN, "clone"},
    {SYS_clone3, EAGAIN, "clone3"},     {SYS_process_madvise, EAGAIN, "process_madvise"},
};
enum { kind_count = sizeof kinds / sizeof kinds[0] };

/* ---- The program that is watched ---- */

/* Asks the watcher about the calls above and about prctl(end_of_faults); others pass. */
static int install_filter(void) {
  enum { length = 2 * kind_count + 6 };
  struct sock_filter code[length];
  int at = 0;
  code[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                                            offsetof(struct seccomp_data, nr));
  for (int i = 0; i < kind_count; i++) {
    code[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
                                              (unsigned)kinds[i].number, 0, 1);
    code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
  }
  code[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_prctl, 0, 3);
  code[at++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                                            offsetof(struct seccomp_data, args[0]));
  code[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, end_of_faults, 0, 1);
  code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
  code[at++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  CHECK(at == length);
  struct sock_fprog program = {length, code};
  CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
  return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
                      &program);
}

/* Starts the program; returns the descriptor on which the kernel asks. */
static int start_program(char **command, pid_t *process) {
  int to_us[2], to_them[2];
  CHECK(pipe(to_us) == 0 && pipe(to_them) == 0);
  *process = fork();
  CHECK(*process >= 0);
  if (*process == 0) {
    int listener = install_filter();
    char go;
    /* The watcher takes the descriptor over before the program begins, which closes it. */
    if (write(to_us[1], &listener, sizeof listener) == sizeof listener && listener >= 0 &&
        read(to_them[0], &go, 1) == 1) {
      execv(command[0], command);
    }
    _exit(127);
  }
  int theirs = -1;
  CHECK(read(to_us[0], &theirs, sizeof theirs) == sizeof theirs);
  if (theirs < 0) {
    SKIP("seccomp user notifications");
    exit(0);
  }
  int handle = (int)syscall(SYS_pidfd_open, *process, 0);
  CHECK(handle >= 0);
  int listener = (int)syscall(SYS_pidfd_getfd, handle, theirs, 0);
  CHECK(listener >= 0 && write(to_them[1], "", 1) == 1);
  /* Who asks and who answers share a processor, which is several times as fast. */
  ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
  close(handle);
  close(to_us[0]), close(to_us[1]), close(to_them[0]), close(to_them[1]);
  return listener;
}

/* ---- The watcher ---- */

static struct {
  enum mode mode;
  uint64_t target;      /* the call that fails, from 1 */
  uint64_t probability; /* one of so many fails */
  const char *name;     /* the calls that fail */
  random_t random;
} plan;

static struct {
  uint64_t low, high; /* the library's code in the program */
  uint64_t calls;
  bool is_over;
  const char *failed; /* what failed first */
} run;

/* Where the library's code lies; called until it is mapped. */
static void find_library(pid_t process) {
  char path[64], line[512];
  snprintf(path, sizeof path, "/proc/%d/maps", (int)process);
  FILE *maps = fopen(path, "r");
  if (maps == NULL) {
    return;
  }
  while (fgets(line, sizeof line, maps) != NULL) {
    unsigned long low, high;
    char access[8];
    if (strstr(line, "/libhakmem") != NULL &&
        sscanf(line, "%lx-%lx %7s", &low, &high, access) == 3 && strchr(access, 'x') != NULL) {
      run.low = low;
      run.high = high;
    }
  }
  fclose(maps);
}

static const struct kind *kind_of(const struct seccomp_notif *call) {
  for (int i = 0; i < kind_count; i++) {
    if (kinds[i].number == call->data.nr) {
      return &kinds[i];
    }
  }
  return NULL;
}

static bool must_fail(const struct seccomp_notif *call, const struct kind *kind) {
  if (run.high == 0) {
    find_library((pid_t)call->pid);
  }
  bool is_clone = kind->number == SYS_clone || kind->number == SYS_clone3;
  bool is_ours = is_clone ? run.calls > 0
                          : call->data.instruction_pointer >= run.low &&
                                call->data.instruction_pointer < run.high;
  if (!is_ours || run.is_over) {
    return false;
  }
  run.calls++;
  switch (plan.mode) {
  case once: return run.calls == plan.target;
  case onward: return run.calls >= plan.target;
  case every: return strcmp(kind->name, plan.name) == 0;
  default: return random_below(&plan.random, plan.probability) == 0;
  }
}

/* Answers one question. */
static void answer(int listener) {
  struct seccomp_notif call = {0};
  if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call) != 0) {
    CHECK(errno == ENOENT || errno == EINTR);
    return;
  }
  struct seccomp_notif_resp response = {.id = call.id};
  const struct kind *kind = kind_of(&call);
  if (kind == NULL) {
    run.is_over = true;
  } else if (must_fail(&call, kind)) {
    response.error = -kind->error;
    run.failed = run.failed == NULL ? kind->name : run.failed;
  } else {
    response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
  }
  if (ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response) != 0) {
    CHECK(errno == ENOENT);
  }
}

/* Runs the program once; false when it did not exit with 0. */
static bool run_once(char **command) {
  memset(&run, 0, sizeof run);
  pid_t process;
  int listener = start_program(command, &process);
  struct pollfd waiting = {.fd = listener, .events = POLLIN};
  while (waiting.revents != POLLHUP) {
    CHECK(poll(&waiting, 1, -1) == 1 || errno == EINTR);
    if (waiting.revents & POLLIN) {
      answer(listener);
    }
  }
  close(listener);
  int status;
  CHECK(waitpid(process, &status, 0) == process);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static void expect_survival(char **command) {
  CHECK_THAT(run_once(command), "%s %s: call %zu of %zu (%s) failed, mode %d, one of %zu",
             command[0], command[1] != NULL ? command[1] : "", (size_t)plan.target,
             (size_t)run.calls, run.failed != NULL ? run.failed : "none", (int)plan.mode,
             (size_t)plan.probability);
}

int main(int count, char **arguments) {
  CHECK(count >= 3);
  uint64_t runs = 0;
  char **command = &arguments[2];
  if (strcmp(arguments[1], "random") == 0) {
    CHECK(count >= 5);
    plan.mode = at_random;
    plan.random.state = strtoull(arguments[2], NULL, 0);
    uint64_t most = strtoull(arguments[3], NULL, 0);
    for (command = &arguments[4]; runs < most; runs++) {
      plan.probability = (uint64_t)2 << runs % 6;
      expect_survival(command);
    }
  } else if (strcmp(arguments[1], "every") == 0) {
    CHECK(count >= 4);
    plan.mode = every;
    plan.name = arguments[2];
    expect_survival(&arguments[3]);
    CHECK_THAT(run.failed != NULL, "no %s was seen", plan.name);
    runs = 1;
  } else {
    plan.mode = strcmp(arguments[1], "onward") == 0 ? onward : once;
    do {
      plan.target++;
      runs++;
      expect_survival(command);
    } while (run.failed != NULL);
    CHECK_THAT(runs > 1, "no call of the allocator was seen");
  }
  printf("%zu runs survived\n", (size_t)runs);
  return 0;
}
