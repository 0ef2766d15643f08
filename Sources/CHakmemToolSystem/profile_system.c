/* SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "profile_system.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static void choose(struct perf_event_attr *attributes, hakmem_tool_event event) {
  attributes->type = PERF_TYPE_HARDWARE;
  switch (event) {
  case HAKMEM_EVENT_PAGE_FAULTS:
    attributes->type = PERF_TYPE_SOFTWARE;
    attributes->config = PERF_COUNT_SW_PAGE_FAULTS;
    break;
  case HAKMEM_EVENT_CPU_CLOCK:
    attributes->type = PERF_TYPE_SOFTWARE;
    attributes->config = PERF_COUNT_SW_CPU_CLOCK;
    break;
  case HAKMEM_EVENT_CYCLES: attributes->config = PERF_COUNT_HW_CPU_CYCLES; break;
  case HAKMEM_EVENT_INSTRUCTIONS: attributes->config = PERF_COUNT_HW_INSTRUCTIONS; break;
  case HAKMEM_EVENT_BRANCH_MISSES: attributes->config = PERF_COUNT_HW_BRANCH_MISSES; break;
  case HAKMEM_EVENT_CACHE_MISSES: attributes->config = PERF_COUNT_HW_CACHE_MISSES; break;
  case HAKMEM_EVENT_L1D_MISSES:
  case HAKMEM_EVENT_DTLB_MISSES:
    attributes->type = PERF_TYPE_HW_CACHE;
    attributes->config =
        (event == HAKMEM_EVENT_L1D_MISSES ? PERF_COUNT_HW_CACHE_L1D : PERF_COUNT_HW_CACHE_DTLB) |
        PERF_COUNT_HW_CACHE_OP_READ << 8 | PERF_COUNT_HW_CACHE_RESULT_MISS << 16;
    break;
  }
}

int hakmem_tool_event_open(const hakmem_tool_event_options *options, pid_t thread, int processor) {
  struct perf_event_attr attributes;
  memset(&attributes, 0, sizeof attributes);
  attributes.size = sizeof attributes;
  choose(&attributes, options->event);
  attributes.inherit = 1;
  attributes.disabled = options->on_exec;
  attributes.enable_on_exec = options->on_exec;
  attributes.exclude_kernel = options->without_kernel;
  attributes.exclude_hv = 1;
  attributes.exclude_guest = 1;
  if (options->is_sampled) {
    attributes.sample_type = PERF_SAMPLE_IP | PERF_SAMPLE_TID | PERF_SAMPLE_TIME |
                             PERF_SAMPLE_ADDR | PERF_SAMPLE_CALLCHAIN | PERF_SAMPLE_REGS_USER;
#if defined(__x86_64__)
    attributes.sample_regs_user = 1 << 7;
#else
    attributes.sample_regs_user = 1ull << 31;
#endif
    if (options->frequency != 0) {
      attributes.freq = 1;
      attributes.sample_freq = options->frequency;
    } else {
      attributes.sample_period = 1;
    }
    attributes.sample_id_all = 1;
    attributes.use_clockid = 1;
    attributes.clockid = CLOCK_MONOTONIC;
    attributes.exclude_callchain_kernel = options->without_kernel;
    if (options->event == HAKMEM_EVENT_PAGE_FAULTS) {
      attributes.mmap = 1;
      attributes.mmap2 = 1;
      attributes.mmap_data = 1;
      attributes.comm = 1;
      attributes.comm_exec = 1;
      attributes.task = 1;
    }
  }
  long event =
      syscall(SYS_perf_event_open, &attributes, thread, processor, -1, PERF_FLAG_FD_CLOEXEC);
  return event < 0 ? -errno : (int)event;
}

static size_t ring_bytes(int order) { return (size_t)sysconf(_SC_PAGESIZE) << order; }

void *hakmem_tool_ring_map(int event, int order) {
  size_t page = (size_t)sysconf(_SC_PAGESIZE);
  void *ring = mmap(NULL, page + ring_bytes(order), PROT_READ | PROT_WRITE, MAP_SHARED, event, 0);
  return ring == MAP_FAILED ? NULL : ring;
}

void hakmem_tool_ring_unmap(void *ring, int order) {
  munmap(ring, (size_t)sysconf(_SC_PAGESIZE) + ring_bytes(order));
}

int hakmem_tool_ring_share(int event, int other) {
  return ioctl(event, PERF_EVENT_IOC_SET_OUTPUT, other) == 0 ? 0 : -errno;
}

static void copy_out(const char *data, size_t size, uint64_t from, void *to, size_t count) {
  size_t start = from & (size - 1);
  size_t first = count < size - start ? count : size - start;
  memcpy(to, data + start, first);
  memcpy((char *)to + first, data, count - first);
}

size_t hakmem_tool_ring_read(void *ring, int order, void *buffer, size_t capacity) {
  struct perf_event_mmap_page *header = ring;
  const char *data = (const char *)ring + sysconf(_SC_PAGESIZE);
  size_t size = ring_bytes(order);
  uint64_t head = __atomic_load_n(&header->data_head, __ATOMIC_ACQUIRE);
  uint64_t tail = header->data_tail;
  size_t taken = 0;
  while (tail != head) {
    struct perf_event_header record;
    copy_out(data, size, tail, &record, sizeof record);
    if (record.size < sizeof record || taken + record.size > capacity) break;
    copy_out(data, size, tail, (char *)buffer + taken, record.size);
    taken += record.size;
    tail += record.size;
  }
  __atomic_store_n(&header->data_tail, tail, __ATOMIC_RELEASE);
  return taken;
}

void hakmem_tool_event_stop(int event) { ioctl(event, PERF_EVENT_IOC_DISABLE, 0); }

bool hakmem_tool_event_count(int event, uint64_t *count) {
  return read(event, count, sizeof *count) == sizeof *count;
}

pid_t hakmem_tool_prepare(const char *path, char *const arguments[], char *const environment[],
                          int *gate) {
  int ends[2];
  if (pipe2(ends, O_CLOEXEC) != 0) return -errno;
  pid_t child = fork();
  if (child < 0) {
    int code = errno;
    close(ends[0]);
    close(ends[1]);
    return -code;
  }
  if (child == 0) {
    char byte;
    close(ends[1]);
    if (read(ends[0], &byte, 1) != 1) _exit(0);
    for (int number = 1; number < 32; number++) signal(number, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    execve(path, arguments, environment);
    _exit(126);
  }
  close(ends[0]);
  *gate = ends[1];
  return child;
}

bool hakmem_tool_read_memory(pid_t process, uint64_t address, void *buffer, size_t count) {
  struct iovec here = {buffer, count};
  struct iovec there = {(void *)(uintptr_t)address, count};
  return process_vm_readv(process, &here, 1, &there, 1, 0) == (ssize_t)count;
}

bool hakmem_tool_write_memory(pid_t process, uint64_t address, const void *buffer, size_t count) {
  struct iovec here = {(void *)(uintptr_t)buffer, count};
  struct iovec there = {(void *)(uintptr_t)address, count};
  return process_vm_writev(process, &here, 1, &there, 1, 0) == (ssize_t)count;
}

/* From linux/fs.h of Linux 6.7. */
struct page_region_of_scan {
  uint64_t start, end, categories;
};
struct scan_of_pages {
  uint64_t size, flags, start, end, walk_end, regions, region_count, max_pages, inverted, all_of,
      any_of, returned;
};

int hakmem_tool_is_huge(int pagemap, uint64_t address) {
  const uint64_t huge = 1 << 6, bytes = 2 << 20;
  struct page_region_of_scan region = {0};
  struct scan_of_pages scan = {.size = sizeof scan,
                               .start = address & ~(bytes - 1),
                               .end = (address & ~(bytes - 1)) + bytes,
                               .regions = (uint64_t)(uintptr_t)&region,
                               .region_count = 1,
                               .all_of = huge,
                               .returned = huge};
  long found = ioctl(pagemap, _IOWR('f', 16, struct scan_of_pages), &scan);
  return found < 0 ? -1 : found > 0;
}
