/* What processors newer than the baseline do faster. Swift compiles a whole module for one processor.
 * SPDX-License-Identifier: Apache-2.0 */
#include "hakmem_shims.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <immintrin.h>

/* As the Intel manual says in volume 1, 14.3: the processor has AVX2, and the kernel keeps its registers.
 * Asked here, because __builtin_cpu_supports brings a constructor whose two dozen CPUID instructions
 * cost every process some 50 us on a virtual machine, where each is an exit to the hypervisor. */
__attribute__((target("xsave"))) int hakmem_has_wide_vectors(void) {
  unsigned a, features, b, c, d;
  if (!__get_cpuid(1, &a, &b, &features, &d) || !(features & bit_OSXSAVE))
    return 0;
  if (!__get_cpuid_count(7, 0, &a, &features, &c, &d) || !(features & bit_AVX2))
    return 0;
  return (_xgetbv(0) & 6) == 6;
}

#define WIDE __attribute__((target("avx2")))

WIDE static inline __m256i load(const char *from) {
  return _mm256_loadu_si256((const __m256i *)(const void *)from);
}
WIDE static inline __m256i pair(const char *from) {
  return _mm256_or_si256(load(from), load(from + 32));
}

/* Short blocks without a loop: which of the cases it begins with is one jump to predict, where a loop
 * would be mispredicted at its end as well. */
WIDE int hakmem_is_zero_wide(uintptr_t start, size_t byte_count) {
  const char *block = (const char *)start;
  const char *last = block + byte_count - 64;
  __m256i first = load(last), second = load(last + 32);
  size_t lines = (byte_count - 1) / 64;
  for (; lines > 16; lines -= 2, block += 128) {
    first = _mm256_or_si256(first, pair(block));
    second = _mm256_or_si256(second, pair(block + 64));
  }
  switch (lines) {
#define LINE(n)                                                                \
  case n:                                                                      \
    first = _mm256_or_si256(first, load(block + (n - 1) * 64));                \
    second = _mm256_or_si256(second, load(block + (n - 1) * 64 + 32));         \
    __attribute__((fallthrough));
    LINE(16) LINE(15) LINE(14) LINE(13) LINE(12) LINE(11) LINE(10) LINE(9)
    LINE(8) LINE(7) LINE(6) LINE(5) LINE(4) LINE(3) LINE(2) LINE(1)
#undef LINE
  default:
    break;
  }
  __m256i bits = _mm256_or_si256(first, second);
  int is_zero = _mm256_testz_si256(bits, bits);
  _mm256_zeroupper();
  return is_zero;
}
#else
int hakmem_has_wide_vectors(void) { return 0; }
int hakmem_is_zero_wide(uintptr_t start, size_t byte_count) {
  (void)start;
  (void)byte_count;
  return 0;
}
#endif
