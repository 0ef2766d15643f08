/*
 * HAKMEM_HUGETLB on a kernel that moves no huge page of its pool, as Linux before 5.16: mremap fails
 * after what lay at its goal was unmapped. A tracer stands for that kernel, and for its pool.
 */
#include "check.h"
#include <signal.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>

enum { huge_page = 2 << 20 };

static int allocate(void) {
  for (int i = 0; i < 200; i++) {
    char *block = malloc(100000);
    CHECK(block != NULL);
    memset(block, i, 100000);
  }
  return 0;
}

#ifdef __x86_64__
/* At the entry of a call: makes memory of the pool ordinary memory, and a move of a huge page the
 * unmapping of its goal. Answers whether the call is to fail. */
static bool enter_call(pid_t process) {
  struct user_regs_struct registers;
  CHECK(ptrace(PTRACE_GETREGS, process, 0, &registers) == 0);
  bool is_huge = registers.orig_rax == SYS_mmap && registers.r10 & MAP_HUGETLB;
  bool is_move = registers.orig_rax == SYS_mremap && registers.rsi == huge_page &&
                 registers.r10 & MREMAP_FIXED;
  if (is_huge) {
    registers.r10 = MAP_PRIVATE | MAP_ANONYMOUS;
  } else if (is_move) {
    registers.orig_rax = SYS_munmap;
    registers.rdi = registers.r8;
  }
  if (is_huge || is_move) {
    CHECK(ptrace(PTRACE_SETREGS, process, 0, &registers) == 0);
  }
  return is_move;
}

static void fail_call(pid_t process) {
  struct user_regs_struct registers;
  CHECK(ptrace(PTRACE_GETREGS, process, 0, &registers) == 0);
  registers.rax = (unsigned long long)-EINVAL;
  CHECK(ptrace(PTRACE_SETREGS, process, 0, &registers) == 0);
}

/* Returns how many moves failed until the process ended with 0. */
static int trace(pid_t process) {
  int status, failed = 0;
  bool is_inside = false, must_fail = false;
  CHECK(waitpid(process, &status, 0) == process);
  if (WIFEXITED(status)) {
    return -1;
  }
  ptrace(PTRACE_SETOPTIONS, process, 0, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
  int signal = 0;
  while (ptrace(PTRACE_SYSCALL, process, 0, signal) == 0 && waitpid(process, &status, 0) > 0 &&
         WIFSTOPPED(status)) {
    signal = WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status);
    if (WSTOPSIG(status) != (SIGTRAP | 0x80)) {
      continue;
    }
    signal = 0;
    is_inside = !is_inside;
    if (is_inside) {
      must_fail = enter_call(process);
    } else if (must_fail) {
      fail_call(process);
      failed++;
    }
  }
  CHECK_THAT(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %x after %d moves", status,
             failed);
  return failed;
}

int main(int count, char **arguments) {
  if (count > 1) {
    return allocate();
  }
  pid_t process = fork();
  CHECK(process >= 0);
  if (process == 0) {
    if (ptrace(PTRACE_TRACEME, 0, 0, 0) != 0) {
      _exit(0);
    }
    setenv("HAKMEM_HUGETLB", "1", 1);
    execv(arguments[0], (char *[]){arguments[0], "allocate", NULL});
    _exit(127);
  }
  int failed = trace(process);
  if (failed < 0) {
    SKIP("ptrace");
    return 0;
  }
  CHECK_THAT(failed > 5, "%d moves", failed);
  return 0;
}
#else
int main(void) {
  SKIP("registers of this processor");
  return allocate();
}
#endif
