/*
 * sizes.h — the sizes at which allocators change their mind: around every power of two, every
 * quarter between two of them, and the borders of HAKMEM's tiny, medium and large blocks.
 */
#ifndef SIZES_H
#define SIZES_H

#include <stddef.h>

enum { max_border_sizes = 1024 };

/* Fills `sizes` with ascending sizes up to `limit` and returns how many. */
static inline size_t border_sizes(size_t *sizes, size_t limit) {
  size_t count = 0;
  for (size_t size = 0; size <= 64 && size <= limit; size++) {
    sizes[count++] = size;
  }
  for (size_t power = 64; power <= limit; power *= 2) {
    for (size_t quarter = 4; quarter < 8; quarter++) {
      size_t border = power * quarter / 4;
      for (size_t size = border - 1; size <= border + 1; size++) {
        if (size > sizes[count - 1] && size <= limit && count < max_border_sizes) {
          sizes[count++] = size;
        }
      }
    }
  }
  return count;
}

#endif
