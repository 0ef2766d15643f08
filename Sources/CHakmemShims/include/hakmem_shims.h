/* What Swift cannot say itself: thread-local storage, symbols of libc, zeroed static storage.
 * SPDX-License-Identifier: Apache-2.0 */
#ifndef HAKMEM_SHIMS_H
#define HAKMEM_SHIMS_H

#include <stddef.h>
#include <stdint.h>

#define HAKMEM_INTERNAL __attribute__((visibility("hidden")))
#define HAKMEM_INLINE static inline __attribute__((always_inline))

/* ---- The two words that both fast paths begin with ---- */

/* Addresses of the calling thread's cache headers: of the one that allocation takes blocks from and
 * of the one that free puts them into. They are the same save while the heap is sampled. They start
 * at a shared header that sends every call to the slow paths. Little more than two words, so that dlopen
 * finds room in the static TLS block. */
struct hakmem_thread_headers {
  uintptr_t allocating;
  uintptr_t freeing;
};
extern HAKMEM_INTERNAL __thread struct hakmem_thread_headers hakmem_thread_headers
    __attribute__((tls_model("initial-exec")));

HAKMEM_INLINE uintptr_t hakmem_get_allocating_header(void) {
  return hakmem_thread_headers.allocating;
}
HAKMEM_INLINE uintptr_t hakmem_get_freeing_header(void) { return hakmem_thread_headers.freeing; }
HAKMEM_INLINE void hakmem_set_thread_headers(uintptr_t allocating, uintptr_t freeing) {
  __atomic_store_n(&hakmem_thread_headers.allocating, allocating, __ATOMIC_RELAXED);
  __atomic_store_n(&hakmem_thread_headers.freeing, freeing, __ATOMIC_RELAXED);
}
HAKMEM_INLINE uintptr_t *hakmem_thread_header_words(void) {
  return &hakmem_thread_headers.allocating;
}

/* Calls that the thread made without a cache of its own. */
extern HAKMEM_INTERNAL __thread uint32_t hakmem_thread_calls
    __attribute__((tls_model("initial-exec")));
HAKMEM_INLINE uint32_t hakmem_count_thread_call(void) { return ++hakmem_thread_calls; }

/* Forks that the thread is in the middle of. */
extern HAKMEM_INTERNAL __thread uint32_t hakmem_thread_forks
    __attribute__((tls_model("initial-exec")));
HAKMEM_INLINE uint32_t *hakmem_thread_fork_depth(void) { return &hakmem_thread_forks; }

/* The class map: the entry of address A is entries[A >> 16], up to the last one. */
struct hakmem_class_map {
  const uint16_t *entries;
  uintptr_t last;
};
extern HAKMEM_INTERNAL struct hakmem_class_map hakmem_class_map;

HAKMEM_INLINE uintptr_t hakmem_class_map_entry(uintptr_t granule) {
  return hakmem_class_map.entries[granule];
}
HAKMEM_INLINE uintptr_t hakmem_class_map_last(void) { return hakmem_class_map.last; }
HAKMEM_INLINE uintptr_t hakmem_get_class_map(void) { return (uintptr_t)hakmem_class_map.entries; }
HAKMEM_INLINE void hakmem_set_class_map(uintptr_t entries, uintptr_t last) {
  hakmem_class_map.entries = (const uint16_t *)entries;
  /* Last: who sees it finds the entries. */
  __atomic_store_n(&hakmem_class_map.last, last, __ATOMIC_RELEASE);
}
/* Where both words lie, for a view of another process. */
HAKMEM_INLINE uintptr_t hakmem_class_map_words(void) { return (uintptr_t)&hakmem_class_map; }

/* Keeps an address in a register, so that what it points to is loaded and stored with a plain base
 * register: recent x86 cores forward such stores to loads without the four to five cycles that an
 * indexed address costs. */
HAKMEM_INLINE uintptr_t hakmem_in_register(uintptr_t address) {
  __asm__("" : "+r"(address));
  return address;
}

/* Neither loads nor stores move across, as far as the compiler goes: the partner makes the processors
 * do so (membarrier). */
HAKMEM_INLINE void hakmem_compiler_barrier(void) { __asm__ volatile("" ::: "memory"); }

/* Near the top of the calling function's stack. */
HAKMEM_INLINE uintptr_t hakmem_stack_address(void) {
  return (uintptr_t)__builtin_frame_address(0) & ~(uintptr_t)7;
}

/* Begins to load the line that is written soon. The compiler's own would load it for reading on the baseline
 * of x86-64, though every such processor takes this instruction (older Intel ones as none). */
