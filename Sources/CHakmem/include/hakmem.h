/*
 * hakmem.h — the C interface of HAKMEM, a general-purpose memory allocator for Linux.
 *
 * The library also defines the standard names (malloc, free, operator new, …); this header
 * declares the same functions under names of their own, and what the standards lack.
 *
 * Unless a function says otherwise it may be called from any thread at any time, from the first
 * instruction of a process to its last. As with malloc, none may be called from a signal handler
 * that interrupted one of them. Sizes are in bytes.
 *
 * SPDX-License-Identifier: Apache-2.0
 */
#ifndef HAKMEM_H
#define HAKMEM_H

#include <malloc.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Allocation -------------------------------------------------------------------------- */

/* Returns `size` bytes, aligned to 16, with unspecified contents; for size 0 a unique pointer.
 * NULL with errno ENOMEM when memory is exhausted or `size` exceeds PTRDIFF_MAX.
 * Source: C23 7.24.3.6, POSIX.1-2024 malloc(). */
void *hakmem_malloc(size_t size);

/* Returns a block to the heap. NULL is ignored; errno is kept. A pointer that is not a live block
 * is reported on stderr, where it can be seen, and the process aborts. Any thread may free any
 * block. Source: C23 7.24.3.3, POSIX.1-2024 free(). */
void hakmem_free(void *pointer);

/* Returns `count` × `size` zero bytes, as hakmem_malloc does. ENOMEM when the product overflows. */
void *hakmem_calloc(size_t count, size_t size);

/* Resizes a block, moving it if it must; the contents up to the smaller size are kept. NULL
 * `pointer`: as malloc. Size 0: frees the block and returns NULL, as glibc does. On failure
 * returns NULL with ENOMEM and the old block stays valid. */
void *hakmem_realloc(void *pointer, size_t size);

/* As realloc to `count` × `size`; ENOMEM when the product overflows. Source: POSIX.1-2024. */
void *hakmem_reallocarray(void *pointer, size_t count, size_t size);

/* As realloc, but frees the old block on failure. Source: FreeBSD reallocf(3). */
void *hakmem_reallocf(void *pointer, size_t size);

/* Returns `size` bytes aligned to `alignment`, which must be a power of two up to 1 GiB.
 * aligned_alloc and memalign: NULL with EINVAL for another alignment, except that memalign rounds
 * up to a power of two as glibc does; `size` need not be a multiple. */
void *hakmem_aligned_alloc(size_t alignment, size_t size);
void *hakmem_memalign(size_t alignment, size_t size);

/* Stores an aligned block in *result and returns 0, or returns EINVAL (the alignment is not a
 * power of two or not a multiple of sizeof(void *)) or ENOMEM, in errno as well, and leaves
 * *result alone. Source: POSIX.1-2024; errno as glibc sets it. */
int hakmem_posix_memalign(void **result, size_t alignment, size_t size);

/* A block aligned to the page size; pvalloc also rounds the size up to whole pages. */
void *hakmem_valloc(size_t size);
void *hakmem_pvalloc(size_t size);

/* Free with the size (and alignment) that was requested. Source: C23 7.24.3.4, 7.24.3.5. */
void hakmem_free_sized(void *pointer, size_t size);
void hakmem_free_aligned_sized(void *pointer, size_t alignment, size_t size);

/* Bytes of the block that may be used, at least what was requested; 0 for NULL. */
size_t hakmem_malloc_usable_size(void *pointer);

/* ---- Returning memory -------------------------------------------------------------------- */

/* Returns every free page that can be returned to the kernel now: this thread's cache, the
 * depots, empty slabs and SuperSlabs. Returns the bytes released. */
size_t hakmem_purge(void);

/* As glibc's malloc_trim: purges, keeping `pad` bytes of free pages; 1 if memory was released. */
int hakmem_malloc_trim(size_t pad);

/* ---- Limits ------------------------------------------------------------------------------ */

/* The heap minds the limits of the option HAKMEM_LIMIT and, as a soft limit, memory.high and 15/16
 * of memory.max of the process's control group. What counts is memory that may have pages:
 * hakmem_statistics.limited_bytes, in steps of 2 MiB for blocks up to 1 MiB. */
