/* Linux system calls without libc: errno stays as it is, nothing can be interposed, and they work
 * before libc is ready. Each returns the kernel's result, -errno on failure.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HAKMEM_SYSTEM_CALLS_H
#define HAKMEM_SYSTEM_CALLS_H

#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>

static inline long hakmem_system_call6(long number, long a, long b, long c, long d, long e, long f) {
#if defined(__x86_64__)
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  long result;
  __asm__ volatile("syscall"
                   : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                   : "rcx", "r11", "memory");
  return result;
#elif defined(__aarch64__)
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = e;
  register long x5 __asm__("x5") = f;
  __asm__ volatile("svc 0"
                   : "+r"(x0)
                   : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5)
                   : "memory");
  return x0;
#else
#error "HAKMEM runs on x86-64 and AArch64 Linux"
#endif
}

static inline long hakmem_system_call3(long number, long a, long b, long c) {
  return hakmem_system_call6(number, a, b, c, 0, 0, 0);
}

enum {
  HAKMEM_SYS_read = SYS_read,
  HAKMEM_SYS_write = SYS_write,
  HAKMEM_SYS_close = SYS_close,
  HAKMEM_SYS_openat = SYS_openat,
  HAKMEM_SYS_mmap = SYS_mmap,
  HAKMEM_SYS_mprotect = SYS_mprotect,
  HAKMEM_SYS_munmap = SYS_munmap,
  HAKMEM_SYS_mremap = SYS_mremap,
  HAKMEM_SYS_madvise = SYS_madvise,
  HAKMEM_SYS_process_madvise = 440, /* Linux 5.10; the same number everywhere */
  HAKMEM_SYS_prctl = SYS_prctl,
  HAKMEM_SYS_futex = SYS_futex,
  HAKMEM_SYS_gettid = SYS_gettid,
  HAKMEM_SYS_getpid = SYS_getpid,
  HAKMEM_SYS_getppid = SYS_getppid,
  HAKMEM_SYS_sched_getaffinity = SYS_sched_getaffinity,
  HAKMEM_SYS_sched_yield = SYS_sched_yield,
  HAKMEM_SYS_prlimit64 = SYS_prlimit64,
  HAKMEM_SYS_getcpu = SYS_getcpu,
  HAKMEM_SYS_fallocate = SYS_fallocate,
  HAKMEM_SYS_process_vm_readv = SYS_process_vm_readv,
  HAKMEM_SYS_fcntl = SYS_fcntl,
  HAKMEM_SYS_flock = SYS_flock,
  HAKMEM_SYS_ftruncate = SYS_ftruncate,
  HAKMEM_SYS_pread64 = SYS_pread64,
  HAKMEM_SYS_pwrite64 = SYS_pwrite64,
  HAKMEM_SYS_getcwd = SYS_getcwd,
  HAKMEM_SYS_getrusage = SYS_getrusage,
  HAKMEM_SYS_getrandom = SYS_getrandom,
  HAKMEM_SYS_geteuid = SYS_geteuid,
  HAKMEM_SYS_unlinkat = SYS_unlinkat,
  HAKMEM_SYS_membarrier = SYS_membarrier,
};

/* What tells one file from another; glibc's struct stat is the kernel's on these machines. */
struct hakmem_file_facts {
  uint64_t device;
  uint64_t inode;
  int is_regular;
};
static inline long hakmem_learn_file_facts(long descriptor, struct hakmem_file_facts *facts) {
  struct stat status;
  long result = hakmem_system_call3(SYS_fstat, descriptor, (long)&status, 0);
  if (result != 0) return result;
  facts->device = status.st_dev;
  facts->inode = status.st_ino;
  facts->is_regular = S_ISREG(status.st_mode);
  return 0;
}

#endif
