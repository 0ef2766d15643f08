/*
 * check.h — what every test program uses: checks that name the line that failed, parts skipped by
 * name where the allocator lacks a function, and values that the compiler cannot see through.
 */
#ifndef CHECK_H
#define CHECK_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Fails with the file, the line, the condition and a formatted explanation. Uses a buffer of its
 * own and write(), because the heap may be what is broken. */
__attribute__((noreturn, format(printf, 4, 5), unused)) static void
check_failed(const char *file, int line, const char *condition, const char *format, ...) {
  char text[1024];
  int length = snprintf(text, sizeof text, "%s:%d: failed: %s ", file, line, condition);
  va_list arguments;
  va_start(arguments, format);
  length += vsnprintf(text + length, sizeof text - (size_t)length - 1, format, arguments);
  va_end(arguments);
  if (length > (int)sizeof text - 2) {
    length = (int)sizeof text - 2;
  }
  text[length] = '\n';
  if (write(STDERR_FILENO, text, (size_t)length + 1) < 0) {
    _exit(2);
  }
#ifdef CHECK_ABORTS
  /* A fuzzer saves its input at a signal. */
  abort();
#else
  _exit(1);
#endif
}

#define CHECK(condition)                                                                           \
  ((condition) ? (void)0 : check_failed(__FILE__, __LINE__, #condition, "(errno %d)", errno))

/* CHECK with an explanation, as for printf. */
#define CHECK_THAT(condition, ...)                                                                 \
  ((condition) ? (void)0 : check_failed(__FILE__, __LINE__, #condition, __VA_ARGS__))

/* A part that this allocator does not have, named so that the caller can decide. */
#define SKIP(name) ((void)printf("skipped: %s\n", name))

/* The function `name` of whichever library provides it, or NULL. */
#define AVAILABLE(name) ((__typeof__(&name))dlsym(RTLD_DEFAULT, #name))

/* True when HAKMEM serves this process; some checks are stricter than glibc 2.36. */
static inline bool runs_on_hakmem(void) { return dlsym(RTLD_DEFAULT, "hakmem_version") != NULL; }

/* Returns its argument; the compiler no longer knows what it points to. */
static inline void *opaque(const void *pointer) {
  void *value = (void *)pointer;
  __asm__ volatile("" : "+r"(value));
  return value;
}

static inline size_t opaque_size(size_t size) {
  __asm__ volatile("" : "+r"(size));
  return size;
}

static inline bool is_aligned(const void *pointer, size_t alignment) {
  return ((uintptr_t)pointer & (alignment - 1)) == 0;
}

static inline bool holds(const void *pointer, size_t size, unsigned char value) {
  const unsigned char *bytes = (const unsigned char *)pointer;
  return size == 0 || (bytes[0] == value && memcmp(bytes, bytes + 1, size - 1) == 0);
}

/* Writes the first and the last byte of a block, and one in each page between. */
static inline void touch(void *pointer, size_t size) {
  volatile unsigned char *bytes = (volatile unsigned char *)pointer;
  for (size_t offset = 0; offset < size; offset += 4096) {
    bytes[offset] = (unsigned char)offset;
  }
  if (size > 0) {
    bytes[size - 1] = 1;
  }
}

#endif
