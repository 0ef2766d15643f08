/*
 * hakmem_trace.h — the numbers of the allocation trace format, in one place for the recorder, the
 * replaying workload and the tools. Documentation/trace-format.md describes the format.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HAKMEM_TRACE_H
#define HAKMEM_TRACE_H

/* The file begins with a header of 32 bytes, little-endian:
 *   0  8 bytes  magic
 *   8  u32      version
 *  12  u32      size of the header: records begin there
 *  16  u64      number of records, 0 when the writer did not know it
 *  24  u32      number of threads, 0 when the writer did not know it
 *  28  u32      reserved, 0 */
#define HAKMEM_TRACE_MAGIC "HAKTRACE"
#define HAKMEM_TRACE_VERSION 1
#define HAKMEM_TRACE_HEADER_SIZE 32

/* A record is one byte that says what it is, and varints: 7 bits a byte, lowest first, the top bit
 * set in all bytes but the last, at most 10 bytes. */
enum hakmem_trace_record {
  HAKMEM_TRACE_END = 0,         /* end of the trace; nothing follows */
  HAKMEM_TRACE_THREAD = 1,      /* thread: the records that follow are its calls */
  HAKMEM_TRACE_MALLOC = 2,      /* block, size */
  HAKMEM_TRACE_CALLOC = 3,      /* block, size (count × size of the call) */
  HAKMEM_TRACE_REALLOC = 4,     /* block, size: the block keeps its number when it moves */
  HAKMEM_TRACE_ALIGNED = 5,     /* block, size, binary logarithm of the alignment */
  HAKMEM_TRACE_FREE = 6,        /* block */
  HAKMEM_TRACE_THREAD_EXIT = 7, /* the thread of the preceding records ended */
};

/* The magic for Swift, which without its runtime has no strings from macros. */
static inline const char *hakmem_trace_magic(void) { return HAKMEM_TRACE_MAGIC; }

/* Limits that readers may rely on. */
#define HAKMEM_TRACE_MAXIMUM_THREADS 4096
#define HAKMEM_TRACE_MAXIMUM_BLOCK 0xFFFFFFFEu     /* numbers of blocks are dense, from 0 */
#define HAKMEM_TRACE_MAXIMUM_ALIGNMENT_LOG2 30

#endif