typedef enum hakmem_limit_event {
  HAKMEM_LIMIT_SOFT = 1, /* The soft limit is passed and all that was free was given back. Told
                            again when the heap has grown by a sixteenth of the limit. */
  HAKMEM_LIMIT_HARD = 2, /* The hard limit refuses a request and all that was free was given back.
                            The request is tried once more after the call, then it fails. */
} hakmem_limit_event_t;

/* `used` and `limit` are in bytes. */
typedef void (*hakmem_limit_callback_t)(hakmem_limit_event_t event, size_t used, size_t limit,
                                        void *argument);

/* Has `callback` called at the limits, in the thread whose request met them and before that
 * request returns, without any lock of the allocator: it may allocate and free. It must not wait
 * for locks that the program holds as it allocates. While a call lasts no other is made, of any
 * thread. NULL: none. */
void hakmem_set_limit_callback(hakmem_limit_callback_t callback, void *argument);

/* ---- Getting ready ----------------------------------------------------------------------- */

/* Makes memory ready as the option HAKMEM_PREWARM says, once more than at start. Returns the
 * SuperSlabs made ready, or for a list of sizes the blocks. */
int hak_ss_prewarm_init(void);

/* Makes slabs worth `count` SuperSlabs ready, with pages as HAKMEM_SS_PREFAULT says, for size class `size_class`
 * (1 … hakmem_size_class_count() - 1). Returns how many were made ready, or -1 with EINVAL. */
int hak_ss_prewarm_class(int size_class, int count);

/* Number of size classes, class 0 (none) included; the block size of one; the class that serves
 * `size` bytes, or 0 when size classes do not serve it. */
int hakmem_size_class_count(void);
size_t hakmem_size_class_bytes(int size_class);
int hakmem_size_class_of(size_t size);

/* ---- Inspecting -------------------------------------------------------------------------- */

/* Version of the library, "MAJOR.MINOR.PATCH"; static storage. */
const char *hakmem_version(void);

/* What the heap holds. The threads go on while it is collected, so that the figures are exact
 * only in a process whose other threads do not allocate at that moment. */
typedef struct hakmem_statistics {
  size_t live_blocks;          /* blocks that the program holds */
  size_t live_bytes;           /* their usable sizes */
  size_t live_medium_bytes;    /* of these, in page runs */
  size_t live_large_bytes;     /* of these, in mappings of their own */
  size_t thread_cache_bytes;   /* free blocks in the threads' caches */
  size_t depot_bytes;          /* free blocks in batches in the depot */
  size_t slab_free_bytes;      /* free blocks in slabs whose pages were used before */
  size_t page_free_bytes;      /* free pages that were used and not yet purged */
  size_t mapped_bytes;         /* address space mapped readable and writable for blocks */
  size_t metadata_bytes;       /* the allocator's own memory */
  size_t superslabs;           /* SuperSlabs with at least one page in use */
  size_t superslabs_warm;      /* empty SuperSlabs kept for reuse */
  size_t slabs;                /* slabs in use */
  size_t large_regions;        /* large blocks */
  size_t thread_caches;        /* thread caches in use */
  uint64_t refills;            /* times that a thread cache was filled */
  uint64_t overflows;          /* times that a thread cache gave blocks back */
  uint64_t slabs_created;      /* slabs taken from SuperSlabs */
  uint64_t slabs_retired;      /* slabs returned to them */
  uint64_t maps;               /* mmap calls */
  uint64_t unmaps;             /* munmap calls */
  uint64_t purges;             /* madvise calls that returned memory */
  uint64_t purged_bytes;       /* bytes they returned */
  uint64_t corruptions;        /* damaged free lists found and not followed */
  size_t limited_bytes;        /* what counts against the limits */
  size_t soft_limit_bytes;     /* the limits in force; 0: none */
  size_t hard_limit_bytes;
  size_t most_large_regions;   /* the most large blocks at a time since the process began */
  size_t most_large_bytes;     /* the most bytes in them */
} hakmem_statistics_t;

