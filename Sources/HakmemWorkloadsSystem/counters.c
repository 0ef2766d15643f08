/* Hardware counters by perf_event_open(2). SPDX-License-Identifier: Apache-2.0 */
#define _GNU_SOURCE
#include "harness_system.h"

#include <linux/perf_event.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>

#define READ_MISSES(cache) \
  ((cache) | (PERF_COUNT_HW_CACHE_OP_READ << 8) | (PERF_COUNT_HW_CACHE_RESULT_MISS << 16))

/* Indexed by enum harness_counter. */
static const struct {
  uint32_t type;
  uint64_t config;
} events[] = {
  {PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES},
  {PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS},
  {PERF_TYPE_HARDWARE, PERF_COUNT_HW_BRANCH_MISSES},
  {PERF_TYPE_HW_CACHE, READ_MISSES(PERF_COUNT_HW_CACHE_L1D)},
  {PERF_TYPE_HARDWARE, PERF_COUNT_HW_CACHE_MISSES},
  {PERF_TYPE_HW_CACHE, READ_MISSES(PERF_COUNT_HW_CACHE_DTLB)},
};

int harness_counter_open(int counter, bool exclude_kernel) {
  struct perf_event_attr attributes = {
    .type = events[counter].type,
    .size = sizeof attributes,
    .config = events[counter].config,
    .disabled = 1,
    .inherit = 1,
    .exclude_kernel = exclude_kernel,
    .exclude_hv = 1,
    .read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING,
  };
  return (int)syscall(SYS_perf_event_open, &attributes, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
}

void harness_counter_start(int descriptor) { ioctl(descriptor, PERF_EVENT_IOC_ENABLE, 0); }
void harness_counter_stop(int descriptor) { ioctl(descriptor, PERF_EVENT_IOC_DISABLE, 0); }

int64_t harness_counter_read(int descriptor) {
  struct {
    uint64_t value, enabled, running;
  } count;
  if (read(descriptor, &count, sizeof count) != (ssize_t)sizeof count || count.running == 0) {
    return -1;
  }
  if (count.running >= count.enabled) return (int64_t)count.value;
  return (int64_t)((double)count.value * (double)count.enabled / (double)count.running);
}
