/*
 * The heap is used to the very end: by destructors of pthread keys through all their rounds, by
 * destructors of thread-local objects, by atexit handlers and by destructors of the program.
 */
#include "threads.h"

int __cxa_thread_atexit_impl(void (*destructor)(void *), void *object, void *library);
extern void *__dso_handle;

static pthread_key_t keys[20];

/* Comes again until the last round, each time with a new block. */
static void key_destructor(void *block) {
  free(block);
  use_the_heap(3);
  for (int i = 0; i < 20; i++) {
    if (pthread_getspecific(keys[i]) == NULL) {
      CHECK(pthread_setspecific(keys[i], malloc(100)) == 0);
      break;
    }
  }
}

static void local_destructor(void *block) {
  free(block);
  use_the_heap(5);
}

static void *thread_with_destructors(void *unused) {
  for (int i = 0; i < 20; i++) {
    CHECK(pthread_setspecific(keys[i], malloc(64 + (size_t)i)) == 0);
  }
  for (int i = 0; i < 5; i++) {
    CHECK(__cxa_thread_atexit_impl(local_destructor, malloc(300), &__dso_handle) == 0);
  }
  return unused;
}

/* Its first contact with the heap is in a destructor. */
static void *thread_that_only_ends(void *block) {
  CHECK(pthread_setspecific(keys[0], block) == 0);
  return NULL;
}

static void *kept;

static void at_exit(void) {
  use_the_heap(7);
  free(kept);
  kept = malloc(5000);
}

__attribute__((destructor)) static void at_unload(void) {
  free(kept);
  use_the_heap(9);
}

int main(void) {
  for (int i = 0; i < 20; i++) {
    CHECK(pthread_key_create(&keys[i], key_destructor) == 0);
  }
  CHECK(atexit(at_exit) == 0);
  kept = malloc(100000);
  for (int round = 0; round < 30; round++) {
    pthread_t first = start(thread_with_destructors, NULL);
    pthread_t second = start(thread_that_only_ends, malloc(100));
    join(first);
    join(second);
  }
  CHECK(__cxa_thread_atexit_impl(local_destructor, malloc(300), &__dso_handle) == 0);
  return 0;
}