HAKMEM_INLINE void hakmem_prefetch(uintptr_t address) {
#ifdef __x86_64__
  __asm__ volatile("prefetchw %0" : : "m"(*(const char *)address));
#else
  __builtin_prefetch((const void *)address, 1);
#endif
}

/* Writes a byte to each of a range, possibly of none. Swift's own way is a loop where nothing is optimised. */
HAKMEM_INLINE void hakmem_fill(uintptr_t start, size_t byte_count, uint8_t byte) {
  __builtin_memset((void *)start, byte, byte_count);
}

/* ---- Vectors beyond the baseline ---- */

/* Whether the processor has what hakmem_is_zero_wide needs. */
HAKMEM_INTERNAL int hakmem_has_wide_vectors(void);
/* 1 when at least 64 bytes are all zero. */
HAKMEM_INTERNAL int hakmem_is_zero_wide(uintptr_t start, size_t byte_count);

/* ---- Where a call came from ---- */

/* The frame pointer, which a function without a frame of its own has from its caller. */
HAKMEM_INLINE uintptr_t hakmem_frame_register(void) {
  uintptr_t value;
#if defined(__x86_64__)
  __asm__ volatile("mov %%rbp, %0" : "=r"(value));
#else
  __asm__ volatile("mov %0, x29" : "=r"(value));
#endif
  return value;
}
/* Return address of the function that this is inlined into. */
HAKMEM_INLINE uintptr_t hakmem_return_address(void) {
  return (uintptr_t)__builtin_return_address(0);
}

/* Where the main thread's stack began; 0 where libc does not tell. */
HAKMEM_INTERNAL uintptr_t hakmem_main_stack_end(void);

/* Where this library's code lies. */
HAKMEM_INTERNAL void hakmem_code_range(uintptr_t *start, uintptr_t *end);

/* ---- Profiling that a tool switches ---- */

/* Exported as hakmem_profile_control: a tool of the same user writes the other fields, then a new
 * number into `request`; the library answers in `result` (1 done, 2 refused). */
typedef struct hakmem_profile_control {
  uint32_t request;
  uint32_t served;
  uint32_t result;
  uint32_t is_on;
  uint64_t sample_bytes; /* of the heap profile; 0: none */
  char folder[232];
} hakmem_profile_control_t;

extern __attribute__((visibility("default"))) hakmem_profile_control_t hakmem_profile_control;
HAKMEM_INLINE hakmem_profile_control_t *hakmem_control(void) { return &hakmem_profile_control; }
HAKMEM_INLINE void *hakmem_control_folder(void) { return hakmem_profile_control.folder; }
/* 1 for the one thread that is to serve the request. */
HAKMEM_INLINE int hakmem_claim_request(hakmem_profile_control_t *control) {
  uint32_t request = __atomic_load_n(&control->request, __ATOMIC_ACQUIRE);
  return __atomic_exchange_n(&control->served, request, __ATOMIC_ACQ_REL) != request;
}

/* ---- Zeroed static storage, one area for each layer ---- */

/* SizeClass.count. */
enum { hakmem_size_classes = 121 };
/* The registry's root, 8 bytes for each 16 GiB of user addresses, and the class map's chunk bits. */
#if defined(__aarch64__)
enum { hakmem_root_bytes = 131072 + 8192 };
#else
enum { hakmem_root_bytes = 65536 + 4096 };
#endif
enum {
  hakmem_platform_bytes = 1856,
  hakmem_malloc_bytes = 128,
  hakmem_cache_bytes = 2112,
  hakmem_pages_bytes = 3072,
  hakmem_slabs_bytes = 3264 + 64 * hakmem_size_classes,
  hakmem_recorder_bytes = 1024,
  hakmem_monitor_bytes = 46080,
};
/* What every process uses lies close together: each page costs a small one two faults. The areas
 * share no pair of lines, which the processor may fetch together. */
