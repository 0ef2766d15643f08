/*
 * interface.h — declarations of what glibc 2.36 does not declare: C23's sized deallocation, BSD's
 * reallocf, bionic's heap walk, and hakmem.h. Programs look these up with AVAILABLE.
 */
#ifndef INTERFACE_H
#define INTERFACE_H

#include "check.h"
#include <hakmem.h>

void free_sized(void *pointer, size_t size);
void free_aligned_sized(void *pointer, size_t alignment, size_t size);
void *reallocf(void *pointer, size_t size);
void cfree(void *pointer);
int malloc_iterate(uintptr_t base, size_t size, void (*callback)(uintptr_t, size_t, void *),
                   void *argument);
void malloc_disable(void);
void malloc_enable(void);

#endif
