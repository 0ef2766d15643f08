/*
 * Loads and unloads a library that registers destructors, while threads that called into it are
 * alive and end afterwards.
 *
 *   dlclose_library PLUGIN
 */
#include "threads.h"
#include <semaphore.h>

static const char *path;
static sem_t called, closed;
static void *(*work)(void *);

static void *call_and_outlive(void *unused) {
  free(work(malloc(100)));
  sem_post(&called);
  sem_wait(&closed);
  use_the_heap(1);
  return unused;
}

static void load_and_unload(void) {
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  CHECK_THAT(library != NULL, "%s", dlerror());
  work = (void *(*)(void *))dlsym(library, "plugin_work");
  CHECK(work != NULL);
  pthread_t threads[4];
  for (int i = 0; i < 4; i++) {
    threads[i] = start(call_and_outlive, NULL);
  }
  for (int i = 0; i < 4; i++) {
    sem_wait(&called);
  }
  void *left = work(malloc(200000));
  CHECK(dlclose(library) == 0);
  free(left);
  for (int i = 0; i < 4; i++) {
    sem_post(&closed);
  }
  for (int i = 0; i < 4; i++) {
    join(threads[i]);
  }
}

int main(int count, char **arguments) {
  CHECK(count == 2);
  path = arguments[1];
  CHECK(sem_init(&called, 0, 0) == 0 && sem_init(&closed, 0, 0) == 0);
  for (int i = 0; i < 50; i++) {
    load_and_unload();
  }
  return 0;
}