#define HAKMEM_AREA(layer) _Alignas(128) char layer[hakmem_##layer##_bytes]
struct hakmem_storage {
  /* Events, and what prepares the statistics page: not touched before there is something to tell. */
  HAKMEM_AREA(monitor);
  /* Used at its end, by the addresses that the kernel gives. */
  HAKMEM_AREA(root);
  HAKMEM_AREA(platform);
  HAKMEM_AREA(malloc);
  HAKMEM_AREA(cache);
  HAKMEM_AREA(pages);
  HAKMEM_AREA(slabs);
  /* The last: a view of another process does not take it over. */
  HAKMEM_AREA(recorder);
};
extern HAKMEM_INTERNAL struct hakmem_storage hakmem_storage;
HAKMEM_INLINE void *hakmem_platform_storage(void) { return hakmem_storage.platform; }
HAKMEM_INLINE void *hakmem_malloc_storage(void) { return hakmem_storage.malloc; }
HAKMEM_INLINE void *hakmem_cache_storage(void) { return hakmem_storage.cache; }
HAKMEM_INLINE void *hakmem_pages_storage(void) { return hakmem_storage.pages; }
HAKMEM_INLINE void *hakmem_slabs_storage(void) { return hakmem_storage.slabs; }
HAKMEM_INLINE void *hakmem_recorder_storage(void) { return hakmem_storage.recorder; }
HAKMEM_INLINE void *hakmem_monitor_storage(void) { return hakmem_storage.monitor; }
HAKMEM_INLINE void *hakmem_span_root_storage(void) { return hakmem_storage.root; }
/* The areas that a view of another process takes over, as one. */
HAKMEM_INLINE void *hakmem_viewed_storage(void) { return &hakmem_storage; }
enum { hakmem_viewed_bytes = offsetof(struct hakmem_storage, recorder) };
/* Apart from them, what it knows of itself. */
HAKMEM_INTERNAL void *hakmem_view_storage(void);
/* Where the library was loaded: addresses of one process and another differ by this. */
HAKMEM_INTERNAL uintptr_t hakmem_load_address(void);
HAKMEM_INTERNAL uintptr_t hakmem_initial_cache_header(void);
HAKMEM_INTERNAL uintptr_t hakmem_exited_cache_header(void);

/* ---- libc ---- */

/* Where the thread's rseq area lies, if glibc 2.35 or newer registered one. */
extern __attribute__((weak)) const ptrdiff_t __rseq_offset;
extern __attribute__((weak)) const unsigned int __rseq_size;

/* Number of the processor that the thread runs on, or an old or arbitrary one: a hint.
 * Source: rseq(2), struct rseq.cpu_id_start. */
HAKMEM_INLINE int hakmem_has_rseq(void) { return &__rseq_size && __rseq_size != 0; }

HAKMEM_INLINE uint32_t hakmem_processor_hint(void) {
  if (!hakmem_has_rseq()) return (uint32_t)((uintptr_t)&hakmem_thread_headers >> 12);
  const char *thread = (const char *)__builtin_thread_pointer();
  return *(const volatile uint32_t *)(thread + __rseq_offset);
}

HAKMEM_INTERNAL const char *const *hakmem_environment(void);
HAKMEM_INTERNAL unsigned long hakmem_auxiliary_value(unsigned long type);
HAKMEM_INTERNAL void hakmem_set_errno(int value);
/* Coarse: about a tick of the kernel exact. */
HAKMEM_INTERNAL uint64_t hakmem_monotonic_nanoseconds(void);
/* Since 1970, about a tick of the kernel exact. */
HAKMEM_INTERNAL uint64_t hakmem_calendar_nanoseconds(void);
HAKMEM_INTERNAL uint64_t hakmem_exact_nanoseconds(void);
/* Behind the thread's thread-local variables (x86-64), or before them. */
HAKMEM_INLINE uintptr_t hakmem_thread_pointer(void) {
  return (uintptr_t)__builtin_thread_pointer();
}
HAKMEM_INTERNAL _Noreturn void hakmem_abort(void);
/* Unless another thread is at it. */
HAKMEM_INTERNAL void hakmem_flush_standard_output(void);
HAKMEM_INTERNAL void hakmem_file_write(void *stream, const char *text);
HAKMEM_INTERNAL void hakmem_create_thread_exit_key(void);
/* Has SIGSEGV pass through hakmem_report_fault on its way to the handler that is set at present. */
HAKMEM_INTERNAL void hakmem_watch_faults(void);
/* Has the thread's cache released when the thread ends. */
HAKMEM_INTERNAL int hakmem_register_thread_exit(uintptr_t cache);

/* ---- The background thread ---- */

/* Bytes of zero memory that it needs: its stack, and above it its thread-local variables. */
HAKMEM_INTERNAL size_t hakmem_background_bytes(void);
/* Starts it in such memory, with all signals blocked. Its number, -errno on failure. */
HAKMEM_INTERNAL long hakmem_start_background(uintptr_t area);
/* In Swift: what it does. Does not return. */
void hakmem_background_main(void);

enum {
  HAKMEM_AT_PAGESZ = 6,
  HAKMEM_AT_SECURE = 23,
  HAKMEM_AT_RANDOM = 25,
  HAKMEM_EAGAIN = 11,
  HAKMEM_EFAULT = 14,
  HAKMEM_EBUSY = 16,
  HAKMEM_EEXIST = 17,
  HAKMEM_EINVAL = 22,
  HAKMEM_ENOMEM = 12,
};

#endif