/* Fills *statistics, of which `size` bytes are known to the caller (pass sizeof). */
void hakmem_statistics(hakmem_statistics_t *statistics, size_t size);

/* Per size class. Returns false for a class that does not exist. */
typedef struct hakmem_class_statistics {
  size_t block_size;
  size_t live_blocks;
  size_t thread_cache_blocks;
  size_t depot_blocks;
  size_t slab_free_blocks;     /* free in slabs, used before or not */
  size_t slabs;
  uint64_t refilled_blocks;    /* blocks that thread caches took from depot and slabs so far */
  uint64_t returned_blocks;    /* blocks that they gave back; the others came and went unseen */
} hakmem_class_statistics_t;
bool hakmem_class_statistics(int size_class, hakmem_class_statistics_t *statistics, size_t size);

/* Writes the statistics as JSON to `buffer`, at most `capacity` bytes with the final NUL. Returns
 * the length that the whole text has; when that is ≥ capacity the text was cut. */
size_t hakmem_statistics_json(char *buffer, size_t capacity);

/* Calls `callback` for every live block that starts in [base, base + size). Call it between
 * hakmem_disable and hakmem_enable; the callback must not allocate. */
int hakmem_iterate(uintptr_t base, size_t size,
                   void (*callback)(uintptr_t block, size_t size, void *argument), void *argument);

/* What the memory of a heap is used for. */
typedef enum hakmem_state {
  HAKMEM_LIVE = 1,    /* blocks that the program holds */
  HAKMEM_CACHED,      /* free blocks and page runs in the threads' caches */
  HAKMEM_IN_DEPOT,    /* free blocks in the depot, at hand for all threads */
  HAKMEM_IN_SLAB,     /* free blocks in slabs, used before */
  HAKMEM_FRESH,       /* blocks that were never used */
  HAKMEM_SLAB_TAIL,   /* the end of a slab, too short for a block */
  HAKMEM_FREE_USED,   /* free pages that were used and not given back to the kernel */
  HAKMEM_FREE_CLEAN,  /* free pages without memory */
  HAKMEM_KEPT,        /* large blocks that were freed and are kept for reuse */
  HAKMEM_METADATA,    /* the allocator's own */
} hakmem_state_t;

/* Neighbouring memory of one use. */
typedef struct hakmem_stretch {
  uintptr_t start;
  size_t size;
  size_t blocks;         /* blocks that it consists of, all of one size; 0: pages */
  hakmem_state_t state;
  int size_class;        /* 0: none, as in medium and large blocks */
} hakmem_stretch_t;

/* Calls `callback` for all memory of the heap. As hakmem_iterate: call it between hakmem_disable
 * and hakmem_enable, or on a view. Returns 0, or -1 without memory for the walk. */
int hakmem_walk(void (*callback)(const hakmem_stretch_t *stretch, void *argument), void *argument);

/* Turns this library into a view of another process's heap, which the functions of this section
 * then describe as it was at this moment; that process is neither stopped nor changed. Called once
 * more it takes the view anew. For tools: the library must be a copy, loaded by dlopen, that serves
 * no allocation of the calling process, and the very same build as the one it views.
 * `load_address`: where that one was loaded. `read` copies `size` bytes of that process, or returns
 * false. Returns 0, or EBUSY (this copy serves allocations), EFAULT (a read failed), EAGAIN (that
 * process has not allocated yet), EEXIST (something of the calling process lies where metadata has
 * to go: try again in a new process), ENOMEM. Threads that change the heap meanwhile may leave
 * contradictions; figures are then off by what they changed. */
int hakmem_view(uintptr_t load_address,
                bool (*read)(uintptr_t address, void *buffer, size_t size, void *argument),
                void *argument);

