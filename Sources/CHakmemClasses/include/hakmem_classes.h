/*
 * hakmem_classes.h — the block sizes of the size classes, in one place for the library and the tools,
 * which read class numbers in its logs.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HAKMEM_CLASSES_H
#define HAKMEM_CLASSES_H

#include <stdint.h>

/* Classes and the number 0, which stands for none. */
enum { hakmem_class_numbers = 121 };

/* Bytes of the class's blocks; `number` is below hakmem_class_numbers. A row is a doubling. */
static inline uint32_t hakmem_class_block_bytes(uint32_t number) {
  static const uint32_t bytes[hakmem_class_numbers] = {
      0,
      16, 32, 48, 64, 80, 96, 112, 128,
      144, 160, 176, 192, 208, 224, 240, 256,
      288, 320, 352, 384, 416, 448, 480, 512,
      576, 640, 704, 768, 832, 896, 960, 1024,
      1056, 1152, 1280, 1408, 1536, 1664, 1792, 1920, 2048,
      2080, 2304, 2560, 2816, 3072, 3328, 3584, 3840, 4096,
      4160, 4224, 4288, 4352, 4416, 4480, 4544, 4608, 4672, 4736, 4800, 4864, 4928, 4992, 5056,
      5120, 5376, 5632, 5888, 6144, 6400, 6656, 6912, 7168, 7424, 7680, 7936, 8192,
      8224, 9216, 10240, 11264, 12288, 13312, 14336, 15360, 16384,
      16416, 18432, 20480, 22528, 24576, 26624, 28672, 30720, 32768,
      36864, 40960, 45056, 49152, 53248, 57344, 61440, 65536,
      73728, 81920, 90112, 98304, 106496, 114688, 122880, 131072,
      147456, 163840, 180224, 196608, 212992, 229376, 245760, 262144,
  };
  return bytes[number];
}

#endif
