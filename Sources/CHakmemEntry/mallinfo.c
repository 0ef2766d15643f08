/* mallinfo, whose structure glibc marks as deprecated: mallinfo2 cut to int.
 * SPDX-License-Identifier: Apache-2.0 */
#include <malloc.h>

struct mallinfo2 hakmem_mallinfo2(void);

__attribute__((visibility("default"))) struct mallinfo hakmem_mallinfo(void) {
  struct mallinfo2 wide = hakmem_mallinfo2();
  struct mallinfo info = {
      .arena = (int)wide.arena,
      .ordblks = (int)wide.ordblks,
      .hblks = (int)wide.hblks,
      .hblkhd = (int)wide.hblkhd,
      .uordblks = (int)wide.uordblks,
      .fordblks = (int)wide.fordblks,
      .keepcost = (int)wide.keepcost,
  };
  return info;
}