/* What happened in the heap, kept for a while. */
typedef enum hakmem_event_kind {
  HAKMEM_EVENT_CORRUPTION = 1,  /* a pointer that is not a live block; see detail */
  HAKMEM_EVENT_PURGE = 2,       /* free pages went back to the kernel: size bytes in 0.1 s */
  HAKMEM_EVENT_LIMIT = 3,       /* a limit of size bytes was passed; detail: 1 soft, 2 hard */
  HAKMEM_EVENT_NO_MEMORY = 4,   /* a request of size bytes failed; detail: how many more in 0.1 s */
  HAKMEM_EVENT_COLLAPSE = 5,    /* size bytes from address on became a huge page */
} hakmem_event_kind_t;

typedef struct hakmem_event {
  uint64_t number;              /* from 1 on; 0: being written */
  uint64_t time;                /* nanoseconds since 1970 */
  uint64_t address;
  uint64_t size;
  uint32_t kind;
  uint32_t detail;              /* corruption: 1 foreign pointer, 2 interior, 3 double free,
                                 * 4 damaged block; others: see their kind */
  uint32_t thread;              /* the kernel's number of the thread */
  uint32_t reserved;
} hakmem_event_t;

/* Calls `callback` for the last events, at most HAKMEM_PAGE_EVENTS, oldest first. */
void hakmem_events(void (*callback)(const hakmem_event_t *event, void *argument), void *argument);

/* ---- The statistics page ------------------------------------------------------------------- */

/* With HAKMEM_STATS_PAGE=1 the process maps a file of this layout for others to read: see
 * Documentation/statistics.md. Numbers are the machine's. */
enum { HAKMEM_PAGE_FORMAT = 1, HAKMEM_PAGE_EVENTS = 256 };

typedef struct hakmem_page {
  char magic[8];                /* "hakmem\n" and NUL */
  uint32_t format;              /* HAKMEM_PAGE_FORMAT */
  uint32_t size;                /* bytes of the file */
  uint32_t pid;                 /* in the process's own namespace */
  uint32_t sequence;            /* odd while total and classes are replaced; read again then */
  uint64_t started;             /* nanoseconds since 1970 */
  uint64_t refreshed;           /* when total and classes were; 0: never yet */
  uint64_t event_count;         /* events so far */
  uint32_t classes_offset;      /* bytes from the start to hakmem_class_statistics_t of class 1 … */
  uint32_t class_count;
  uint32_t class_stride;
  uint32_t events_offset;       /* … and to the ring of hakmem_event_t: number n at (n - 1) mod */
  uint32_t event_capacity;      /* event_capacity */
  uint32_t event_stride;
  uint32_t total_size;          /* bytes of total that are known */
  uint32_t reserved;
  char version[16];
  hakmem_statistics_t total;
} hakmem_page_t;

/* ---- Stopping and walking ------------------------------------------------------------------ */

/* Makes other threads wait at their next allocation or free until hakmem_enable. The calling
 * thread may go on freeing and allocating. Does not nest. */
void hakmem_disable(void);
void hakmem_enable(void);

/* One option of the environment. */
typedef struct hakmem_option {
  const char *name;            /* "HAKMEM_VERBOSE" */
  const char *help;            /* one line */
  const char *range;           /* accepted values, "0…1" */
  const char *default_value;
  char value[48];              /* the value in force */
  const char *source;          /* "default", "environment", "mode" or "program" */
} hakmem_option_t;

/* Describes option number `index`, from 0; false when there is none. */
bool hakmem_option(int index, hakmem_option_t *option);

/* ---- glibc's introspection, under names of its own ------------------------------------------ */

/* As glibc's functions of these names, about this heap. Source: mallinfo(3), malloc_info(3),
 * malloc_stats(3), mallopt(3). malloc_stats ends with the lines that glibc ends with. mallopt takes
 * M_PURGE (-101, return free memory now) and M_DECAY_TIME (-100, 0: purge at once) of Android;
 * glibc's parameters are accepted and ignored. malloc_info returns -1 with EINVAL for options other
 * than 0. */
struct mallinfo hakmem_mallinfo(void);
struct mallinfo2 hakmem_mallinfo2(void);
int hakmem_malloc_info(int options, FILE *stream);
void hakmem_malloc_stats(void);
int hakmem_mallopt(int parameter, int value);

#ifdef __cplusplus
}
#endif

#endif
